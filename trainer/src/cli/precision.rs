//! `--precision`, of weights files.

use clap::builder::PossibleValue;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exported {
    /// f16, and quantized files beside it.
    Quantized(Quantization),
    /// These alone.
    Plain(Float),
}

impl clap::ValueEnum for Exported {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Quantized(Quantization::Int6),
            Self::Quantized(Quantization::Int8),
            Self::Plain(Float::F32),
            Self::Plain(Float::F16),
            Self::Plain(Float::Bf16),
            Self::Plain(Float::F8E4m3),
            Self::Plain(Float::F8E5m2),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let quantized = |kind: Quantization, help| PossibleValue::new(kind.name()).help(help);
        match self {
            Self::Quantized(Quantization::Int6) => {
                Some(quantized(Quantization::Int6, "f16, and quantized to 6 bits, to 8 what needs them"))
            }
            Self::Quantized(Quantization::Int8) => Some(quantized(Quantization::Int8, "f16, and quantized to 8 bits")),
            Self::Plain(float) => float.to_possible_value(),
        }
    }
}

impl Exported {
    /// Of the weights files, and of those beside them.
    pub fn parts(self) -> (Precision, Option<Quantization>) {
        match self {
            Self::Quantized(quantization) => (Precision::F16, Some(quantization)),
            Self::Plain(float) => (float.into(), None),
        }
    }
}
