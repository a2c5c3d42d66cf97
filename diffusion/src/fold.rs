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

/// The weights of a cross-attention as in the file: `to_q` and `to_out` `[dim, dim]`, `to_k` and `to_v` `[dim, width]`.
#[derive(Debug, Clone, Copy)]
pub struct CrossWeights<'a> {
    /// Queries.
    pub to_q: &'a [f32],
    /// Keys.
    pub to_k: &'a [f32],
    /// Values.
    pub to_v: &'a [f32],
    /// What leads out.
    pub to_out: &'a [f32],
    /// Attention heads.
    pub heads: usize,
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

/// For the class of these tokens, `context [tokens, width]`.
pub fn class_matrices(weights: &CrossWeights<'_>, context: &[f32], width: usize) -> ClassMatrices {
    let CrossWeights { to_q, to_k, to_v, to_out, heads } = *weights;
    let (dim, tokens) = (to_k.len() / width, context.len() / width);
    let head = dim / heads;
    let scale = 1.0 / (head as f32).sqrt();
    let project = |weight: &[f32]| -> Vec<f32> {
        let row = |token: &[f32], out: &[f32]| token.iter().zip(out).map(|(x, w)| x * w).sum::<f32>();
        context.chunks_exact(width).flat_map(|t| weight.chunks_exact(width).map(move |w| row(t, w))).collect()
    };
    let (keys, values) = (project(to_k), project(to_v));
    // Row by row, so that the inner loops run along memory.
    let (mut scores, mut gather) = (vec![0f32; dim * heads * tokens], vec![0f32; dim * heads * tokens]);
    for h in 0..heads {
        for t in 0..tokens {
            let column = h * tokens + t;
            for d in h * head..(h + 1) * head {
                let (key, value) = (keys[t * dim + d] * scale, values[t * dim + d]);
                for c in 0..dim {
                    scores[column * dim + c] += key * to_q[d * dim + c];
                    gather[column * dim + c] += value * to_out[c * dim + d];
                }
            }
        }
    }
    ClassMatrices { scores, gather }
}
