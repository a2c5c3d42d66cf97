//! Where to compute.

use burn::tensor::Device;
use clap::ValueEnum;

/// `--device`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceName {
    /// The CPU
    #[default]
    Flex,
    /// The CPU, by burn's older backend (slow; a second opinion)
    Ndarray,
}

impl DeviceName {
    /// The plain device (no autodiff).
    pub fn open(self) -> Device {
        match self {
            Self::Flex => Device::flex(),
            // Deprecated by burn in favour of flex; kept because two implementations check each other.
            #[allow(deprecated)]
            Self::Ndarray => Device::ndarray(),
        }
    }
}
