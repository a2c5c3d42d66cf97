//! The JavaScript face of training: what `www/training.js`, the worker that teaches, calls. A module of its own beside the engine
//! (crate `web`), so that nobody fetches it who does not teach. No mathematics here, only arguments and answers.
//!
//! | module | what it is |
//! |---|---|
//! | [`mod@prepare`] | what people bring, as the pictures that the network sees |
//! | [`base`] | the base that is taught on |
//! | [`teacher`] | the lead of a run: its steps, what has been learnt, checkpoints, files |
//! | [`network`] | what computes the jobs of a run, here or in a worker that helps |
//! | [`failure`] | what is thrown: Rust's errors with their code and fields |
#![deny(missing_docs)]

pub mod base;
pub mod failure;
pub mod network;
pub mod prepare;
pub mod teacher;
mod types;

use wasm_bindgen::prelude::wasm_bindgen;
use web_values::panic;

/// Runs once, when the module has been loaded.
#[wasm_bindgen(start, skip_typescript)]
fn start() {
    panic::install_hook();
}

/// What the module said when it broke, if it did: to be asked after a `WebAssembly.RuntimeError`.
/// A broken module can do nothing else any more; load it again.
#[wasm_bindgen(js_name = lastPanic)]
pub fn last_panic() -> Option<String> {
    panic::last()
}
