//! WebGPU or CPU: what is asked for, which is the better one, and why.

use wasm_bindgen::JsValue;

use web_values::objects::{describe_model_error, object, set};

/// What the caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The CPU first; WebGPU as soon as it has shown that it computes correctly and faster.
    Auto,
    /// WebGPU or an error.
    WebGpu,
    /// The CPU.
    Cpu,
}

impl DeviceChoice {
    /// The choice of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "webgpu" => Some(Self::WebGpu),
            "cpu" => Some(Self::Cpu),
            _ => None,
        }
    }
}

/// Where a model computes, as JavaScript names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendName {
    /// On the GPU.
    WebGpu,
    /// On the CPU, with SIMD.
    Cpu,
}

impl BackendName {
    /// Its name in JavaScript.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebGpu => "webgpu",
            Self::Cpu => "cpu",
        }
    }
}

/// How long each backend takes for a step on one picture with guidance, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// On the CPU.
    pub cpu: f64,
    /// On the GPU.
    pub gpu: f64,
}

impl Timing {
    /// The faster one.
    pub fn backend(self) -> BackendName {
        if self.gpu < self.cpu { BackendName::WebGpu } else { BackendName::Cpu }
    }
}

/// Why the model computes where it does. JavaScript makes a sentence of it.
#[derive(Debug)]
pub enum Reason {
    /// Every model begins on the CPU.
    Start,
    /// The caller has chosen it.
    Chosen,
    /// The caller has chosen WebGPU, which is only emulated on this machine.
    ChosenEmulated,
    /// It is the faster one.
    Measured(Timing),
    /// WebGPU is only emulated on this machine, and slower than the CPU.
    Emulated,
    /// WebGPU cannot be used.
    NoWebGpu(NoWebGpu),
}

/// Why WebGPU cannot be used.
#[derive(Debug)]
pub enum NoWebGpu {
    /// The browser does not have it.
    Browser,
    /// The browser has it for pages served over HTTPS only.
    Insecure,
    /// The browser has it, and finds no GPU.
    Machine,
    /// No device could be opened. What the browser said.
    NotStarted(String),
    /// The device refused the model.
    Refused(diffusion::Error),
    /// The device's output is not the CPU's. The largest difference.
    Wrong(f32),
}

impl Reason {
    /// As JavaScript sees it: `{ code, cpuMs?, gpuMs?, … }`.
    pub fn record(&self) -> JsValue {
        let code = match self {
            Self::Start => "start",
            Self::Chosen => "chosen",
            Self::ChosenEmulated => "chosen-emulated",
            Self::Emulated => "emulated",
            Self::Measured(Timing { cpu, gpu }) => {
                return object([("code", "measured".into()), ("cpuMs", (*cpu).into()), ("gpuMs", (*gpu).into())]);
            }
            Self::NoWebGpu(why) => return why.record(),
        };
        object([("code", code.into())])
    }
}

impl NoWebGpu {
    /// As JavaScript sees it: `{ code, reason?, error?, difference? }`.
    pub fn record(&self) -> JsValue {
        let (code, detail) = match self {
            Self::Browser => ("browser", None),
            Self::Insecure => ("insecure", None),
            Self::Machine => ("machine", None),
            Self::NotStarted(reason) => ("not-started", Some(("reason", reason.into()))),
            Self::Refused(error) => {
                // A plain object: an Error would lose its properties on the way out of a worker.
                ("refused", Some(("error", describe_model_error(object([]), error))))
            }
            Self::Wrong(difference) => ("wrong", Some(("difference", (*difference).into()))),
        };
        let record = object([("code", code.into())]);
        if let Some((name, value)) = detail {
            set(&record, name, &value);
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_three_names() {
        assert_eq!(DeviceChoice::from_name("auto"), Some(DeviceChoice::Auto));
        assert_eq!(DeviceChoice::from_name("gpu"), None);
    }

    #[test]
    fn the_faster_backend_is_taken() {
        assert_eq!(Timing { cpu: 9.0, gpu: 2.54 }.backend(), BackendName::WebGpu);
        assert_eq!(Timing { cpu: 9.0, gpu: 30.0 }.backend(), BackendName::Cpu);
        assert_eq!(Timing { cpu: 9.0, gpu: 9.0 }.backend(), BackendName::Cpu);
    }
}
