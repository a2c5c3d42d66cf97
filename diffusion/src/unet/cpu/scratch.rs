//! Memory that a run of the network works with.

use cpu_kernels::buffers::Buffers;

/// Attention of the pixels of one picture to each token of its class in one layer, the mean of the heads:
/// `[pixels, tokens]`.
pub type AttentionMap = Vec<f32>;

/// Buffers that go from layer to layer and from step to step.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) buffers: Buffers,
    /// Where cross-attention records its weights, if someone asks for them: one map per layer.
    pub(super) attention_maps: Option<Vec<AttentionMap>>,
}
