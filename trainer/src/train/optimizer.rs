//! AdamW (arXiv 1711.05101, algorithm 2) on all trained parameters as one vector, and the EMA of the weights after each step.
//! Tests: here.

use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer as _};
use burn::tensor::{Device, Tensor};
use cpu_kernels::optimizer::Parameters;
use diffusion::training::optimizer::{BETAS, EPSILON, ema_decay, factors};

use super::tensors::{host, tensor};
use crate::error::{Error, Result};
use crate::parallel;

/// The weights with the optimizer's state.
pub struct Optimizer {
    /// burn's, for devices other than the CPU.
    burn_adamw: AdamW,
    weight_decay: f32,
    ema_decay: f64,
    threads: usize,
    steps_done: usize,
    vectors: Vectors,
}

/// Vectors of all trained parameters, each `[len]` in the layout of a
/// [`Layout`](diffusion::training::Layout).
#[derive(Debug, Clone)]
pub struct Vectors {
    /// The weights.
    pub weights: Tensor<1>,
    /// Their exponential moving average.
    pub ema: Tensor<1>,
    /// AdamW's first moment: the moving average of the gradients.
    pub moment_1: Tensor<1>,
    /// AdamW's second moment: the moving average of their squares.
    pub moment_2: Tensor<1>,
}

impl Optimizer {
    /// Goes on with these vectors after `steps_done` steps.
    pub fn new(vectors: Vectors, steps_done: usize, weight_decay: f32, ema_decay: f64, threads: usize) -> Self {
        let burn_adamw = AdamWConfig::new()
            .with_beta_1(BETAS[0])
            .with_beta_2(BETAS[1])
            .with_epsilon(EPSILON)
            .with_weight_decay(weight_decay)
            .build();
        Self { burn_adamw, weight_decay, ema_decay, threads, steps_done, vectors }
    }

    /// The vectors as they are now.
    pub fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// One step with `scale` times the gradients `[len]`, and the EMA of the new weights.
    ///
    /// # Errors
    /// Gradients of another length; that vectors cannot be read from the device.
    pub fn step(&mut self, lr: f64, gradients: Tensor<1>, scale: f32) -> Result<()> {
        let (weights, given) = (self.vectors.weights.dims()[0], gradients.dims()[0]);
        if weights != given {
            return Err(Error::Device(format!("{given} gradients for {weights} weights")));
        }
        let decay = ema_decay(self.ema_decay, self.steps_done);
        self.steps_done += 1;
        if parallel::on_cpu(&gradients.device()) {
            return self.step_on_cpu(lr, gradients, scale, decay);
        }
        let Vectors { weights, ema, moment_1, moment_2 } = self.vectors.clone();
        let gradients = if scale == 1.0 { gradients } else { gradients * scale };
        let momentum = AdaptiveMomentumState::new(self.steps_done - 1, moment_1, moment_2);
        let (weights, state) = self.burn_adamw.step(lr, weights, gradients, Some(AdamWState::new(momentum)));
        let Some(AdamWState { momentum, .. }) = state else {
            return Err(Error::Device("the optimizer kept no moments".into()));
        };
        let AdaptiveMomentumState { moment_1, moment_2, .. } = momentum;
        let ema = ema * decay + weights.clone() * (1.0 - decay);
        self.vectors = Vectors { weights, ema, moment_1, moment_2 };
        Ok(())
    }

    /// The same in one pass over memory, on all threads.
    fn step_on_cpu(&mut self, lr: f64, gradients: Tensor<1>, scale: f32, ema_decay: f64) -> Result<()> {
        let device = gradients.device();
        let factors = factors(lr, self.weight_decay, self.steps_done - 1);
        let vectors = &mut self.vectors;
        let [mut weights, mut ema, mut moment_1, mut moment_2] = [
            take(&mut vectors.weights, &device)?,
            take(&mut vectors.ema, &device)?,
            take(&mut vectors.moment_1, &device)?,
            take(&mut vectors.moment_2, &device)?,
        ];
        let gradients = host(gradients)?;
        let part = gradients.len().div_ceil(self.threads.max(1)).max(1);
        let jobs = gradients
            .chunks(part)
            .zip(weights.chunks_mut(part).zip(ema.chunks_mut(part)))
            .zip(moment_1.chunks_mut(part).zip(moment_2.chunks_mut(part)))
            .map(|((gradients, (weights, ema)), (moment_1, moment_2))| {
                (gradients, Parameters { weights, moment_1, moment_2, ema })
            })
            .collect();
        parallel::map(jobs, self.threads, |(gradients, parameters)| {
            factors.step(gradients, scale, ema_decay as f32, parameters);
            Ok(())
        })?;
        self.vectors = Vectors {
            weights: tensor(weights, &device),
            ema: tensor(ema, &device),
            moment_1: tensor(moment_1, &device),
            moment_2: tensor(moment_2, &device),
        };
        Ok(())
    }
}

/// The values of a vector, which is left empty. Not a copy where nothing else holds it, but for the weights, of which the
/// network has views.
fn take(vector: &mut Tensor<1>, device: &Device) -> Result<Vec<f32>> {
    host(std::mem::replace(vector, Tensor::empty([1], device)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(count: usize, step: f32) -> Tensor<1> {
        let values: Vec<f32> = (0..count).map(|i| (i as f32 * step).sin()).collect();
        Tensor::from_floats(&values[..], &Device::flex())
    }

    #[test]
    fn step_and_ema_are_burns_on_any_number_of_threads() {
        const COUNT: usize = 1001;
        let steps = |threads: usize| {
            let zeros = Tensor::zeros([COUNT], &Device::flex());
            let weights = waves(COUNT, 0.7);
            let vectors = Vectors { ema: weights.clone(), weights, moment_1: zeros.clone(), moment_2: zeros };
            let mut optimizer = Optimizer::new(vectors, 0, 0.1, 0.9, threads);
            for step in 0..4 {
                optimizer.step(0.05, waves(COUNT, 1.3 + step as f32), 0.5).unwrap();
            }
            optimizer.vectors
        };
        let ours = steps(1);
        let burns = AdamWConfig::new().with_epsilon(EPSILON).with_weight_decay(0.1).build();
        let (mut weights, mut state) = (waves(COUNT, 0.7), None);
        let mut ema = weights.clone();
        for step in 0..4 {
            (weights, state) = burns.step(0.05, weights, waves(COUNT, 1.3 + step as f32) * 0.5, state);
            let decay = [0.1, 2.0 / 11.0, 3.0 / 12.0, 4.0 / 13.0][step];
            ema = ema * decay + weights.clone() * (1.0 - decay);
        }
        for (ours, burns) in [(&ours.weights, weights), (&ours.ema, ema)] {
            let tolerance = burn::tensor::Tolerance::<f32>::absolute(1e-6);
            ours.to_data().assert_approx_eq(&burns.into_data(), tolerance);
        }
        for threads in [0, 3, 64] {
            let others = steps(threads);
            assert_eq!(host(others.weights).unwrap(), host(ours.weights.clone()).unwrap());
            assert_eq!(host(others.moment_2).unwrap(), host(ours.moment_2.clone()).unwrap());
        }
    }

    #[test]
    fn gradients_of_other_weights_are_refused() {
        let ones = || Tensor::ones([8], &Device::flex());
        let vectors = Vectors { weights: ones(), ema: ones(), moment_1: ones(), moment_2: ones() };
        let mut optimizer = Optimizer::new(vectors, 0, 0.0, 0.9, 1);
        assert!(optimizer.step(0.1, waves(7, 0.5), 1.0).unwrap_err().to_string().contains("7 gradients"));
    }
}
