//! A file of recorded runs: safetensors in 16 bits, `ends` `[runs, ends, c, h, w]`, the latents in the network's scale where
//! segments end. Its header says of which teacher, and after which of its steps. Tests: here.

use std::path::Path;

use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};

use crate::error::{Error, Result};
use crate::files;

/// All that decides what a teacher's runs are.
const TEACHER: &str = "digit_diffusion.teacher";
/// The steps of the teacher after which the latents were kept, with commas.
const STEPS: &str = "digit_diffusion.teacher_steps";
const ENDS: &str = "ends";

/// Recorded runs, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// What the runs are decided by.
    pub teacher: String,
    /// The steps of the teacher, counted from 0, after which latents were kept.
    pub steps: Vec<usize>,
    /// Shape of one picture's latents.
    pub shape: [usize; 3],
    /// `[runs, steps, c, h, w]`.
    pub ends: Vec<f32>,
}

impl Part {
    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.ends.len() / self.width().max(1)
    }

    /// Values of a run.
    fn width(&self) -> usize {
        self.steps.len() * self.shape.iter().product::<usize>()
    }

    /// The latents of a run after these steps of the teacher, one after the other; nothing where one was not kept.
    pub fn run(&self, run: usize, steps: &[usize]) -> Option<Vec<f32>> {
        let len: usize = self.shape.iter().product();
        let own = self.ends.get(run * self.width()..(run + 1) * self.width())?;
        let after = |step: &usize| {
            let at = self.steps.iter().position(|kept| kept == step)?;
            own.get(at * len..(at + 1) * len)
        };
        Some(steps.iter().map(after).collect::<Option<Vec<_>>>()?.concat())
    }

    /// Writes the file, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let [c, h, w] = self.shape;
        let tensor = HostTensor { shape: vec![self.runs(), self.steps.len(), c, h, w], values: self.ends.clone() };
        let steps: Vec<String> = self.steps.iter().map(usize::to_string).collect();
        let metadata =
            Metadata::from([(TEACHER.to_owned(), self.teacher.clone()), (STEPS.to_owned(), steps.join(","))]);
        let state = StateDict::from([(ENDS.to_owned(), tensor)]);
        files::write_atomic(path, &write_tensors(&state, metadata, Precision::F16)?)
    }

    /// Reads the file.
    pub fn load(path: &Path) -> Result<Self> {
        let refuse = |reason: &str| Error::Data { location: path.display().to_string(), reason: reason.to_owned() };
        let bytes = files::read(path)?;
        let (mut state, metadata) = read_tensors(&bytes).map_err(|error| refuse(&error.to_string()))?;
        let no_runs = || refuse("it holds no recorded runs of a teacher; remove it, or give another --cache");
        let (teacher, steps) = (metadata.get(TEACHER).ok_or_else(no_runs)?, metadata.get(STEPS).ok_or_else(no_runs)?);
        let steps = steps.split(',').map(|step| step.parse().ok()).collect::<Option<Vec<usize>>>();
        let (steps, tensor) = (steps.ok_or_else(no_runs)?, state.remove(ENDS).ok_or_else(no_runs)?);
        match tensor.shape[..] {
            [_, kept, c, h, w] if kept == steps.len() && tensor.values.iter().all(|value| value.is_finite()) => {
                Ok(Self { teacher: teacher.clone(), steps, shape: [c, h, w], ends: tensor.values })
            }
            _ => Err(no_runs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_part_comes_back_and_gives_the_steps_that_are_asked_for() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("part.safetensors");
        let ends: Vec<f32> = (0..2 * 3 * 4).map(|i| i as f32 / 8.0).collect();
        let part = Part { teacher: "t".into(), steps: vec![2, 5, 8], shape: [1, 2, 2], ends };
        part.save(&path).unwrap();
        let read = Part::load(&path).unwrap();
        assert_eq!((&read, read.runs()), (&part, 2));
        assert_eq!(read.run(1, &[2, 8]).unwrap(), [&part.ends[12..16], &part.ends[20..24]].concat());
        assert_eq!(read.run(1, &[3]), None, "a step that was not kept");
        assert_eq!(read.run(2, &[2]), None, "a run that is not there");
        files::write_atomic(&path, b"no tensors").unwrap();
        assert!(Part::load(&path).unwrap_err().to_string().contains("part.safetensors"));
        let other = StateDict::from([("x".to_owned(), HostTensor { shape: vec![1], values: vec![0.0] })]);
        files::write_atomic(&path, &write_tensors(&other, Metadata::new(), Precision::F32).unwrap()).unwrap();
        assert!(Part::load(&path).unwrap_err().to_string().contains("no recorded runs"));
    }
}
