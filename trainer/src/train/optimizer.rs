//! AdamW (arXiv 1711.05101) with an exponential moving average of the weights, on all trained parameters as one vector.

use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer as _};
use burn::tensor::{Device, Tensor, TensorData};
use cpu_kernels::optimizer::Parameters;

use super::flat::host;
use crate::error::Result;
use crate::parallel;

const BETAS: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

/// The weights, and what is kept of each.
pub struct Optimizer {
    burns: AdamW,
    weight_decay: f32,
    ema_decay: f64,
    threads: usize,
    /// Steps done.
    time: usize,
    vectors: Vectors,
}

/// One value for each weight.
#[derive(Debug, Clone)]
pub struct Vectors {
    /// The weights.
    pub weights: Tensor<1>,
    /// Their exponential moving average.
    pub average: Tensor<1>,
    /// The gradients' average.
    pub moment_1: Tensor<1>,
    /// Their squares' average.
    pub moment_2: Tensor<1>,
}

impl Optimizer {
    /// Goes on with these vectors after `time` steps.
    pub fn new(vectors: Vectors, time: usize, weight_decay: f32, ema_decay: f64, threads: usize) -> Self {
        let burns = AdamWConfig::new()
            .with_beta_1(BETAS[0])
            .with_beta_2(BETAS[1])
            .with_epsilon(EPSILON)
            .with_weight_decay(weight_decay)
            .build();
        Self { burns, weight_decay, ema_decay, threads, time, vectors }
    }

    /// The weights, and what is kept of each.
    pub fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// One step with `scale` times the gradients.
    ///
    /// The moving average's decay grows from 0.1: an average that began at random weights would remember them for long.
    pub fn step(&mut self, lr: f64, gradients: Tensor<1>, scale: f32) -> Result<()> {
        let time = self.time as f64;
        let decay = self.ema_decay.min((1.0 + time) / (10.0 + time));
        self.time += 1;
        if parallel::on_cpu(&gradients.device()) {
            return self.on_cpu(lr, gradients, scale, decay);
        }
        let Vectors { weights, average, moment_1, moment_2 } = self.vectors.clone();
        let gradients = if scale == 1.0 { gradients } else { gradients * scale };
        let momentum = AdaptiveMomentumState::new(self.time - 1, moment_1, moment_2);
        let (weights, state) = self.burns.step(lr, weights, gradients, Some(AdamWState::new(momentum)));
        if let Some(AdamWState { momentum, .. }) = state {
            let AdaptiveMomentumState { moment_1, moment_2, .. } = momentum;
            let average = average * decay + weights.clone() * (1.0 - decay);
            self.vectors = Vectors { weights, average, moment_1, moment_2 };
        }
        Ok(())
    }

    /// The same in one pass, on all cores.
    fn on_cpu(&mut self, lr: f64, gradients: Tensor<1>, scale: f32, decay: f64) -> Result<()> {
        let device = gradients.device();
        let time = self.time as i32;
        let factors = cpu_kernels::optimizer::AdamW {
            beta_1: BETAS[0],
            beta_2: BETAS[1],
            epsilon: EPSILON,
            bias_corrections: BETAS.map(|beta| 1.0 - beta.powi(time)),
            lr: lr as f32,
            weight_factor: (1.0 - lr * f64::from(self.weight_decay)) as f32,
        };
        let Vectors { weights, average, moment_1, moment_2 } = &mut self.vectors;
        let [mut weights_, mut average_, mut first, mut second] =
            [taken(weights, &device)?, taken(average, &device)?, taken(moment_1, &device)?, taken(moment_2, &device)?];
        let gradients = host(gradients)?;
        let part = gradients.len().div_ceil(self.threads.max(1)).max(1);
        let jobs = gradients
            .chunks(part)
            .zip(weights_.chunks_mut(part).zip(average_.chunks_mut(part)))
            .zip(first.chunks_mut(part).zip(second.chunks_mut(part)))
            .map(|((gradients, (weights, average)), (moment_1, moment_2))| {
                (gradients, Parameters { weights, moment_1, moment_2, ema: average })
            })
            .collect();
        parallel::map(jobs, self.threads, |(gradients, parameters)| {
            factors.step(gradients, scale, decay as f32, parameters);
        });
        let put = |values: Vec<f32>| {
            let len = values.len();
            Tensor::from_data(TensorData::new(values, [len]), &device)
        };
        self.vectors =
            Vectors { weights: put(weights_), average: put(average_), moment_1: put(first), moment_2: put(second) };
        Ok(())
    }
}

/// The values of a vector that nothing else holds (of the weights the network has views) are not copied.
fn taken(vector: &mut Tensor<1>, device: &Device) -> Result<Vec<f32>> {
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
    fn a_step_is_burns_on_any_number_of_threads() {
        const COUNT: usize = 1001;
        let steps = |threads: usize| {
            let zeros = Tensor::zeros([COUNT], &Device::flex());
            let weights = waves(COUNT, 0.7);
            let vectors = Vectors { average: weights.clone(), weights, moment_1: zeros.clone(), moment_2: zeros };
            let mut optimizer = Optimizer::new(vectors, 0, 0.1, 0.9, threads);
            for step in 0..4 {
                optimizer.step(0.05, waves(COUNT, 1.3 + step as f32), 0.5).unwrap();
            }
            optimizer.vectors
        };
        let ours = steps(1);
        let burns = AdamWConfig::new().with_epsilon(EPSILON).with_weight_decay(0.1).build();
        let (mut weights, mut state) = (waves(COUNT, 0.7), None);
        let mut average = weights.clone();
        for step in 0..4 {
            (weights, state) = burns.step(0.05, weights, waves(COUNT, 1.3 + step as f32) * 0.5, state);
            let decay = [0.1, 2.0 / 11.0, 3.0 / 12.0, 4.0 / 13.0][step];
            average = average * decay + weights.clone() * (1.0 - decay);
        }
        for (ours, burns) in [(&ours.weights, weights), (&ours.average, average)] {
            let tolerance = burn::tensor::Tolerance::<f32>::absolute(1e-6);
            ours.to_data().assert_approx_eq(&burns.into_data(), tolerance);
        }
        for threads in [0, 3, 64] {
            let others = steps(threads);
            assert_eq!(host(others.weights).unwrap(), host(ours.weights.clone()).unwrap());
            assert_eq!(host(others.moment_2).unwrap(), host(ours.moment_2.clone()).unwrap());
        }
    }
}
