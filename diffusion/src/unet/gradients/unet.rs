//! The network with its weights, and the gradients of a batch.
//!
//! Tests: `tests/it/gradients.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use cpu_kernels::buffers::Buffers;

use crate::base::Base;
use crate::error::{Error, RequestError, Result, WrongShape};
use crate::state::{HostTensor, StateDict};
use crate::training::{LossKind, weighted_loss};
use crate::unet::conditioning::{class_rows, sinusoids};
use crate::unet::layout::transpose;
use crate::unet::parameters::{Shapes, check_state, shapes};
use crate::unet::topology::{Layer, layers};
use crate::unet::weights::Weights;

use super::forward::Forward;
use super::tape::{Tape, Value};

/// The denoising network with gradients.
#[derive(Debug, Clone)]
pub struct GradientUNet {
    base: Arc<Base>,
    /// Weights in place of the base's own.
    changed: StateDict,
    layers: Vec<Layer>,
    shapes: Shapes,
}

/// What the network gets of each picture, beside the noisy latents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picture {
    /// In `0..T`.
    pub timestep: f32,
    /// Its class, or the null class.
    pub label: usize,
    /// The weight of its loss. With a share of 1 / b for each of b pictures the loss is their mean.
    pub weight: f32,
}

/// What the network gets: b pictures.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Noisy latents, `[b, in_channels, h, w]`.
    pub noisy: &'a [f32],
    /// Height and width of the latents, multiples of 2^(levels - 1).
    pub size: [usize; 2],
    /// Timestep, class and weight of each, `[b]`.
    pub pictures: &'a [Picture],
}

/// What the network gets, and what it should give.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// What the network gets.
    pub input: Input<'a>,
    /// What it should predict, `[b, out_channels, h, w]`.
    pub target: &'a [f32],
}

impl GradientUNet {
    /// A base's network.
    ///
    /// # Errors
    /// [`Error::Weights`] names missing, unexpected and wrongly shaped parameters.
    pub fn new(base: impl Into<Arc<Base>>) -> Result<Self> {
        let base = base.into();
        check_state(&base.unet, &base.state)?;
        Ok(Self { layers: layers(&base.unet), shapes: shapes(&base.unet), changed: StateDict::new(), base })
    }

    /// The base.
    pub fn base(&self) -> &Arc<Base> {
        &self.base
    }

    /// Weights in place of the base's own, in the file's layout: those of before are forgotten. Nothing is copied.
    ///
    /// # Errors
    /// [`Error::Weights`] names those that the network does not have, or has in another shape; all stay as they were.
    pub fn set_weights(&mut self, changed: StateDict) -> Result<()> {
        let unexpected: Vec<_> = changed.keys().filter(|name| !self.shapes.contains_key(*name)).cloned().collect();
        let wrong: Vec<_> = changed
            .iter()
            .filter_map(|(name, tensor)| {
                let expected = self.shapes.get(name)?;
                let right = tensor.shape == *expected && tensor.values.len() == expected.iter().product::<usize>();
                let (tensor, found) = (name.clone(), tensor.shape.clone());
                (!right).then(|| WrongShape { tensor, found, expected: expected.clone() })
            })
            .collect();
        if !unexpected.is_empty() || !wrong.is_empty() {
            return Err(Error::Weights { missing: Vec::new(), unexpected, wrong });
        }
        self.changed = changed;
        Ok(())
    }

    /// The same network with other weights in place of the base's own.
    ///
    /// # Errors
    /// As [`set_weights`](Self::set_weights).
    pub fn with_weights(&self, changed: StateDict) -> Result<Self> {
        let Self { base, layers, shapes, .. } = self;
        let (base, layers, shapes) = (Arc::clone(base), layers.clone(), shapes.clone());
        let mut unet = Self { base, changed: StateDict::new(), layers, shapes };
        unet.set_weights(changed)?;
        Ok(unet)
    }

    /// The weights that are in place of the base's own.
    pub fn weights(&self) -> &StateDict {
        &self.changed
    }

    /// The weights that are in place of the base's own, and none are any more. To be changed and set again, without a copy.
    pub fn take_weights(&mut self) -> StateDict {
        std::mem::take(&mut self.changed)
    }

    /// The loss of a batch, the sum over pictures of weight times mean loss, and its gradients with respect to the `wanted` parameters (weights
    /// and biases, by their names in the file), in the file's layout. Without any, the loss alone, and nothing is kept for a way back.
    ///
    /// The same numbers each time. `buffers`: memory that is reused from pass to pass, with any values in it.
    ///
    /// # Errors
    /// [`Error::Request`] for a class that the model does not have, and where the numbers of values do not go together; [`Error::Weights`] for a
    /// wanted parameter that the network does not have.
    pub fn loss_and_gradients(
        &self,
        batch: Batch<'_>,
        kind: LossKind,
        wanted: &BTreeSet<String>,
        buffers: &mut Buffers,
    ) -> Result<(f32, StateDict)> {
        let Batch { input, target } = batch;
        let [height, width] = input.size;
        let expected = [input.pictures.len(), self.base.unet.out_channels, height, width];
        if target.len() != expected.iter().product::<usize>() {
            let (values, timesteps) = (target.len(), input.pictures.len());
            return Err(RequestError::Input { values, timesteps, expected }.into());
        }
        let mut loss = 0.0;
        let gradients = self.gradients(input, wanted, buffers, &mut |prediction, gradient| {
            let weights = input.pictures.iter().map(|picture| picture.weight);
            loss = weighted_loss(kind, prediction, target, weights, gradient);
        })?;
        Ok((loss, gradients))
    }

    /// The gradients of any loss. `judge` gets the prediction and writes the loss's gradient at it, both `[b, out_channels, h, w]`.
    ///
    /// # Errors
    /// As [`loss_and_gradients`](Self::loss_and_gradients).
    pub fn gradients(
        &self,
        input: Input<'_>,
        wanted: &BTreeSet<String>,
        buffers: &mut Buffers,
        judge: &mut dyn FnMut(&[f32], &mut [f32]),
    ) -> Result<StateDict> {
        let unexpected: Vec<_> = wanted.iter().filter(|name| !self.shapes.contains_key(*name)).cloned().collect();
        if !unexpected.is_empty() {
            return Err(Error::Weights { missing: Vec::new(), unexpected, wrong: Vec::new() });
        }
        let Input { noisy, size: [height, width], pictures } = input;
        let (config, batch) = (&self.base.unet, pictures.len());
        self.check(&input)?;
        let labels: Vec<usize> = pictures.iter().map(|picture| picture.label).collect();
        let timesteps: Vec<f32> = pictures.iter().map(|picture| picture.timestep).collect();
        let rows = class_rows(&labels, &self.base.info)?;
        let sinusoids = sinusoids(&timesteps, config.block_out_channels[0]);
        if batch == 0 {
            let mut gradients = StateDict::new();
            wanted.iter().for_each(|name| drop(gradients.insert(name.clone(), zeros(&self.shapes[name]))));
            return Ok(gradients);
        }
        let mut forward = Forward {
            config,
            weights: Weights::new(&self.base.state, &self.changed),
            wanted,
            tape: Tape::new(buffers),
            batch,
            size: input.size,
        };
        let mut sample = forward.tape.take(noisy.len());
        transpose(noisy, [config.in_channels, height * width], &mut sample);
        let output = forward.run(&self.layers, Value::owned(sample), Value::lent(&sinusoids), Value::lent(&rows));
        let mut tape = forward.tape;
        let len = output.values().len();
        let (mut prediction, mut at_prediction) = (tape.take(len), tape.take(len));
        transpose(output.values(), [height * width, config.out_channels], &mut prediction);
        judge(&prediction, &mut at_prediction);
        let mut gradient = prediction;
        transpose(&at_prediction, [config.out_channels, height * width], &mut gradient);
        tape.give(Value::owned(at_prediction));
        // One by one: to collect them into a map takes a sort of their own.
        let mut gradients = StateDict::new();
        for (name, values) in tape.backward(output, gradient) {
            let shape = self.shapes[&name].clone();
            gradients.insert(name, HostTensor { shape, values });
        }
        Ok(gradients)
    }

    /// Whether the numbers of the input go together.
    fn check(&self, input: &Input<'_>) -> Result<()> {
        let (config, batch, [height, width]) = (&self.base.unet, input.pictures.len(), input.size);
        let side = 1 << (config.block_out_channels.len() - 1);
        let expected = [batch, config.in_channels, height, width];
        if input.size.iter().any(|length| *length == 0 || length % side != 0) {
            let (channels, found) = (config.in_channels, expected.to_vec());
            return Err(RequestError::Prediction { labels: batch, timesteps: batch, channels, side, found }.into());
        }
        if input.noisy.len() != expected.iter().product::<usize>() {
            return Err(RequestError::Input { values: input.noisy.len(), timesteps: batch, expected }.into());
        }
        Ok(())
    }
}

fn zeros(shape: &[usize]) -> HostTensor {
    HostTensor { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BaseFiles;
    use crate::config::UNetConfig;
    use crate::tensors::{Metadata, Precision, write_tensors};
    use crate::unet::init::initial_state;

    #[test]
    fn training_needs_no_more_memory_the_longer_it_is() {
        const CONFIG: &str = include_str!("../../../../tests/fixtures/unet/tiny/unet/config.json");
        let state = initial_state(&UNetConfig::from_json(CONFIG).unwrap(), 0);
        let base = Base::read(&BaseFiles {
            info: include_str!("../../../../tests/fixtures/unet/tiny/digit_diffusion.json"),
            unet_config: CONFIG,
            scheduler_config: include_str!("../../../../tests/fixtures/unet/tiny/scheduler/scheduler_config.json"),
            weights: &[&write_tensors(&state, Metadata::new(), Precision::F32).unwrap()],
        })
        .unwrap();
        let unet = GradientUNet::new(base).unwrap();
        let side = unet.base.unet.sample_size;
        let noisy = vec![0.5; 2 * unet.base.unet.in_channels * side * side];
        let pictures =
            [Picture { timestep: 9.0, label: 0, weight: 1.0 }, Picture { timestep: 3.0, label: 1, weight: 0.5 }];
        let input = Input { noisy: &noisy, size: [side; 2], pictures: &pictures };
        let mut buffers = Buffers::default();
        let mut free = |wanted: &BTreeSet<String>| {
            unet.loss_and_gradients(Batch { input, target: &noisy }, LossKind::L2, wanted, &mut buffers).unwrap();
            (buffers.free_count(), buffers.free_floats())
        };
        let all: BTreeSet<String> = state.keys().cloned().collect();
        let some = all.iter().filter(|name| name.contains("to_q")).cloned().collect();
        for wanted in [&all, &some, &BTreeSet::new()] {
            free(wanted);
            let after_one = free(wanted);
            for _ in 0..5 {
                assert_eq!(free(wanted), after_one, "a step gives back what it took");
            }
        }
    }
}
