//! Recording a teacher's runs into a folder, a part at a time; parts that are there are kept. A run is decided by its number:
//! its class comes in turns, its seed counts up from one that no page draws by. Tests: `trainer/tests/runs/turbo.rs`.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use diffusion::training::{Segments, Trajectories};
use diffusion::{Model, Request};

use super::part::Part;
use super::recorded::Recorded;
use crate::error::{Error, Result};
use crate::sampling::draw;
use crate::store::sha256_of;

/// Runs in a file.
const RUNS: usize = 500;
/// Seed of the first run.
const FIRST_SEED: u64 = 1 << 40;

/// What is to be recorded.
pub struct Recording<'a> {
    /// The teacher, its adapters on.
    pub model: &'a Model,
    /// A run of it.
    pub request: Request,
    /// All that decides its values beside the request: the base and its adapters.
    pub weights: String,
    /// The steps that are taught.
    pub segments: Segments,
    /// Where parts are kept.
    pub folder: PathBuf,
}

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// Runs that are there.
    pub done: usize,
    /// Runs that there will be.
    pub total: usize,
    /// Runs that were drawn now, and the seconds that they took.
    pub drawn: (usize, f64),
}

impl Recording<'_> {
    /// Records what is missing of `total` runs. `on_part` is told after each file.
    ///
    /// # Errors
    /// A teacher that does not pass where segments end; files of another teacher; what cannot be drawn or written;
    /// [`Error::Stopped`] where `stop` was set: what is complete is kept.
    pub fn record(
        &self,
        total: usize,
        threads: usize,
        stop: &AtomicBool,
        mut on_part: impl FnMut(Told) -> Result<()>,
    ) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(Error::io("create", &self.folder))?;
        let steps = self.segments.ends_in(&self.request, self.model.schedule())?;
        let mut drawn = (0, 0.0);
        for from in (0..total).step_by(RUNS) {
            let range = from..(from + RUNS).min(total);
            let path = self.path(from);
            let there = self.part(&path)?;
            if there.is_none_or(|part| part.runs() < range.len() || part.run(0, &steps).is_none()) {
                if stop.load(Ordering::Relaxed) {
                    return Err(Error::Stopped);
                }
                let started = Instant::now();
                self.draw(range.clone(), &steps, threads)?.save(&path)?;
                drawn = (drawn.0 + range.len(), drawn.1 + started.elapsed().as_secs_f64());
            }
            on_part(Told { done: range.end, total, drawn })?;
        }
        Ok(())
    }

    /// Some of the recorded runs.
    ///
    /// # Errors
    /// Runs that are not there; files of another teacher, or that cannot be read.
    pub fn read(&self, runs: Range<usize>) -> Result<Recorded> {
        let steps = self.segments.ends_in(&self.request, self.model.schedule())?;
        let mut trajectories = Trajectories::new(self.segments.clone(), self.model.base().codec().latent_len());
        let mut sums = vec![sha256_of([self.teacher().as_bytes(), format!("{steps:?} {runs:?}").as_bytes()])];
        let first = runs.start / RUNS * RUNS;
        for from in (first..runs.end).step_by(RUNS) {
            let path = self.path(from);
            let part = self.part(&path)?;
            let mut values = Vec::new();
            for run in runs.start.max(from)..runs.end.min(from + RUNS) {
                let ends = part.as_ref().and_then(|part| part.run(run - from, &steps)).ok_or_else(|| {
                    let reason = format!("run {run} of the teacher is not in it: let it be recorded again");
                    Error::Data { location: path.display().to_string(), reason }
                })?;
                let (label, seed) = self.of_run(run);
                trajectories.push(seed, label, &ends)?;
                values.extend(ends.iter().flat_map(|value| value.to_le_bytes()));
            }
            sums.push(sha256_of([&values[..]]));
        }
        Ok(Recorded {
            trajectories,
            sha256: sha256_of(sums.iter().map(|sum| sum.as_bytes())),
            classes: self.model.base().info.num_classes(),
            location: self.folder.display().to_string(),
        })
    }

    /// Class and seed of a run.
    fn of_run(&self, run: usize) -> (usize, u64) {
        (run % self.model.base().info.num_classes(), FIRST_SEED + run as u64)
    }

    /// The file of the runs from this one on.
    fn path(&self, from: usize) -> PathBuf {
        self.folder.join(format!("runs-{:05}.safetensors", from / RUNS))
    }

    /// All that decides the runs, in a form that people can read.
    fn teacher(&self) -> String {
        let Request {
            num_inference_steps,
            sampler,
            timestep_spacing,
            guidance_scale,
            guidance_start,
            guidance_stop,
            guidance_eta,
            eta,
            ..
        } = &self.request;
        let spacing = timestep_spacing.map_or("its own", |spacing| spacing.name());
        format!(
            "{}, {} {num_inference_steps} steps {spacing} eta {eta}, guidance {guidance_scale} from {guidance_start} to \
             {guidance_stop} eta {guidance_eta}, seeds from {FIRST_SEED}",
            self.weights,
            sampler.name()
        )
    }

    /// The file's runs; nothing where it is not there.
    fn part(&self, path: &Path) -> Result<Option<Part>> {
        if !path.exists() {
            return Ok(None);
        }
        let part = Part::load(path)?;
        let teacher = self.teacher();
        if part.teacher != teacher || part.shape != self.model.base().codec().latent_shape() {
            return Err(Error::Data {
                location: path.display().to_string(),
                reason: format!(
                    "it holds runs of another teacher ({}, not {teacher}); give another --cache or --out, or remove it",
                    part.teacher
                ),
            });
        }
        Ok(Some(part))
    }

    /// Draws runs, and keeps where they stood after these steps.
    fn draw(&self, runs: Range<usize>, steps: &[usize], threads: usize) -> Result<Part> {
        let codec = self.model.base().codec();
        let (len, shape) = (codec.latent_len(), codec.latent_shape());
        let width = steps.len() * len;
        let (labels, seeds) = runs.clone().map(|run| self.of_run(run)).unzip();
        let request = Request { labels, seeds, ..self.request.clone() };
        let ends = Mutex::new(vec![0.0f32; runs.len() * width]);
        draw(self.model, &request, threads, |first, step| {
            let Some(at) = steps.iter().position(|kept| kept + 1 == step.step) else { return };
            let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
            for (i, latents) in step.sample.chunks_exact(len).enumerate() {
                let place = (first + i) * width + at * len;
                // Euler works on larger numbers.
                let scaled = latents.iter().map(|x| x * step.display_scale);
                ends[place..place + len].iter_mut().zip(scaled).for_each(|(end, x)| *end = x);
            }
        })?;
        let ends = ends.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Part { teacher: self.teacher(), steps: steps.to_vec(), shape, ends })
    }
}
