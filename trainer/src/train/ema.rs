//! Exponential moving average of the trainable weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use diffusion::state::StateDict;
use diffusion::unet::UNet;

use super::params::{self, Trainable};
use crate::error::Result;

/// The averaged network, on the plain device.
pub struct Ema {
    model: UNet,
    trainable: Trainable,
    decay: f64,
}

impl Ema {
    /// Starts at the network's weights.
    pub fn new(unet: &UNet, trainable: Trainable, decay: f64) -> Self {
        Self { model: unet.valid(), trainable, decay }
    }

    /// The averaged network.
    pub fn model(&self) -> &UNet {
        &self.model
    }

    /// `average = decay · average + (1 - decay) · weights`, with a decay that grows from 0.1: an average that
    /// began at random weights would remember them for long. `step` counts from 0.
    pub fn update(&mut self, unet: &UNet, step: usize) {
        let step = step as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        let mut current = Current { trainable: &self.trainable, values: GradientsParams::new() };
        unet.visit(&mut current);
        self.model = self.model.clone().map(&mut Blend { current: current.values, decay });
    }

    /// The averaged values, by path.
    pub fn collect(&self) -> Result<StateDict> {
        params::collect(&self.model, &self.trainable)
    }

    /// Puts values back that [`collect`](Self::collect) has read.
    pub fn load(&mut self, state: &StateDict, device: &Device) -> Result<()> {
        self.model = params::replace(self.model.clone(), &self.trainable, state, &device.clone().without_autodiff())?;
        Ok(())
    }
}

/// Trainable values by parameter (burn's map from parameter to tensor).
struct Current<'a> {
    trainable: &'a Trainable,
    values: GradientsParams,
}

impl ModuleVisitor for Current<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.trainable.contains(&param.id) {
            self.values.register(param.id, param.base().without_autodiff());
        }
    }
}

struct Blend {
    current: GradientsParams,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.current.remove::<D>(param.id) {
            Some(value) => {
                let decay = self.decay;
                param.map(|average| average * decay + value * (1.0 - decay))
            }
            None => param,
        }
    }
}
