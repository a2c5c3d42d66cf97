//! What is multiplied out before a run, since it does not depend on the picture.

/// Entry of one of the four 2 x 2 kernels that a 3 x 3 convolution after an enlargement to double size (nearest neighbour)
/// comes to. A pixel of the result sees only two by two pixels of the small map; for each of the four places in a square of the
/// result, the taps that fall on the same small pixel are added up. `kernel`: the nine of an input and an output channel.
pub fn doubled(kernel: &[f32], place: usize, tap: usize) -> f32 {
    // Which rows of the kernel fall on the first and on the second pixel, for an even and for an odd place.
    const TAPS: [[&[usize]; 2]; 2] = [[&[0], &[1, 2]], [&[0, 1], &[2]]];
    let (ys, xs) = (TAPS[place / 2][tap / 2], TAPS[place % 2][tap % 2]);
    ys.iter().flat_map(|y| xs.iter().map(move |x| kernel[y * 3 + x])).sum()
}

/// What a cross-attention's matrices are made of, but for keys and values.
#[derive(Debug, Clone)]
pub struct CrossWeights {
    /// `[dim, dim]`, a row for each channel of the heads (in the file `to_out` has a column).
    to_q: Vec<f32>,
    to_out: Vec<f32>,
    heads: usize,
}

/// Cross-attention to the tokens of one class. What a query meets is always `K Wq`, what the weights gather is always
/// `Wo V`: a step is left with two small products.
#[derive(Debug, Clone)]
pub struct ClassMatrices {
    /// `[heads · tokens, dim]`: a pixel's normed channels to its scores, scaled already.
    pub scores: Vec<f32>,
    /// `[heads · tokens, dim]`: its weights to what is added to it.
    pub gather: Vec<f32>,
}

impl CrossWeights {
    /// From the file's `to_q` and `to_out.0`, `[dim, dim]`.
    pub fn new(to_q: &[f32], to_out: &[f32], heads: usize) -> Self {
        let dim = to_q.len().isqrt();
        let to_out = (0..dim * dim).map(|i| to_out[i % dim * dim + i / dim]).collect();
        Self { to_q: to_q.to_vec(), to_out, heads }
    }

    /// For a class whose keys and values are `kv [tokens, 2 · dim]`; `column` says where a head's score of a token is.
    pub fn fold(&self, kv: &[f32], column: impl Fn(usize, usize) -> usize) -> ClassMatrices {
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
