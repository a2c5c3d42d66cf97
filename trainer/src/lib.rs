//! Training, evaluation and pictures: everything that the `trainer` program does, as a library.
//!
//! The way of a run: [`config`] and [`data`] (with [`styles`]) go into [`train::Trainer`], [`session`] logs it, [`store`]
//! writes what comes out; [`turbo`] records
//! what an adapter for few steps learns. [`autoencoder`] trains what makes pictures smaller and larger again. [`classifier`] and [`eval`] measure it, [`sampling`] and [`picture`] draw it. [`ranks`] are
//! the processes that share its work.
#![deny(missing_docs)]

pub mod autoencoder;
pub mod classifier;
pub mod config;
pub mod data;
pub mod error;
pub mod eval;
pub mod files;
pub mod inspect;
pub mod messages;
pub mod parallel;
pub mod picture;
pub mod ranks;
pub mod sampling;
pub mod session;
pub mod store;
pub mod styles;
#[cfg(test)]
mod testing;
mod text;
pub mod train;
pub mod turbo;
