//! Values of JavaScript and Rust's: what the engine (crate `web`) and the training module (crate `web-training`) share. Two modules
//! that are fetched apart, of one way to take arguments and to fail. It exports nothing to JavaScript itself.
//!
//! | module | what it is |
//! |---|---|
//! | [`arguments`] | JavaScript values to Rust values, with a clear error for each mistake |
//! | [`base`] | a base folder's files |
//! | [`objects`] | objects and errors of JavaScript, made of Rust values |
//! | [`mod@panic`] | the last words of a module that broke |
#![deny(missing_docs)]

pub mod arguments;
pub mod base;
pub mod objects;
pub mod panic;
