//! Training, evaluation and pictures.
#![deny(missing_docs)]

pub mod classifier;
pub mod config;
pub mod data;
pub mod error;
pub mod eval;
pub mod files;
pub mod inspect;
pub mod parallel;
pub mod picture;
pub mod sampling;
pub mod session;
pub mod store;
pub mod styles;
#[cfg(test)]
mod testing;
pub mod train;

/// `eprintln!`, but for its panic where nobody reads any more: a run goes on when its terminal is gone.
#[macro_export]
macro_rules! say {
    ($($told:tt)*) => {{
        use ::std::io::Write as _;
        let _ = ::std::writeln!(::std::io::stderr(), $($told)*);
    }};
}
