//! The network alone, in a worker that computes rows for an engine in another one. What it refuses, that engine refuses too, and says why.
//!
//! Tests: `tests/page/helpers.test.mjs`.

use diffusion::config::{ModelInfo, UNetConfig};
use diffusion::unet::cpu::{ClassContext, CpuUNet, Scratch};
use wasm_bindgen::prelude::wasm_bindgen;

/// The network with the weights of a moment, on the CPU.
#[wasm_bindgen]
pub struct Network {
    unet: CpuUNet,
    info: ModelInfo,
    /// Of the rows before: those that come are often of the same classes.
    classes: ClassContext,
    scratch: Scratch,
}

#[wasm_bindgen]
impl Network {
    /// Of the texts of `digit_diffusion.json` and `unet/config.json`, and of the weights as `Engine.weights` tells them; `undefined` where
    /// they do not go together.
    pub fn load(info: &str, unet_config: &str, weights: &[f32]) -> Option<Network> {
        let info = ModelInfo::from_json(info).ok()?;
        let unet = CpuUNet::from_values(&UNetConfig::from_json(unet_config).ok()?, weights).ok()?;
        Some(Self { unet, info, classes: ClassContext::default(), scratch: Scratch::default() })
    }

    /// The prediction for rows of what `Run.input` tells: latents and classes of each, all at one timestep; `undefined`
    /// where they do not go together.
    pub fn predict(&mut self, sample: &[f32], labels: Vec<usize>, timestep: f32) -> Option<Vec<f32>> {
        let before = std::mem::take(&mut self.classes);
        self.classes = self.unet.classes_after(before, &labels, &self.info).ok()?;
        let [_, height, width] = self.info.latent_shape();
        let (rows, timesteps) = (0..labels.len(), vec![timestep; labels.len()]);
        self.unet.forward(sample, [height, width], &timesteps, &self.classes, rows, &mut self.scratch).ok()
    }
}
