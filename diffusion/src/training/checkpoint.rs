//! A run of an adapter as bytes, to go on later exactly as if it had never stopped.
//!
//! It is a safetensors file: `model.*`, `ema.*`, `moment_1.*` and `moment_2.*`, one of each for every trained parameter, with
//! `best.*` after a validation; `adapter.*`, the adapter that training began with, by PEFT's names, with its
//! `adapter_config.json` in the header; and `numbers`: recipe, step, what validation has found, and digests of base and
//! pictures, in parts that f32 has exactly.
//!
//! Tests: `tests/it/adapter_run.rs`.

use std::sync::Arc;

use crate::base::Base;
use crate::error::{Result, TrainingError};
use crate::state::{HostTensor, StateDict};
use crate::tensors::{Metadata, Precision, must_be_numbers, read_tensors, write_tensors};

use super::adapter_run::AdapterRun;
use super::beginning::Beginning;
use super::bits;
use super::loss::LossKind;
use super::optimizer::Vectors;
use super::pictures::Pictures;
use super::recipe::Recipe;
use super::validation::Validated;

const CONFIG: &str = "digit_diffusion.adapter_config";
const NUMBERS: &str = "numbers";
/// Of the list of numbers; another list has another.
const VERSION: u64 = 1;

/// The values of a list, one after the other.
struct List<'a>(&'a [f32]);

impl List<'_> {
    fn next(&mut self) -> Result<u64> {
        let (own, rest) = self.0.split_at_checked(4).ok_or(TrainingError::NoCheckpoint { missing: NUMBERS })?;
        self.0 = rest;
        Ok(bits::join(own))
    }

    fn count(&mut self) -> Result<usize> {
        Ok(self.next()? as usize)
    }

    fn float(&mut self) -> Result<f64> {
        Ok(f64::from_bits(self.next()?))
    }
}

fn of_pictures(pictures: &Pictures) -> impl Iterator<Item = u32> + '_ {
    let levels = pictures.levels.iter().map(|level| u32::from(*level));
    [pictures.size as u32].into_iter().chain(levels).chain(pictures.labels.iter().map(|label| u32::from(*label)))
}

fn digest_of_pictures(pictures: &Pictures, held_out: Option<&Pictures>) -> u64 {
    bits::digest(of_pictures(pictures).chain(held_out.into_iter().flat_map(of_pictures)))
}

fn digest_of_base(base: &Base) -> u64 {
    bits::digest(base.state.values().flat_map(|tensor| &tensor.values).map(|value| value.to_bits()))
}

impl AdapterRun {
    /// All that is needed to go on later, see [`resume`](Self::resume).
    ///
    /// # Errors
    /// None but what a broken run would have.
    pub fn checkpoint(&self) -> Result<Vec<u8>> {
        let mut state = StateDict::new();
        let mut keep = |prefix: &str, tensors: StateDict| {
            state.extend(tensors.into_iter().map(|(name, tensor)| (format!("{prefix}.{name}"), tensor)));
        };
        let layout = self.parameters.layout();
        let Vectors { weights, ema, moment_1, moment_2 } = &self.vectors;
        for (prefix, vector) in [("model", weights), ("ema", ema), ("moment_1", moment_1), ("moment_2", moment_2)] {
            keep(prefix, layout.to_state(vector)?);
        }
        if let Some(best) = &self.best {
            keep("best", layout.to_state(best)?);
        }
        keep("adapter", self.beginning.tensors.clone());
        let Recipe { lr, lr_floor, ema_decay, .. } = self.recipe;
        let r = &self.recipe;
        let counts = [r.steps, r.batch_size, r.micro_batch, r.warmup_steps, r.validate_every, r.early_stop];
        let single = [
            r.snr_gamma,
            r.snr_offset,
            r.class_dropout,
            r.dropout,
            r.max_grad_norm,
            r.weight_decay,
            r.augment,
            self.validated.best_loss,
        ];
        let Validated { step, stale, best_step, .. } = self.validated;
        let numbers = [VERSION, digest_of_base(&self.base), digest_of_pictures(&self.pictures, self.held_out.as_ref())]
            .into_iter()
            .chain([self.step, step, stale, best_step].map(|count| count as u64))
            .chain([r.seed, r.loss as u64])
            .chain(counts.map(|count| count as u64))
            .chain([lr, lr_floor, ema_decay].map(f64::to_bits))
            .chain(single.map(|value| f64::from(value).to_bits()));
        let values: Vec<f32> = numbers.flat_map(bits::split).collect();
        state.insert(NUMBERS.to_owned(), HostTensor { shape: vec![values.len()], values });
        let mut metadata = Metadata::new();
        metadata.insert(CONFIG.to_owned(), self.beginning.config.clone());
        write_tensors(&state, metadata, Precision::F32)
    }

    /// Goes on from a [`checkpoint`](Self::checkpoint), with the base and the pictures that it was begun with.
    ///
    /// # Errors
    /// Bytes that are no checkpoint, values that are no numbers, a run on another base or other pictures.
    pub fn resume(
        base: impl Into<Arc<Base>>,
        pictures: Pictures,
        held_out: Option<Pictures>,
        bytes: &[u8],
    ) -> Result<Self> {
        let base = base.into();
        let (mut state, metadata) = read_tensors(bytes)?;
        must_be_numbers(&state)?;
        let missing = |missing| TrainingError::NoCheckpoint { missing };
        let config = metadata.get(CONFIG).ok_or(missing(CONFIG))?.clone();
        let numbers = state.remove(NUMBERS).ok_or(missing(NUMBERS))?;
        let mut list = List(&numbers.values);
        if list.next()? != VERSION {
            return Err(missing("a version that is read here").into());
        }
        if list.next()? != digest_of_base(&base) {
            return Err(TrainingError::OtherBase.into());
        }
        if list.next()? != digest_of_pictures(&pictures, held_out.as_ref()) {
            return Err(TrainingError::OtherPictures.into());
        }
        let step = list.count()?;
        let mut validated =
            Validated { step: list.count()?, stale: list.count()?, best_step: list.count()?, best_loss: 0.0 };
        let seed = list.next()?;
        let loss = list.next()?;
        let loss = [LossKind::L1, LossKind::L2, LossKind::Huber].into_iter().find(|kind| *kind as u64 == loss);
        let recipe = Recipe {
            seed,
            loss: loss.ok_or(missing("loss"))?,
            steps: list.count()?,
            batch_size: list.count()?,
            micro_batch: list.count()?,
            warmup_steps: list.count()?,
            validate_every: list.count()?,
            early_stop: list.count()?,
            lr: list.float()?,
            lr_floor: list.float()?,
            ema_decay: list.float()?,
            snr_gamma: list.float()? as f32,
            snr_offset: list.float()? as f32,
            class_dropout: list.float()? as f32,
            dropout: list.float()? as f32,
            max_grad_norm: list.float()? as f32,
            weight_decay: list.float()? as f32,
            augment: list.float()? as f32,
        };
        validated.best_loss = list.float()? as f32;
        let mut part = |prefix: &str| {
            let mut own = StateDict::new();
            for (name, tensor) in &mut state {
                if let Some(name) = name.strip_prefix(prefix).and_then(|name| name.strip_prefix('.')) {
                    own.insert(
                        name.to_owned(),
                        HostTensor { shape: tensor.shape.clone(), values: std::mem::take(&mut tensor.values) },
                    );
                }
            }
            own
        };
        let beginning = Beginning { tensors: part("adapter"), config };
        let adapter = beginning.adapter(&base)?;
        let mut run = Self::begin(base, beginning, &adapter, pictures, held_out, recipe)?;
        let layout = run.parameters.layout();
        run.vectors = Vectors {
            weights: layout.to_vector(&part("model"))?,
            ema: layout.to_vector(&part("ema"))?,
            moment_1: layout.to_vector(&part("moment_1"))?,
            moment_2: layout.to_vector(&part("moment_2"))?,
        };
        if validated.best_step > 0 {
            run.best = Some(layout.to_vector(&part("best"))?);
        }
        (run.step, run.validated) = (step, validated);
        Ok(run)
    }
}
