//! The loss of a part of a batch, in burn's graph. Tests: here.

use burn::tensor::{Device, Tensor, TensorData};
use diffusion::autoencoder::burn::BurnAutoencoder;
use diffusion::ops::Ops;

use crate::config::LossKind;

/// Sizes at which edges are compared: the pictures' own, half and a quarter.
const SIZES: usize = 3;

/// What the losses weigh.
#[derive(Debug, Clone, Copy)]
pub struct Weights {
    /// The loss between pixels.
    pub pixels: LossKind,
    /// See [`AutoencoderSettings::edge_weight`](crate::config::AutoencoderSettings::edge_weight).
    pub edges: f64,
    /// See [`AutoencoderSettings::kl_weight`](crate::config::AutoencoderSettings::kl_weight).
    pub kl: f64,
}

/// A part of a batch.
#[derive(Debug, Clone)]
pub struct Part {
    /// Pictures `[b, channels, side, side]`.
    pub pictures: Vec<f32>,
    /// That shape.
    pub shape: [usize; 4],
    /// Standard normal, of the latents' shape; empty for the mean alone.
    pub noise: Vec<f32>,
}

/// The mean over the part's pictures of: the loss between pixels, that between edges, and the latents' distance from a standard
/// normal distribution (KL; arXiv 1312.6114, appendix B), all by value of a picture (arXiv 2112.10752, eq. 25, without the
/// discriminator).
pub fn loss(part: Part, network: &BurnAutoencoder, weights: Weights, device: &Device, ops: Ops) -> Tensor<1> {
    let values = part.pictures.len() as f64;
    let pictures = Tensor::<4>::from_data(TensorData::new(part.pictures, part.shape), device);
    let [mean, log_variance] = network.encode(pictures.clone(), ops);
    let latents = match part.noise.is_empty() {
        true => mean.clone(),
        false => {
            let noise = Tensor::<4>::from_data(TensorData::new(part.noise, mean.dims()), device);
            mean.clone() + (log_variance.clone() * 0.5).exp() * noise
        }
    };
    let difference = network.decode(latents, ops) - pictures;
    let mut loss = pixels(difference.clone(), weights.pixels);
    if weights.edges > 0.0 {
        loss = loss + edges(difference) * weights.edges;
    }
    if weights.kl > 0.0 {
        let kl = mean.square() + log_variance.clone().exp() - log_variance - 1.0;
        loss = loss + kl.sum() * (0.5 * weights.kl / values);
    }
    loss
}

/// Mean loss of differences.
fn pixels(difference: Tensor<4>, kind: LossKind) -> Tensor<1> {
    match kind {
        LossKind::L1 => difference.abs().mean(),
        LossKind::L2 => difference.square().mean(),
        LossKind::Huber => {
            let size = difference.abs();
            let near = size.clone().clamp_max(1.0);
            (near.clone().square() * 0.5 + (size - near)).mean()
        }
    }
}

/// Mean absolute difference between the edges of two pictures, of which this is the difference, at several sizes: edges are linear
/// in the picture.
fn edges(mut difference: Tensor<4>) -> Tensor<1> {
    let mut sum: Option<Tensor<1>> = None;
    for size in 0..SIZES {
        if size > 0 {
            difference = halved(difference);
        }
        let [.., h, w] = difference.dims();
        if h < 2 || w < 2 {
            break;
        }
        let down = difference.clone().narrow(2, 1, h - 1) - difference.clone().narrow(2, 0, h - 1);
        let right = difference.clone().narrow(3, 1, w - 1) - difference.clone().narrow(3, 0, w - 1);
        let here = down.abs().mean() + right.abs().mean();
        sum = Some(sum.map_or(here.clone(), |sum| sum + here));
    }
    sum.unwrap_or_else(|| Tensor::zeros([1], &difference.device()))
}

/// Means of 2 x 2 pixels.
fn halved(map: Tensor<4>) -> Tensor<4> {
    let [b, c, h, w] = map.dims();
    let (h, w) = (h / 2, w / 2);
    let even = map.narrow(2, 0, 2 * h).narrow(3, 0, 2 * w);
    even.reshape([b * c, h, 2, w * 2]).sum_dim(2).reshape([b * c, h, w, 2]).sum_dim(3).reshape([b, c, h, w]) * 0.25
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f32], shape: [usize; 4]) -> Tensor<4> {
        Tensor::<1>::from_floats(values, &Device::flex()).reshape(shape)
    }

    fn value(tensor: Tensor<1>) -> f32 {
        tensor.into_data().try_to_vec::<f32>().unwrap()[0]
    }

    #[test]
    fn edges_are_counted_at_each_size() {
        // One bright pixel: two edges in a column of 12 each way, then the same of a quarter at half the size.
        let mut values = [0.0; 16];
        values[5] = 1.0;
        let expected = 4.0 / 12.0 + 2.0 * 0.25 / 2.0;
        assert!((value(edges(map(&values, [1, 1, 4, 4]))) - expected).abs() < 1e-6);
        assert_eq!(value(edges(map(&[3.0; 16], [1, 1, 4, 4]))), 0.0);
        let halved = halved(map(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1, 1, 2, 4]));
        assert_eq!(halved.into_data().try_to_vec::<f32>().unwrap(), [3.5, 5.5]);
    }

    #[test]
    fn the_loss_of_pixels_is_as_it_is_called() {
        let difference = || map(&[0.5, -2.0, 0.0, 1.0], [1, 1, 2, 2]);
        assert_eq!(value(pixels(difference(), LossKind::L1)), 3.5 / 4.0);
        assert_eq!(value(pixels(difference(), LossKind::L2)), 5.25 / 4.0);
        assert_eq!(value(pixels(difference(), LossKind::Huber)), (0.125 + 1.5 + 0.5) / 4.0);
    }
}
