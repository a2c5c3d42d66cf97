//! The network for one run: what depends on its classes, and the forwards.

use std::sync::Arc;

use wgpu::BufferUsages;

use crate::config::ModelInfo;
use crate::error::{Result, WebGpuLimit};

use super::dispatch::ClassOffsets;
use super::forward::Planner;
use super::host::ClassContext;
use super::pass::{ErrorScopes, Pass, Shared, Sizes, pixels_first};
use super::unet::WebGpuUNet;

/// Scores of this many tokens for [`LANES`](super::device::LANES) heads fit into the memory that WebGPU gives every workgroup.
const MOST_TOKENS: usize = 64;

/// The network for one run, on pictures of certain classes.
#[derive(Debug)]
pub struct WebGpuRun {
    unet: Arc<WebGpuUNet>,
    tokens: u32,
    classes: ClassContext,
    class_values: wgpu::Buffer,
    class_of: wgpu::Buffer,
    /// For the size of the last prediction.
    forward: Option<Pass>,
}

impl WebGpuRun {
    pub(crate) fn new(unet: Arc<WebGpuUNet>, labels: &[usize], info: &ModelInfo) -> Result<Self> {
        if info.tokens_per_class > MOST_TOKENS {
            return Err(WebGpuLimit::Tokens { found: info.tokens_per_class, most: MOST_TOKENS }.into());
        }
        let classes = unet.host.classes(labels, info)?;
        let class_values = unet.gpu.upload("classes", &classes.values, BufferUsages::STORAGE);
        let class_of = unet.gpu.upload("class of each picture", &classes.of, BufferUsages::STORAGE);
        Ok(Self { unet, tokens: info.tokens_per_class as u32, classes, class_values, class_of, forward: None })
    }

    /// The network's prediction for latents `[b, c, h, w]` at b timesteps, waiting without blocking.
    pub(crate) async fn predict_async(
        &mut self,
        sample: &[f32],
        shape: [usize; 4],
        timesteps: &[f32],
    ) -> Result<Vec<f32>> {
        let (forward, scopes) = self.forward(shape)?;
        let prediction = forward.run_async(&self.input(sample, shape, timesteps), scopes).await?;
        self.forward = Some(forward);
        Ok(prediction)
    }

    /// The same, blocking; native programs only.
    pub(crate) fn predict(&mut self, sample: &[f32], shape: [usize; 4], timesteps: &[f32]) -> Result<Vec<f32>> {
        let (forward, scopes) = self.forward(shape)?;
        let prediction = forward.run(&self.input(sample, shape, timesteps), scopes)?;
        self.forward = Some(forward);
        Ok(prediction)
    }

    /// Latents, then the time projections of each picture.
    fn input(&self, sample: &[f32], [_, channels, height, width]: [usize; 4], timesteps: &[f32]) -> Vec<f32> {
        let mut values = pixels_first(sample, channels, height * width);
        values.extend(self.unet.host.times(timesteps));
        values
    }

    /// The forward for pictures of this size: the last one, or a new one. After an error none is left, and the next makes its buffers
    /// anew.
    fn forward(&mut self, [batch, _, height, width]: [usize; 4]) -> Result<(Pass, Option<ErrorScopes>)> {
        let pictures = [batch, height, width];
        if let Some(forward) = self.forward.take().filter(|forward| forward.fits(pictures)) {
            return Ok((forward, None));
        }
        let (unet, pixels) = (&self.unet, batch * height * width);
        let (latents, times) = (pixels * unet.channels[0].next_multiple_of(4), unet.host.time_columns());
        let planner = Planner::new(
            batch as u32,
            [height as u32, width as u32],
            ((latents / 4) as u32, (times / 4) as u32),
            ClassOffsets { tokens: self.tokens, starts: &self.classes.starts, stride: self.classes.stride },
        );
        let sizes = Sizes { pictures, input: latents + batch * times, pixels, channels: unet.channels[1] };
        let shared = Shared { weights: &unet.weights, classes: Some([&self.class_values, &self.class_of]) };
        let (forward, scopes) = Pass::new(&unet.gpu, planner.plan(&unet.layers), &shared, sizes)?;
        Ok((forward, Some(scopes)))
    }
}

impl Drop for WebGpuRun {
    fn drop(&mut self) {
        [&self.class_values, &self.class_of].into_iter().for_each(wgpu::Buffer::destroy);
    }
}
