//! `--precision`, of weights files.

use diffusion::tensors::Precision;

/// `--precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Float {
    /// 32 bits
    F32,
    /// 16 bits, half the download
    F16,
}

impl From<Float> for Precision {
    fn from(float: Float) -> Self {
        match float {
            Float::F32 => Self::F32,
            Float::F16 => Self::F16,
        }
    }
}
