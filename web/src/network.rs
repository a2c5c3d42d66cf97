//! The network alone, in a worker that computes rows for an engine in another one.
//!
//! Tests: `tests/page/helpers.test.mjs`.

use diffusion::codec::PatchCodec;
use diffusion::config::{ModelInfo, UNetConfig};
use diffusion::unet::cpu::{ClassContext, CpuUNet, Scratch};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{field, text};
use crate::failure::Result;

/// The network with the weights of a moment, on the CPU.
#[wasm_bindgen]
pub struct Network {
    unet: CpuUNet,
    info: ModelInfo,
    /// Height and width of the latents.
    size: [usize; 2],
    /// Of the rows before: those of the next step are of the same classes.
    classes: Option<(Vec<usize>, ClassContext)>,
    scratch: Scratch,
}

#[wasm_bindgen]
impl Network {
    /// Of a base's configuration, and of the weights as `Engine.weights` tells them.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "Pick<EngineFiles, \"info\" | \"unetConfig\">")] files: &JsValue,
        weights: &[f32],
    ) -> Result<Network> {
        let string = |name: &str| text(&field(files, "files", name)?, &format!("files.{name}"));
        let info = ModelInfo::from_json(&string("info")?)?;
        let unet = CpuUNet::from_values(&UNetConfig::from_json(&string("unetConfig")?)?, weights)?;
        let [_, height, width] =
            PatchCodec { image_size: info.image_size, patch_size: info.patch_size }.latent_shape();
        Ok(Self { unet, info, size: [height, width], classes: None, scratch: Scratch::default() })
    }

    /// The prediction for rows of what `Run.input` tells: latents and classes of each, all at one timestep.
    pub fn predict(&mut self, sample: &[f32], labels: &[u32], timestep: f32) -> Result<Vec<f32>> {
        let labels: Vec<usize> = labels.iter().map(|label| *label as usize).collect();
        let (labels, classes) = match self.classes.take() {
            Some(before) if before.0 == labels => before,
            _ => {
                let classes = self.unet.classes(&labels, &self.info)?;
                (labels, classes)
            }
        };
        let timesteps = vec![timestep; labels.len()];
        let predicted =
            self.unet.forward(sample, self.size, &timesteps, &classes, 0..labels.len(), &mut self.scratch);
        self.classes = Some((labels, classes));
        Ok(predicted?)
    }
}
