//! The runs that are learnt: recorded, with the time that it takes told before.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use diffusion::adapter::merge;
use diffusion::training::Segments;
use diffusion::{Backend, Base, Model, Request, Turbo};
use indicatif::HumanDuration;
use serde_json::json;
use trainer::config::TurboConfig;
use trainer::messages::{emit, say};
use trainer::store::{AdapterFiles, sha256};
use trainer::turbo::{Recorded, Recording, Told};

use crate::cli::load::Loaded;
use crate::cli::training::passes;

/// The teacher's runs within the run's folder.
const CACHE: &str = "teacher";
/// The runs of the adapter that is trained on, likewise.
const OWN: &str = "own";
/// Forward passes that take as long as a training step's forward and backward pass on as many pictures.
const FORWARDS: f64 = 3.0;

/// What the runs are drawn by.
pub struct Source<'a> {
    pub config: &'a TurboConfig,
    /// The base with the styles in its weights: the teacher.
    pub base: &'a Base,
    pub base_sha256: &'a str,
    pub styles: &'a [Loaded],
    pub segments: &'a Segments,
    /// The run's folder.
    pub out: &'a Path,
    pub backend: Backend,
}

impl Source<'_> {
    /// Records what is missing. Those that are learnt, and those that are held out, which come first.
    ///
    /// # Errors
    /// `Error::Stopped`: what is complete is kept.
    pub fn runs(&self, stop: &AtomicBool) -> anyhow::Result<(Recorded, Option<Recorded>)> {
        let turbo = &self.config.turbo;
        let teacher = Model::new(self.base.clone(), self.backend.clone())?;
        let styles = self.styles.iter().map(|style| format!(" + {} at {}", sha256(&style.files.bytes), style.scale));
        let weights = format!("base {}{}", self.base_sha256, styles.collect::<String>());
        let recording = Recording {
            model: &teacher,
            request: turbo.teacher(),
            weights: weights.clone(),
            segments: self.segments.clone(),
            folder: if turbo.cache.is_empty() { self.out.join(CACHE) } else { PathBuf::from(&turbo.cache) },
        };
        let (runs, held_out) = self.recorded(&recording, stop)?;
        let Some(init) = self.config.run.init.as_deref().filter(|_| turbo.own_states) else {
            return Ok((runs, held_out));
        };
        let files = AdapterFiles::read(init)?;
        let state = merge(&self.base.state, [(&files.adapter(&self.base.state)?, 1.0)]);
        let pupil = Model::new(Base { state, ..self.base.clone() }, self.backend.clone())?;
        let recording = Recording {
            model: &pupil,
            request: Turbo::of_steps(turbo.steps, Vec::new()).request(Request::new(0, 0)),
            weights: format!("{weights} + {}", sha256(&files.bytes)),
            segments: self.segments.clone(),
            folder: self.out.join(OWN),
        };
        let (own, own_held_out) = self.recorded(&recording, stop)?;
        let held_out = held_out.zip(own_held_out).map(|(runs, own)| runs.starting_at(own)).transpose()?;
        Ok((runs.starting_at(own)?, held_out))
    }

    fn recorded(&self, recording: &Recording<'_>, stop: &AtomicBool) -> anyhow::Result<(Recorded, Option<Recorded>)> {
        let TurboConfig { turbo, train, .. } = self.config;
        let total = turbo.held_out + turbo.runs;
        let learnt = (train.total_steps(turbo.runs * turbo.steps) * train.images_per_step()) as f64;
        let training = learnt * FORWARDS / passes(&recording.request);
        let mut told = false;
        recording.record(total, train.threads, stop, |Told { done, total, drawn: (drawn, seconds) }| {
            if drawn > 0 && done < total && !told {
                told = true;
                // Too many seconds for it are the most.
                let duration = |runs: f64| {
                    let seconds = seconds / drawn as f64 * runs;
                    HumanDuration(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
                };
                let (rest, training) = (duration((total - done) as f64), duration(training));
                say!("{done} of {total} runs are recorded: the rest takes about {rest}, training about {training}");
            }
            emit(json!({ "event": "recorded", "runs": done, "of": total }))
        })?;
        let held_out = if turbo.held_out == 0 { None } else { Some(recording.read(0..turbo.held_out)?) };
        Ok((recording.read(turbo.held_out..total)?, held_out))
    }
}

/// A style's name with its strength, where that is not 1.
pub fn named(style: &Loaded) -> String {
    let path = Path::new(&style.path);
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    let name = name.map_or_else(|| style.path.clone(), |name| name.to_string_lossy().into_owned());
    if style.scale == 1.0 { name } else { format!("{name}:{}", style.scale) }
}
