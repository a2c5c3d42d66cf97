//! A batch: pictures as latents, with their classes, timesteps and noise. Tests: here; that the same batches come on any
//! number of threads and after a resume, in `tests/it/training.rs`.

use burn::tensor::{Device, Tensor, TensorData};
use diffusion::codec::PatchCodec;
use diffusion::config::ModelInfo;
use diffusion::noise::NoiseSource;
use diffusion::ops::Ops;
use diffusion::unet::burn::{BurnUNet, class_rows};

use super::augment::augment;
use super::loss::{NoisyBatch, TrainingLoss};
use crate::data::Dataset;
use crate::error::Result;

/// `b` latents `[c, h, w]`, their classes, timesteps and noise.
pub struct Batch {
    latents: Vec<f32>,
    labels: Vec<usize>,
    timesteps: Vec<usize>,
    noise: Vec<f32>,
    latent_shape: [usize; 3],
}

impl Batch {
    /// The chosen pictures, each with a timestep of `num_train_timesteps`, noise, and its label dropped with
    /// probability `class_dropout`. All random numbers are from `noise`, but those of the augmentation, which has a strength
    /// and a source of its own.
    pub fn new(
        data: &Dataset,
        chosen: &[usize],
        info: &ModelInfo,
        num_train_timesteps: usize,
        class_dropout: f32,
        mut noise: NoiseSource,
        augmentation: Option<(f32, NoiseSource)>,
    ) -> Self {
        let codec = PatchCodec { image_size: info.image_size, patch_size: info.patch_size };
        let (mut images, labels) = data.batch(chosen);
        if let Some((strength, mut source)) = augmentation {
            let area = data.size() * data.size();
            images.chunks_exact_mut(area).for_each(|image| augment(image, data.size(), strength, &mut source));
        }
        let mut timesteps = spread(chosen.len(), num_train_timesteps, &mut noise);
        noise.shuffle(&mut timesteps);
        let mut drop_some =
            |label: u16| if noise.uniform() < class_dropout { info.null_class() } else { usize::from(label) };
        let labels = labels.into_iter().map(&mut drop_some).collect();
        let latents = images.chunks_exact(codec.len()).flat_map(|image| codec.encode(image)).collect();
        Self {
            noise: noise.normals(chosen.len() * codec.len()),
            latents,
            labels,
            timesteps,
            latent_shape: codec.latent_shape(),
        }
    }

    /// All pictures, each `times` times with timesteps that are spread over all and noise of its own; no label is dropped.
    pub fn of_all(
        data: &Dataset,
        times: usize,
        info: &ModelInfo,
        num_train_timesteps: usize,
        mut noise: NoiseSource,
    ) -> Self {
        let codec = PatchCodec { image_size: info.image_size, patch_size: info.patch_size };
        let chosen: Vec<usize> = (0..times).flat_map(|_| 0..data.len()).collect();
        let (images, labels) = data.batch(&chosen);
        // In this order every picture's timesteps are as far from each other as they can be.
        let timesteps = spread(chosen.len(), num_train_timesteps, &mut noise);
        let latents = images.chunks_exact(codec.len()).flat_map(|image| codec.encode(image)).collect();
        let labels = labels.into_iter().map(usize::from).collect();
        Self {
            noise: noise.normals(chosen.len() * codec.len()),
            latents,
            labels,
            timesteps,
            latent_shape: codec.latent_shape(),
        }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Cuts the batch into jobs of at most `size` pictures. The jobs do not depend on the number of threads.
    pub fn split(&self, size: usize) -> Vec<Self> {
        let width: usize = self.latent_shape.iter().product();
        (0..self.labels.len())
            .step_by(size.max(1))
            .map(|from| {
                let to = (from + size.max(1)).min(self.labels.len());
                Self {
                    latents: self.latents[from * width..to * width].to_vec(),
                    labels: self.labels[from..to].to_vec(),
                    timesteps: self.timesteps[from..to].to_vec(),
                    noise: self.noise[from * width..to * width].to_vec(),
                    latent_shape: self.latent_shape,
                }
            })
            .collect()
    }

    /// Sum over the pictures of their losses, `[1]`.
    ///
    /// # Errors
    /// Classes that the model does not have.
    pub fn loss(
        &self,
        unet: &BurnUNet,
        loss: &TrainingLoss<'_>,
        info: &ModelInfo,
        device: &Device,
        operations: Ops,
    ) -> Result<Tensor<1>> {
        let [c, h, w] = self.latent_shape;
        let b = self.labels.len();
        let tensor = |values: Vec<f32>| Tensor::<4>::from_data(TensorData::new(values, [b, c, h, w]), device);
        let context = unet.context(class_rows(&self.labels, info, device)?);
        let NoisyBatch { noisy, target, weights } = loss.add_noise(&self.latents, &self.noise, &self.timesteps);
        let timesteps: Vec<f32> = self.timesteps.iter().map(|&t| t as f32).collect();
        let output = unet.forward(tensor(noisy), &timesteps, context, operations);
        Ok(loss.loss(output, tensor(target), Tensor::from_data(TensorData::new(weights, [b, 1]), device)))
    }
}

/// `count` timesteps in rising order, one from each of as many equal parts: still uniform, with less variance
/// (arXiv 2107.00630, app. I.1).
fn spread(count: usize, num_train_timesteps: usize, noise: &mut NoiseSource) -> Vec<usize> {
    (0..count)
        .map(|i| ((i as f32 + noise.uniform()) / count as f32 * num_train_timesteps as f32) as usize)
        .map(|timestep| timestep.min(num_train_timesteps - 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use diffusion::schedule::{NoiseSchedule, ScheduleConfig};

    use super::*;
    use crate::config::TrainConfig;
    use crate::testing::tiny_unet;

    #[test]
    fn classes_that_the_model_does_not_have_are_an_error_and_no_empty_context() {
        let device = Device::flex();
        let (unet, info) = tiny_unet(&device);
        let names = (0..4).map(|i| i.to_string()).collect();
        let data = Dataset::new("t", vec![128; 4 * 64], vec![0, 1, 2, 3], 8, names).unwrap();
        let (config, schedule) = (TrainConfig::base(), NoiseSchedule::new(ScheduleConfig::default()));
        let loss = |chosen: &[usize]| {
            let batch = Batch::new(&data, chosen, &info, 1000, 0.0, NoiseSource::new(1), None);
            batch.loss(&unet, &TrainingLoss::new(&config, &schedule), &info, &device, Ops::Burn)
        };
        assert!(loss(&[0, 1]).unwrap().into_scalar::<f32>().is_finite());
        // The class after the last is "no class"; there is none after that.
        let message = loss(&[0, 3]).unwrap_err().to_string();
        assert!(message.contains("class 3 does not exist"), "{message}");
    }

    #[test]
    fn jobs_are_the_batch_cut_in_order() {
        let (_, info) = tiny_unet(&Device::flex());
        let pixels = (0..5u8).flat_map(|i| [i * 51; 64]).collect();
        let data = Dataset::new("t", pixels, vec![0, 1, 0, 1, 0], 8, info.labels.clone()).unwrap();
        let batch = Batch::new(&data, &[4, 3, 2, 1, 0], &info, 1000, 0.0, NoiseSource::new(1), None);
        let jobs = batch.split(2);
        assert_eq!(jobs.iter().map(|job| job.labels.len()).collect::<Vec<_>>(), [2, 2, 1]);
        let together = |part: fn(&Batch) -> &[f32]| jobs.iter().flat_map(part).copied().collect::<Vec<f32>>();
        assert_eq!(together(|job| &job.latents), batch.latents);
        assert_eq!(together(|job| &job.noise), batch.noise);
    }

    #[test]
    fn few_pictures_are_measured_at_timesteps_far_from_each_other() {
        let (_, info) = tiny_unet(&Device::flex());
        let data = Dataset::new("t", vec![0; 2 * 64], vec![0, 1], 8, info.labels.clone()).unwrap();
        let batch = Batch::of_all(&data, 50, &info, 1000, NoiseSource::new(2));
        assert_eq!((batch.len(), &batch.labels[..4]), (100, &[0, 1, 0, 1][..]));
        for picture in 0..2 {
            let own: Vec<usize> = batch.timesteps.iter().skip(picture).step_by(2).copied().collect();
            assert!(own.iter().enumerate().all(|(i, t)| t / 20 == i), "{own:?}");
        }
    }
}
