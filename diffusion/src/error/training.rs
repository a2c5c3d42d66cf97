//! What is wrong with a training.

use thiserror::Error;

use super::fields::{Fields, number, text};

/// What is wrong with a training.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A number of a recipe cannot work, or is none of its numbers.
    #[error("{name} must be {accepted}")]
    Setting {
        /// Its name.
        name: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// There is nothing to train on.
    #[error("there are no pictures to train on")]
    NoPictures,
    /// Pictures have another size than the model's, or do not go with their labels.
    #[error("{pictures} pictures of {size} x {size}, which the model draws, are not {values} values")]
    Pictures {
        /// How many there are, by their labels.
        pictures: usize,
        /// The side of the model's pictures.
        size: usize,
        /// Levels given.
        values: usize,
    },
    /// A kind of adapter that is not trained on: PEFT's form cannot say it without settings of its own.
    #[error("{path} is changed by {kind}, which is not trained on as it is; convert it to plain LoRA")]
    Kind {
        /// Path of the first such module.
        path: String,
        /// What changes it.
        kind: &'static str,
    },
    /// A vector of parameters or gradients has another length.
    #[error("{found} values came for {expected} parameters")]
    Length {
        /// Its length.
        found: usize,
        /// What it should be.
        expected: usize,
    },
    /// As many results as there were jobs are needed.
    #[error("{found} results came of {expected} jobs")]
    Results {
        /// Results given.
        found: usize,
        /// Jobs of the step.
        expected: usize,
    },
    /// Numbers are no job, or no result of one.
    #[error("{found} numbers are not a training job's")]
    Job {
        /// How many were given.
        found: usize,
    },
    /// Loss or gradient became infinite or not a number.
    #[error("the loss is no number any more at step {step}, so training stopped; lower the learning rate")]
    Diverged {
        /// Step of the run, from 1.
        step: usize,
    },
    /// A checkpoint's parameters are not those of the run.
    #[error("it does not fit this model: {tensor} is missing, has another shape, or is not trained here")]
    Parameter {
        /// The first of them.
        tensor: String,
    },
    /// Bytes are no checkpoint of an adapter's run.
    #[error("this is not the checkpoint of a training: {missing} is missing")]
    NoCheckpoint {
        /// What is missing or unreadable in it.
        missing: &'static str,
    },
    /// A checkpoint is of a run on another base.
    #[error("the checkpoint is of a training on another base")]
    OtherBase,
    /// A checkpoint is of a run on other pictures.
    #[error("the checkpoint is of a training on other pictures")]
    OtherPictures,
}

impl TrainingError {
    pub(super) fn describe(&self) -> (&'static str, Fields) {
        match self {
            Self::Setting { name, accepted } => {
                ("training-setting", vec![("name", text(name)), ("accepted", text(accepted))])
            }
            Self::NoPictures => ("training-no-pictures", vec![]),
            Self::Pictures { pictures, size, values } => {
                let fields =
                    vec![("pictures", number(*pictures)), ("size", number(*size)), ("values", number(*values))];
                ("training-pictures", fields)
            }
            Self::Kind { path, kind } => ("training-kind", vec![("path", text(path)), ("kind", text(kind))]),
            Self::Length { found, expected } => {
                ("training-length", vec![("found", number(*found)), ("expected", number(*expected))])
            }
            Self::Results { found, expected } => {
                ("training-results", vec![("found", number(*found)), ("expected", number(*expected))])
            }
            Self::Job { found } => ("training-job", vec![("found", number(*found))]),
            Self::Diverged { step } => ("training-diverged", vec![("step", number(*step))]),
            Self::Parameter { tensor } => ("training-parameter", vec![("tensor", text(tensor))]),
            Self::NoCheckpoint { missing } => ("training-no-checkpoint", vec![("missing", text(missing))]),
            Self::OtherBase => ("training-other-base", vec![]),
            Self::OtherPictures => ("training-other-pictures", vec![]),
        }
    }
}
