//! Messages to the person at the terminal.

/// Writes a line to stderr, as `eprintln!` does. That one panics when nobody reads stderr any more; a training run must
/// go on when its terminal is gone.
#[doc(hidden)]
#[macro_export]
macro_rules! __say {
    ($($message:tt)*) => {{
        use ::std::io::Write as _;
        // Where stderr is closed, nobody would read of the failure either.
        let _ = ::std::writeln!(::std::io::stderr(), $($message)*);
    }};
}

pub use __say as say;
