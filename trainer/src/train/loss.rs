//! The loss of a job in burn's graph. Without it, by `diffusion::training::loss`, which has the same formulas.
//!
//! Tests: here; `tests/it/gradients.rs` compares the two.

use burn::tensor::{Device, Tensor, TensorData};
use diffusion::config::ModelInfo;
use diffusion::ops::Ops;
use diffusion::training::{Job, LossKind};
use diffusion::unet::burn::{BurnUNet, class_rows};

use crate::error::Result;

/// The weighted sum over a job's pictures of their losses, `[1]`.
///
/// # Errors
/// Classes that the model does not have.
pub fn job_loss(job: &Job, unet: &BurnUNet, info: &ModelInfo, device: &Device, operations: Ops) -> Result<Tensor<1>> {
    let (b, [side, _]) = (job.len(), [info.image_size / info.patch_size; 2]);
    let tensor = |values: &[f32]| {
        let channels = values.len() / (b * side * side);
        Tensor::<4>::from_data(TensorData::new(values.to_vec(), [b, channels, side, side]), device)
    };
    let context = unet.context(class_rows(&job.labels, info, device)?);
    let output = unet.forward(tensor(&job.noisy), &job.timesteps, context, operations);
    let weights = Tensor::from_data(TensorData::new(job.weights.clone(), [b, 1]), device);
    Ok(weighted_loss(job.loss, output, tensor(&job.target), weights))
}

/// The sum over pictures of weight times the mean loss of the picture.
///
/// # Shapes
/// `output`, `target` `[b, c, h, w]`, `weights` `[b, 1]` -> `[1]`.
fn weighted_loss(kind: LossKind, output: Tensor<4>, target: Tensor<4>, weights: Tensor<2>) -> Tensor<1> {
    let [b, c, h, w] = output.dims();
    let error = (output - target).reshape([b, c * h * w]);
    let each = match kind {
        LossKind::L1 => error.abs(),
        LossKind::L2 => error.square(),
        // Huber's loss with delta 1: squared inside, absolute outside.
        LossKind::Huber => {
            let size = error.abs();
            let inside = size.clone().clamp_max(1.0);
            inside.clone().square() * 0.5 + (size - inside)
        }
    };
    (each.mean_dim(1) * weights).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tiny_unet;

    #[test]
    fn every_loss_is_the_weighted_mean_of_its_formula() {
        let tensor = |values: [f32; 4]| Tensor::<1>::from_floats(values, &Device::flex()).reshape([2, 2, 1, 1]);
        for (kind, expected) in [
            (LossKind::L1, [(0.5 + 2.0) / 2.0, (0.0 + 1.0) / 2.0]),
            (LossKind::L2, [(0.25 + 4.0) / 2.0, (0.0 + 1.0) / 2.0]),
            (LossKind::Huber, [(0.125 + 1.5) / 2.0, (0.0 + 0.5) / 2.0]),
        ] {
            let weights = Tensor::<1>::from_floats([1.0, 3.0], &Device::flex()).reshape([2, 1]);
            let sum = weighted_loss(kind, tensor([0.5, -2.0, 1.0, 0.0]), tensor([0.0, 0.0, 1.0, 1.0]), weights);
            assert_eq!(sum.into_scalar::<f32>(), expected[0] + 3.0 * expected[1], "{kind:?}");
        }
    }

    #[test]
    fn classes_that_the_model_does_not_have_are_an_error_and_no_empty_context() {
        let device = Device::flex();
        let (unet, info) = tiny_unet(&device);
        let loss = |labels: Vec<usize>| {
            let (noisy, weights) = (vec![0.5; 2 * 64], vec![0.5; 2]);
            let (target, timesteps) = (noisy.clone(), vec![9.0, 500.0]);
            let job = Job { noisy, target, timesteps, labels, weights, loss: LossKind::L2, dropout: None };
            job_loss(&job, &unet, &info, &device, Ops::Burn)
        };
        assert!(loss(vec![0, 1]).unwrap().into_scalar::<f32>().is_finite());
        // The class after the last is "no class"; there is none after that.
        let message = loss(vec![0, 3]).unwrap_err().to_string();
        assert!(message.contains("class 3 does not exist"), "{message}");
    }
}
