//! The GPU adapter that the browser offers, looked at before a device is opened.

use std::result::Result;

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::device::NoWebGpu;
use web_values::objects::object;

/// What a GPU adapter calls itself when there is no GPU behind it (Chromium, Mesa, Windows).
const EMULATORS: [&str; 4] = ["swiftshader", "llvmpipe", "lavapipe", "basic render"];

fn is_emulator(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    EMULATORS.iter().any(|name| words.contains(name))
}

// The few things of WebGPU that are looked at before a device is opened. In web-sys they are unstable.
#[wasm_bindgen]
extern "C" {
    /// The global object of a page or a worker.
    type Scope;
    #[wasm_bindgen(method, getter)]
    fn navigator(this: &Scope) -> Option<Navigator>;
    #[wasm_bindgen(method, getter, js_name = isSecureContext)]
    fn is_secure_context(this: &Scope) -> Option<bool>;

    type Navigator;
    #[wasm_bindgen(method, getter)]
    fn gpu(this: &Navigator) -> Option<Gpu>;

    type Gpu;
    #[wasm_bindgen(method, catch, js_name = requestAdapter)]
    async fn request_adapter(this: &Gpu, options: &JsValue) -> Result<JsValue, JsValue>;

    type Adapter;
    #[wasm_bindgen(method, getter)]
    fn info(this: &Adapter) -> Option<AdapterInfo>;
    /// Where browsers had it before `info`.
    #[wasm_bindgen(method, getter, js_name = isFallbackAdapter)]
    fn is_fallback(this: &Adapter) -> Option<bool>;

    type AdapterInfo;
    #[wasm_bindgen(method, getter)]
    fn architecture(this: &AdapterInfo) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn description(this: &AdapterInfo) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = isFallbackAdapter)]
    fn is_fallback(this: &AdapterInfo) -> Option<bool>;
}

/// Whether the GPU is emulated by the CPU.
///
/// # Errors
/// Why there is none.
pub async fn is_emulated() -> Result<bool, NoWebGpu> {
    let scope: Scope = js_sys::global().unchecked_into();
    let Some(gpu) = scope.navigator().and_then(|navigator| navigator.gpu()) else {
        return Err(match scope.is_secure_context() {
            Some(false) => NoWebGpu::Insecure,
            _ => NoWebGpu::Browser,
        });
    };
    let options = object([("powerPreference", "high-performance".into())]);
    match gpu.request_adapter(&options).await {
        Ok(adapter) if adapter.is_object() => Ok(names_itself_emulated(adapter.unchecked_ref())),
        _ => Err(NoWebGpu::Machine),
    }
}

fn names_itself_emulated(adapter: &Adapter) -> bool {
    let info = adapter.info();
    let mut words = info.iter().flat_map(|info| [info.architecture(), info.description()]).flatten();
    adapter.is_fallback() == Some(true)
        || info.as_ref().and_then(AdapterInfo::is_fallback) == Some(true)
        || words.any(|words| is_emulator(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulators_are_known_by_name() {
        assert!(is_emulator("SwiftShader"));
        assert!(is_emulator(" Microsoft Basic Render Driver"));
        assert!(!is_emulator("ampere NVIDIA GeForce"));
    }
}
