//! Products that do not depend on the picture, multiplied out once: when the weights are packed, or when a run begins.
//!
//! Tests: `tests/it/unet.rs` compares all three networks.

/// The projections of a cross-attention that do not depend on the class.
#[derive(Debug, Clone)]
pub struct CrossAttentionWeights {
    /// `[dim, dim]`, a row for each channel of the heads.
    to_q: Vec<f32>,
    /// `[dim, dim]`, a row for each channel of the heads: transposed from the file's `to_out.0`.
    to_out: Vec<f32>,
    heads: usize,
}

/// Cross-attention to the tokens of one class. Its keys K and values V are constants of a run, so `K Wq` and `Wo V` are
/// multiplied out: a step is left with two small products.
#[derive(Debug, Clone)]
pub struct ClassMatrices {
    /// `[heads · tokens, dim]`: from a pixel's normed channels to its scores, already divided by sqrt(head dim).
    pub scores: Vec<f32>,
    /// `[heads · tokens, dim]`: from a pixel's attention weights to what is added to its channels.
    pub gather: Vec<f32>,
}

impl CrossAttentionWeights {
    /// From the file's `to_q` and `to_out.0`, `[dim, dim]`.
    pub fn new(to_q: &[f32], to_out: &[f32], heads: usize) -> Self {
        let dim = to_q.len().isqrt();
        let to_out = (0..dim * dim).map(|i| to_out[i % dim * dim + i / dim]).collect();
        Self { to_q: to_q.to_vec(), to_out, heads }
    }

    /// For a class whose keys and values are `kv [tokens, 2 · dim]`; `column(head, token)` is the row of both results.
    pub fn for_class(&self, kv: &[f32], column: impl Fn(usize, usize) -> usize) -> ClassMatrices {
        let dim = self.to_q.len().isqrt();
        let (tokens, head) = (kv.len() / (2 * dim), dim / self.heads);
        let scale = 1.0 / (head as f32).sqrt();
        let add = |sums: &mut [f32], factor: f32, row: &[f32]| {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += factor * x);
        };
        // Row by row, so that the inner loops run along memory.
        let columns = dim * self.heads * tokens;
        let (mut scores, mut gather) = (vec![0f32; columns], vec![0f32; columns]);
        for (t, kv) in kv.chunks_exact(2 * dim).enumerate() {
            for d in 0..dim {
                let (column, row) = (column(d / head, t) * dim, d * dim..(d + 1) * dim);
                add(&mut scores[column..column + dim], scale * kv[d], &self.to_q[row.clone()]);
                add(&mut gather[column..column + dim], kv[dim + d], &self.to_out[row]);
            }
        }
        ClassMatrices { scores, gather }
    }
}
