//! What a device refuses.

use thiserror::Error;

use super::fields::{Fields, number, text};

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The GPU is gone: its driver was reset, or another program took it.
    #[error("the GPU was lost")]
    Lost,
    /// A batch is too large for it.
    #[error("{pictures} pictures of {height} x {width} at once need more memory than it has")]
    OutOfMemory {
        /// Pictures of the batch, with guidance twice as many as are drawn.
        pictures: usize,
        /// Height of the latents.
        height: usize,
        /// Width of the latents.
        width: usize,
    },
    /// A batch needs larger buffers or dispatches than it has.
    #[error("{pictures} pictures of {height} x {width} are more than this GPU takes at once")]
    TooLarge {
        /// Pictures of the batch, with guidance twice as many as are drawn.
        pictures: usize,
        /// Height of the latents.
        height: usize,
        /// Width of the latents.
        width: usize,
    },
    /// A buffer or a command was refused.
    #[error("{reason}")]
    Refused {
        /// What the device said, in English.
        reason: String,
    },
    /// There are more or fewer values than there must be.
    #[error("{found} values came back, {expected} were asked for")]
    Length {
        /// How many came.
        found: usize,
        /// How many were expected.
        expected: usize,
    },
}

impl DeviceError {
    #[cfg(any(feature = "burn", feature = "wgpu"))]
    pub(crate) fn refused(reason: impl ToString) -> Self {
        Self::Refused { reason: reason.to_string() }
    }

    pub(super) fn describe(&self) -> (&'static str, Fields) {
        let batch = |pictures: usize, height: usize, width: usize| {
            vec![("pictures", number(pictures)), ("height", number(height)), ("width", number(width))]
        };
        match *self {
            Self::Lost => ("gpu-lost", vec![]),
            Self::OutOfMemory { pictures, height, width } => ("gpu-memory", batch(pictures, height, width)),
            Self::TooLarge { pictures, height, width } => ("gpu-batch", batch(pictures, height, width)),
            Self::Refused { ref reason } => ("device-refused", vec![("reason", text(reason))]),
            Self::Length { found, expected } => {
                ("device-length", vec![("found", number(found)), ("expected", number(expected))])
            }
        }
    }
}

/// What a network has more of than the WebGPU kernels are made for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WebGpuLimit {
    /// Channels are computed as vec4s.
    #[error("{0} channels are not a multiple of 4")]
    Channels(usize),
    /// Heads of an attention.
    #[error("{found} attention heads are more than {most}")]
    Heads {
        /// Heads of the network.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// Channels of a head.
    #[error("{found} channels of an attention head are more than {most}")]
    HeadChannels {
        /// Channels of a head of the network.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// Tokens of a class.
    #[error("{found} tokens per class are more than {most}")]
    Tokens {
        /// Tokens of the model's classes.
        found: usize,
        /// The limit.
        most: usize,
    },
}
