//! A batch: pictures as latents, with their classes, timesteps and noise.
//!
//! Tests: here; that the same batches come on any number of threads and after a resume, in `tests/it/training.rs`.

use crate::config::ModelInfo;
use crate::noise::NoiseSource;
use crate::schedule::NoiseSchedule;

use super::augment::augment;
use super::input_dropout::Dropout;
use super::job::Job;
use super::noising::{Noising, Noisy};
use super::recipe::Recipe;
use super::streams;
use super::validation::{draws_on, repeats};

/// `b` latents `[c, h, w]`, their classes, timesteps and noise.
#[derive(Debug, Clone)]
pub struct Batch {
    latents: Vec<f32>,
    labels: Vec<usize>,
    timesteps: Vec<usize>,
    noise: Vec<f32>,
}

/// The chosen pictures in [-1, 1], `[b, channels, size, size]`, of a base with an autoencoder their latents, `[b, c, h, w]`; and
/// their labels, `[b]`.
pub type Chosen<'a> = &'a dyn Fn(&[usize]) -> (Vec<f32>, Vec<u16>);

impl Batch {
    /// The batch of a step, which counts from 0, of so many `pictures`: at least as many as a batch has.
    pub fn of_step(
        recipe: &Recipe,
        step: usize,
        pictures: usize,
        chosen: Chosen<'_>,
        info: &ModelInfo,
        schedule: &NoiseSchedule,
    ) -> Self {
        let Recipe { seed, batch_size, class_dropout, .. } = *recipe;
        let per_epoch = (pictures / batch_size).max(1);
        let (epoch, position) = (step / per_epoch, step % per_epoch);
        let mut order: Vec<usize> = (0..pictures).collect();
        streams::epoch(seed, epoch).shuffle(&mut order);
        let (mut images, labels) = chosen(&order[position * batch_size..(position + 1) * batch_size]);
        // Ink is told from its ground by one level: colours stay as they are.
        if recipe.augment > 0.0 && info.channels == 1 && info.latent_channels.is_none() {
            let (size, mut source) = (info.image_size, streams::augment(seed, step));
            for image in images.chunks_exact_mut(size * size) {
                augment(image, size, recipe.augment, &mut source);
            }
        }
        let mut noise = streams::step(seed, step);
        let mut timesteps = spread(labels.len(), schedule.num_train_timesteps(), &mut noise);
        noise.shuffle(&mut timesteps);
        let drop_some =
            |label: u16| if noise.uniform() < class_dropout { info.null_class() } else { usize::from(label) };
        let labels = labels.into_iter().map(drop_some).collect();
        Self::with_noise(&images, labels, timesteps, info, noise)
    }

    /// What a validation loss is measured on: the same for every step, no label dropped, each of so many `pictures` at least
    /// once. Few are taken several times, with timesteps far from each other and noise of its own each time.
    pub fn held_out(
        seed: u64,
        pictures: usize,
        chosen: Chosen<'_>,
        info: &ModelInfo,
        schedule: &NoiseSchedule,
    ) -> Self {
        let all: Vec<usize> = (0..repeats(pictures)).flat_map(|_| 0..pictures).collect();
        let (images, labels) = chosen(&all);
        let mut noise = streams::validation(seed);
        // In this order every picture's timesteps are as far from each other as they can be.
        let mut timesteps = spread(draws_on(pictures), schedule.num_train_timesteps(), &mut noise);
        if repeats(pictures) == 1 {
            noise.shuffle(&mut timesteps);
            // Where a label would have been dropped: versions before drew these, and a loss stays comparable.
            labels.iter().for_each(|_| _ = noise.uniform());
        }
        let labels = labels.into_iter().map(usize::from).collect();
        Self::with_noise(&images, labels, timesteps, info, noise)
    }

    fn with_noise(
        images: &[f32],
        labels: Vec<usize>,
        timesteps: Vec<usize>,
        info: &ModelInfo,
        mut noise: NoiseSource,
    ) -> Self {
        let patches = info.patches();
        let latents: Vec<f32> = match info.latent_channels {
            None => images.chunks_exact(patches.len()).flat_map(|image| patches.encode(image)).collect(),
            // They have been encoded once, before training.
            Some(_) => images.to_vec(),
        };
        let latent_len = info.latent_shape().iter().product::<usize>();
        Self { noise: noise.normals(labels.len() * latent_len), latents, labels, timesteps }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Cuts the batch into jobs of `recipe.job_size()` pictures, whose losses add up to the batch's mean. The jobs do not
    /// depend on who computes them. `dropping`: the number of the step, which counts from 0, where inputs of an adapter are
    /// dropped as the recipe says.
    pub fn jobs(&self, recipe: &Recipe, schedule: &NoiseSchedule, dropping: Option<usize>) -> Vec<Job> {
        let rows = Noising::new(recipe, schedule).add_noise(&self.latents, &self.noise, &self.timesteps);
        cut(rows, &self.timesteps, &self.labels, recipe, dropping)
    }
}

/// Cuts rows into jobs, whose losses add up to the rows' mean.
pub(super) fn cut(
    rows: Noisy,
    timesteps: &[usize],
    labels: &[usize],
    recipe: &Recipe,
    dropping: Option<usize>,
) -> Vec<Job> {
    let Noisy { noisy, target, weights } = rows;
    let count = labels.len();
    let (width, share) = (noisy.len() / count.max(1), 1.0 / count as f32);
    let (size, mut jobs) = (recipe.job_size().max(1), Vec::new());
    for from in (0..count).step_by(size) {
        let to = (from + size).min(count);
        let dropout = dropping.filter(|_| recipe.dropout > 0.0).map(|step| Dropout {
            probability: recipe.dropout,
            seed: recipe.seed,
            stream: streams::dropout(step, jobs.len()),
        });
        jobs.push(Job {
            noisy: noisy[from * width..to * width].to_vec(),
            target: target[from * width..to * width].to_vec(),
            timesteps: timesteps[from..to].iter().map(|t| *t as f32).collect(),
            labels: labels[from..to].to_vec(),
            weights: weights[from..to].iter().map(|weight| weight * share).collect(),
            loss: recipe.loss,
            dropout,
        });
    }
    jobs
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
    use super::*;
    use crate::schedule::ScheduleConfig;
    use crate::training::Pictures;

    fn info() -> ModelInfo {
        ModelInfo {
            format: 1,
            labels: vec!["0".into(), "1".into()],
            tokens_per_class: 2,
            image_size: 8,
            patch_size: 2,
            latent_channels: None,
            latent_rgb: None,
            channels: 1,
            null_class_trained: true,
            guidance_scale: None,
        }
    }

    fn schedule() -> NoiseSchedule {
        NoiseSchedule::new(ScheduleConfig::default())
    }

    fn pictures(count: u8) -> Pictures {
        let levels = (0..count).flat_map(|i| [i * (255 / count); 64]).collect();
        Pictures { size: 8, channels: 1, levels, labels: (0..count).map(|i| u16::from(i % 2)).collect() }
    }

    fn of_step(recipe: &Recipe, step: usize, pictures: &Pictures) -> Batch {
        Batch::of_step(recipe, step, pictures.len(), &|indices| pictures.chosen(indices), &info(), &schedule())
    }

    #[test]
    fn jobs_are_the_batch_cut_in_order() {
        let recipe = Recipe { batch_size: 5, micro_batch: 2, dropout: 0.5, ..Recipe::default() };
        let batch = of_step(&recipe, 3, &pictures(5));
        let jobs = batch.jobs(&recipe, &schedule(), Some(3));
        assert_eq!(jobs.iter().map(|job| job.labels.len()).collect::<Vec<_>>(), [2, 2, 1]);
        let whole = &batch.jobs(&Recipe { micro_batch: 0, dropout: 0.0, ..recipe }, &schedule(), Some(3))[..];
        let [whole] = whole else { panic!("{} jobs", whole.len()) };
        let together = |part: fn(&Job) -> &[f32]| jobs.iter().flat_map(part).copied().collect::<Vec<f32>>();
        assert_eq!(together(|job| &job.noisy), whole.noisy);
        assert_eq!(together(|job| &job.target), whole.target);
        assert_eq!(together(|job| &job.weights), whole.weights);
        assert_eq!(whole.dropout, None);
        let streams: Vec<u64> = jobs.iter().map(|job| job.dropout.unwrap().stream).collect();
        assert_eq!(streams, [0, 1, 2].map(|job| (1 << 48) + (3 << 16) + job));
    }

    #[test]
    fn an_epoch_sees_every_picture_once_and_the_next_in_another_order() {
        let recipe = Recipe { batch_size: 2, augment: 0.0, ..Recipe::default() };
        let pictures = pictures(6);
        let seen = |steps: std::ops::Range<usize>| -> Vec<f32> {
            steps.flat_map(|step| of_step(&recipe, step, &pictures).latents.into_iter().step_by(64)).collect()
        };
        let (first, second) = (seen(0..3), seen(3..6));
        assert_ne!(first, second);
        let sorted = |mut levels: Vec<f32>| {
            levels.sort_unstable_by(f32::total_cmp);
            levels
        };
        assert_eq!(sorted(first.clone()), sorted(second));
        assert_eq!(sorted(first), pictures.chosen(&[0, 1, 2, 3, 4, 5]).0.into_iter().step_by(64).collect::<Vec<_>>());
    }

    #[test]
    fn few_pictures_are_measured_at_timesteps_far_from_each_other() {
        let pictures = pictures(2);
        let batch = Batch::held_out(2, 2, &|indices| pictures.chosen(indices), &info(), &schedule());
        assert_eq!((batch.len(), &batch.labels[..4]), (192, &[0, 1, 0, 1][..]));
        for picture in 0..2 {
            let own: Vec<usize> = batch.timesteps.iter().skip(picture).step_by(2).copied().collect();
            assert!(own.iter().enumerate().all(|(i, t)| t.abs_diff(i * 1000 / 96) <= 11), "{own:?}");
        }
    }
}
