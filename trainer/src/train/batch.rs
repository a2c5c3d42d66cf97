//! A batch: pictures with their classes, timesteps and noise.

use burn::tensor::{Device, Tensor, TensorData};
use diffusion::codec::PatchCodec;
use diffusion::config::ModelInfo;
use diffusion::noise::NoiseSource;
use diffusion::ops::Ops;
use diffusion::unet::burn::{BurnUNet, class_rows};

use super::objective::Objective;
use crate::data::Dataset;

/// Latents, their classes, timesteps and noise.
pub struct Batch {
    latents: Vec<f32>,
    labels: Vec<usize>,
    timesteps: Vec<usize>,
    noise: Vec<f32>,
    shape: [usize; 3],
}

impl Batch {
    /// The chosen pictures, each with a timestep of `num_train_timesteps`, noise, and its label dropped with
    /// probability `class_dropout`. All chance comes from `noise`.
    pub fn new(
        data: &Dataset,
        chosen: &[usize],
        info: &ModelInfo,
        num_train_timesteps: usize,
        class_dropout: f32,
        mut noise: NoiseSource,
    ) -> Self {
        let codec = PatchCodec { image_size: info.image_size, patch_size: info.patch_size };
        let (images, labels) = data.batch(chosen);
        let (b, t) = (chosen.len(), num_train_timesteps);
        // One timestep from each of as many equal parts: still uniform, with less variance (arXiv 2107.00630, app. I.1).
        let mut timesteps: Vec<usize> = (0..b)
            .map(|i| ((i as f32 + noise.uniform()) / b as f32 * t as f32) as usize)
            .map(|timestep| timestep.min(t - 1))
            .collect();
        noise.shuffle(&mut timesteps);
        let mut drop_some =
            |label: u16| if noise.uniform() < class_dropout { info.null_class() } else { usize::from(label) };
        let labels = labels.into_iter().map(&mut drop_some).collect();
        let latents = images.chunks_exact(codec.len()).flat_map(|image| codec.encode(image)).collect();
        Self { noise: noise.normals(b * codec.len()), latents, labels, timesteps, shape: codec.latent_shape() }
    }

    /// Cuts the batch into jobs of at most `size` pictures: always alike, whatever the number of threads.
    pub fn split(&self, size: usize) -> Vec<Self> {
        let width: usize = self.shape.iter().product();
        (0..self.labels.len())
            .step_by(size.max(1))
            .map(|from| {
                let to = (from + size.max(1)).min(self.labels.len());
                Self {
                    latents: self.latents[from * width..to * width].to_vec(),
                    labels: self.labels[from..to].to_vec(),
                    timesteps: self.timesteps[from..to].to_vec(),
                    noise: self.noise[from * width..to * width].to_vec(),
                    shape: self.shape,
                }
            })
            .collect()
    }

    /// Sum over the pictures of their losses.
    pub fn loss(
        &self,
        unet: &BurnUNet,
        objective: &Objective<'_>,
        info: &ModelInfo,
        device: &Device,
        operations: Ops,
    ) -> Tensor<1> {
        let [c, h, w] = self.shape;
        let b = self.labels.len();
        let tensor = |values: Vec<f32>| Tensor::<4>::from_data(TensorData::new(values, [b, c, h, w]), device);
        let (noisy, target, weights) = objective.inputs(&self.latents, &self.noise, &self.timesteps);
        let timesteps: Vec<f32> = self.timesteps.iter().map(|&t| t as f32).collect();
        // Labels come from the data set, whose classes the model was built for.
        let rows = class_rows(&self.labels, info, device)
            .unwrap_or_else(|_| Tensor::zeros([b, 1, info.encoder_hid_dim()], device));
        let output = unet.forward(tensor(noisy), &timesteps, unet.context(rows), operations);
        objective.loss(output, tensor(target), Tensor::from_data(TensorData::new(weights, [b, 1]), device))
    }
}
