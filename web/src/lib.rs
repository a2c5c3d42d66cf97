//! The JavaScript face of `diffusion`: what the page's worker calls. No mathematics here, only arguments,
//! answers, and the choice of the device.
//!
//! | module | what it is |
//! |---|---|
//! | [`engine`], [`run`] | the two classes: a loaded model, and a run of its sampler |
//! | [`network`] | the network alone, for workers that compute rows of a run's batch |
//! | [`device`], [`gpu`], [`gpu_adapter`] | WebGPU or CPU, and why |
//! | [`convert`] | what callers ask for, as requests of `diffusion` |
//! | [`failure`] | what is thrown: Rust's errors with their code and fields |
//! | [`pixels`] | latents to what a canvas takes |
#![deny(missing_docs)]

pub mod convert;
pub mod device;
pub mod engine;
pub mod failure;
pub mod gpu;
pub mod gpu_adapter;
pub mod network;
pub mod pixels;
pub mod run;
mod types;

use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::wasm_bindgen;
use web_values::{arguments, panic};

use failure::Failure;

/// Runs once, when the module has been loaded.
#[wasm_bindgen(start, skip_typescript)]
fn start() {
    panic::install_hook();
}

/// SHA-256 of some bytes, in lower-case hex.
#[wasm_bindgen]
pub fn sha256(
    #[wasm_bindgen(unchecked_param_type = "Uint8Array")] bytes: &wasm_bindgen::JsValue,
) -> Result<String, Failure> {
    Ok(hex_sha256(&[&arguments::bytes(bytes, "bytes")?]))
}

/// The names of a base's shards, in order, from the text of `diffusion_pytorch_model.safetensors.index.json`.
#[wasm_bindgen(js_name = shardNames)]
pub fn shard_names(
    #[wasm_bindgen(unchecked_param_type = "string")] index: &wasm_bindgen::JsValue,
) -> Result<Vec<String>, Failure> {
    Ok(diffusion::base::shards(&arguments::text(index, "index")?)?)
}

/// What `Engine.sample` takes where an option is left out.
#[wasm_bindgen(unchecked_return_type = "SampleDefaults")]
pub fn defaults() -> wasm_bindgen::JsValue {
    convert::defaults()
}

/// Version of this engine.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

/// What the engine said when it broke, if it did: to be asked after a `WebAssembly.RuntimeError`.
/// A broken engine can do nothing else any more; load the module again.
#[wasm_bindgen(js_name = lastPanic)]
pub fn last_panic() -> Option<String> {
    panic::last()
}

/// Of pieces one after the other.
fn hex_sha256(pieces: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    format!("{:x}", hasher.finalize())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hash_is_lower_case_hex() {
        assert_eq!(
            super::hex_sha256(&[b"a", b"bc"]),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
