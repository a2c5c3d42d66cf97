//! `--precision`, of weights files.

use diffusion::quantize::Quantization;
use diffusion::tensors::Precision;

/// `--precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Float {
    /// 32 bits
    F32,
    /// 16 bits, half the download
    F16,
    /// 16 bits with the range of 32
    Bf16,
    /// 8 bits, 3 of them behind the point, up to 448
    #[value(name = "f8_e4m3")]
    F8E4m3,
    /// 8 bits, 2 of them behind the point, up to 57344
    #[value(name = "f8_e5m2")]
    F8E5m2,
}

impl From<Float> for Precision {
    fn from(float: Float) -> Self {
        match float {
            Float::F32 => Self::F32,
            Float::F16 => Self::F16,
            Float::Bf16 => Self::Bf16,
            Float::F8E4m3 => Self::F8E4m3,
            Float::F8E5m2 => Self::F8E5m2,
        }
    }
}

/// `--precision` of `export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Exported {
    /// f16, and quantized to 6 bits, to 8 what needs them
    Int6,
    /// f16, and quantized to 8 bits
    Int8,
    /// 32 bits
    F32,
    /// 16 bits, half the download
    F16,
    /// 16 bits with the range of 32
    Bf16,
    /// 8 bits, 3 of them behind the point, up to 448
    #[value(name = "f8_e4m3")]
    F8E4m3,
    /// 8 bits, 2 of them behind the point, up to 57344
    #[value(name = "f8_e5m2")]
    F8E5m2,
}

impl Exported {
    /// Of the weights files, and of those beside them.
    pub fn parts(self) -> (Precision, Option<Quantization>) {
        match self {
            Self::Int6 => (Precision::F16, Some(Quantization::Int6)),
            Self::Int8 => (Precision::F16, Some(Quantization::Int8)),
            Self::F32 => (Precision::F32, None),
            Self::F16 => (Precision::F16, None),
            Self::Bf16 => (Precision::Bf16, None),
            Self::F8E4m3 => (Precision::F8E4m3, None),
            Self::F8E5m2 => (Precision::F8E5m2, None),
        }
    }
}
