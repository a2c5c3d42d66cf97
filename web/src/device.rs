//! WebGPU or CPU: what is asked for, and which is the better one.

use crate::convert::{Failure, Result};

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
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "webgpu" => Ok(Self::WebGpu),
            "cpu" => Ok(Self::Cpu),
            _ => Err(Failure::Argument(format!("device must be \"auto\", \"webgpu\" or \"cpu\", not \"{name}\""))),
        }
    }
}

/// Where a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// On the graphics processor.
    WebGpu,
    /// On the CPU, with SIMD.
    Cpu,
}

impl Backend {
    /// Its name in JavaScript.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebGpu => "webgpu",
            Self::Cpu => "cpu",
        }
    }
}

/// What each place needs for a step on a picture with guidance, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// On the CPU.
    pub cpu: f64,
    /// On the graphics processor.
    pub gpu: f64,
}

impl Timing {
    /// The faster one.
    pub fn backend(self) -> Backend {
        if self.gpu < self.cpu { Backend::WebGpu } else { Backend::Cpu }
    }

    /// One sentence for the visitor.
    pub fn note(self) -> String {
        let Self { cpu, gpu } = self;
        match self.backend() {
            Backend::WebGpu => format!(
                "The digits are computed on the graphics processor, with WebGPU: a step takes {gpu:.1} ms there, {cpu:.1} ms on the CPU."
            ),
            Backend::Cpu => format!(
                "The digits are computed on the CPU: a step takes {cpu:.1} ms there, {gpu:.1} ms on the graphics processor, with WebGPU."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_three_names() {
        assert_eq!(DeviceChoice::from_name("auto"), Ok(DeviceChoice::Auto));
        assert!(
            matches!(DeviceChoice::from_name("gpu"), Err(Failure::Argument(message)) if message.contains("not \"gpu\""))
        );
    }

    #[test]
    fn the_faster_place_is_taken_and_says_why() {
        let gpu = Timing { cpu: 9.0, gpu: 2.54 };
        assert_eq!(gpu.backend(), Backend::WebGpu);
        assert!(gpu.note().ends_with("a step takes 2.5 ms there, 9.0 ms on the CPU."));
        let cpu = Timing { cpu: 9.0, gpu: 30.0 };
        assert_eq!(cpu.backend(), Backend::Cpu);
        assert!(
            cpu.note()
                .starts_with("The digits are computed on the CPU: a step takes 9.0 ms there, 30.0 ms on the graph")
        );
    }
}
