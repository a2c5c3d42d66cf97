//! A teacher's runs, cut into segments that a network learns to cross in one step each: distillation without data, in the
//! manner of progressive distillation (arXiv 2202.00512), whose target is solved for the network's output likewise.
//!
//! A step of DDIM without clipping is linear in the network's output o: `x_s = a x_t + b o`. So the output that leads from
//! where a teacher's run stood at t to where it stood at s is `(x_s - a x_t) / b`, and learning it is an ordinary training
//! row: noisy latents, timestep, class, target. A row's weight is b², by which its loss is the squared error of x_s,
//! over the mean of all segments'.
//!
//! Tests: here, `tests/it/turbo.rs`.

use half::f16;

use crate::error::{ConfigError, Result};
use crate::noise::NoiseSource;
use crate::request::Request;
use crate::sampler::SamplerKind;
use crate::schedule::{NoiseSchedule, ScheduleConfig, TimestepSpacing, refuse};

use super::batch::cut;
use super::job::Job;
use super::noising::Noisy;
use super::recipe::Recipe;
use super::streams;

/// A step of the network that is taught.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    timestep: usize,
    /// The factors of x_t and of the output in x_s.
    of_sample: f32,
    of_output: f32,
    weight: f32,
}

/// The steps of the network that is taught: DDIM's, at timesteps counted from the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Segments(Vec<Step>);

impl Segments {
    /// Of a run of so many steps.
    ///
    /// # Errors
    /// A number of steps that does not divide the number of timesteps: DDIM lands between the timesteps that it visits then.
    pub fn new(schedule: &NoiseSchedule, steps: usize) -> Result<Self> {
        let total = schedule.num_train_timesteps();
        if steps == 0 || !total.is_multiple_of(steps) {
            let reason = format!("{steps} steps do not divide the {total} timesteps, as 1, 2, 4 and 5 do");
            return refuse(ConfigError::Invalid { reason });
        }
        // Clipped, a step is not linear. What is learnt is in the range of pictures, so clipping changes little afterwards.
        let plain = ScheduleConfig { clip_sample: false, thresholding: false, ..schedule.config().clone() };
        let plain = NoiseSchedule::new(plain).spaced(TimestepSpacing::Trailing);
        let mut sampler = SamplerKind::Ddim.start(&plain, steps, 1, 0.0)?;
        let mut all = Vec::new();
        for (index, timestep) in sampler.timesteps().to_vec().into_iter().enumerate() {
            let [mut of_sample, mut of_output] = [[1.0], [0.0]];
            sampler.step(index, &[0.0], &mut of_sample, &[]);
            sampler.step(index, &[1.0], &mut of_output, &[]);
            let (of_sample, of_output) = (of_sample[0], of_output[0]);
            all.push(Step { timestep: timestep as usize, of_sample, of_output, weight: of_output * of_output });
        }
        let mean = all.iter().map(|step| step.weight).sum::<f32>() / all.len() as f32;
        if !(mean > 0.0 && mean.is_finite()) {
            let reason = format!("with these betas {steps} steps of ddim cannot be solved for the network's output");
            return refuse(ConfigError::Invalid { reason });
        }
        all.iter_mut().for_each(|step| step.weight /= mean);
        Ok(Self(all))
    }

    /// The timesteps at which the network is asked, first to last.
    pub fn timesteps(&self) -> Vec<usize> {
        self.0.iter().map(|step| step.timestep).collect()
    }

    /// The output with which step `index` leads from `x_t` to `x_s`.
    pub fn target(&self, index: usize, x_t: &[f32], x_s: &[f32]) -> Vec<f32> {
        let Step { of_sample, of_output, .. } = self.0[index];
        x_t.iter().zip(x_s).map(|(x_t, x_s)| (x_s - of_sample * x_t) / of_output).collect()
    }

    /// The steps of a teacher's run after which it stands where a segment ends, in their order: the last is its last step.
    ///
    /// # Errors
    /// A run that does not pass one of the timesteps; what its sampler refuses.
    pub fn ends_in(&self, teacher: &Request, schedule: &NoiseSchedule) -> Result<Vec<usize>> {
        let sampler = teacher.sampler(schedule, 1)?;
        let visited = sampler.timesteps();
        let place = |timestep: usize| visited.iter().position(|visited| *visited == timestep as f32);
        let mut ends = Vec::new();
        for (index, timestep) in self.timesteps().into_iter().enumerate() {
            match place(timestep) {
                Some(0) if index == 0 => {}
                Some(before) if index > 0 => ends.push(before - 1),
                _ => {
                    let shown: Vec<String> = visited.iter().map(f32::to_string).collect();
                    let reason = format!(
                        "the teacher's run does not pass timestep {timestep}, where a step of the taught network begins (it \
                         visits {}): give it a multiple of {} steps, counted from the last timestep (\"trailing\")",
                        shown.join(", "),
                        self.0.len()
                    );
                    return refuse(ConfigError::Invalid { reason });
                }
            }
        }
        ends.push(visited.len() - 1);
        Ok(ends)
    }
}

/// Where a teacher's runs stood at the ends of the segments, in 16 bits.
#[derive(Debug, Clone)]
pub struct Trajectories {
    segments: Segments,
    /// Seed of the starting noise of each.
    seeds: Vec<u64>,
    /// The class of each.
    labels: Vec<usize>,
    /// x_s at the end of every segment, `[runs, segments, len]`.
    ends: Vec<f16>,
    /// Where the segments begin, but for the first, if that is not where those before end, likewise.
    starts: Option<Vec<f16>>,
    /// Values of one picture's latents.
    len: usize,
}

impl Trajectories {
    /// None yet, of pictures with `len` values.
    pub fn new(segments: Segments, len: usize) -> Self {
        Self { segments, seeds: Vec::new(), labels: Vec::new(), ends: Vec::new(), starts: None, len }
    }

    /// Adds a run: the seed of its starting noise, its class, and x_s at the end of every segment, `[segments, len]`, in the
    /// network's own scale.
    ///
    /// # Errors
    /// Values that are not as many.
    pub fn push(&mut self, seed: u64, label: usize, ends: &[f32]) -> Result<()> {
        let expected = self.segments.0.len() * self.len;
        if ends.len() != expected {
            let reason = format!("a run has {} values at the ends of its segments, not {expected}", ends.len());
            return refuse(ConfigError::Invalid { reason });
        }
        self.seeds.push(seed);
        self.labels.push(label);
        self.ends.extend(ends.iter().map(|value| f16::from_f32(*value)));
        Ok(())
    }

    /// The same runs, each segment beginning where another network's run of the same noise stood: what is learnt is to lead
    /// from there to the teacher's run. Of the taught network, it learns to mend what it has done wrong before (arXiv
    /// 1011.0686).
    ///
    /// # Errors
    /// Other runs than these.
    pub fn starting_at(mut self, own: Self) -> Result<Self> {
        if own.segments != self.segments || own.seeds != self.seeds || own.labels != self.labels || own.len != self.len
        {
            return refuse(ConfigError::Invalid {
                reason: "the runs to start at are of other noise or classes".into(),
            });
        }
        self.starts = Some(own.ends);
        Ok(self)
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.seeds.len()
    }

    /// Number of rows: a row for each segment of each run.
    pub fn rows(&self) -> usize {
        self.runs() * self.segments.0.len()
    }

    /// Some rows, segment after segment, run after run.
    fn row(&self, run: usize, segment: usize) -> (Vec<f32>, Vec<f32>) {
        let end = |ends: &[f16], segment: usize| -> Vec<f32> {
            let at = (run * self.segments.0.len() + segment) * self.len;
            ends[at..at + self.len].iter().map(|value| value.to_f32()).collect()
        };
        let x_t = match segment {
            0 => NoiseSource::new(self.seeds[run]).normals(self.len),
            _ => end(self.starts.as_ref().unwrap_or(&self.ends), segment - 1),
        };
        let target = self.segments.target(segment, &x_t, &end(&self.ends, segment));
        (x_t, target)
    }

    /// The jobs of a step, which counts from 0. An epoch sees every row once; a batch has at most all of them.
    pub fn jobs_of_step(&self, recipe: &Recipe, step: usize) -> Vec<Job> {
        let size = recipe.batch_size.min(self.rows());
        let per_epoch = (self.rows() / size.max(1)).max(1);
        let (epoch, position) = (step / per_epoch, step % per_epoch);
        let mut order: Vec<usize> = (0..self.rows()).collect();
        streams::epoch(recipe.seed, epoch).shuffle(&mut order);
        self.jobs(&order[position * size..(position + 1) * size], recipe, Some(step))
    }

    /// The jobs of the loss over all rows.
    pub fn all_jobs(&self, recipe: &Recipe) -> Vec<Job> {
        self.jobs(&(0..self.rows()).collect::<Vec<_>>(), recipe, None)
    }

    fn jobs(&self, rows: &[usize], recipe: &Recipe, dropping: Option<usize>) -> Vec<Job> {
        let count = self.segments.0.len();
        let (mut timesteps, mut labels) = (Vec::new(), Vec::new());
        let mut all = Noisy { noisy: Vec::new(), target: Vec::new(), weights: Vec::new() };
        for row in rows {
            let (run, segment) = (row / count, row % count);
            let (x_t, target) = self.row(run, segment);
            all.noisy.extend(x_t);
            all.target.extend(target);
            all.weights.push(self.segments.0[segment].weight);
            timesteps.push(self.segments.0[segment].timestep);
            labels.push(self.labels[run]);
        }
        cut(all, &timesteps, &labels, recipe, dropping)
    }
}
