//! A checkpoint: one safetensors file with all that a run needs to go on. It has `model.*`, `ema.*`, `moment_1.*` and
//! `moment_2.*`, one of each for every trained parameter, with `best.*` after a validation, and the run's settings in its header. Tests: here for what is
//! refused; what a run resumes to, in `tests/it/training.rs` and `trainer/tests/runs`.

use std::path::Path;

use diffusion::state::{HostTensor, StateDict};
use diffusion::training::Validated;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::config::{LoraSettings, TrainConfig, to_toml};
use crate::error::{Error, Result};
use crate::files;

const CONFIG: &str = "digit_diffusion.train_config";
const ORIGIN: &str = "digit_diffusion.origin";
const VALIDATED: &str = "digit_diffusion.validated";
pub(crate) const STEP: &str = "digit_diffusion.step";

/// What a run was started with, in addition to its [`TrainConfig`]. It can only be resumed with the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// [`Dataset::sha256`](crate::data::Dataset::sha256) of the pictures it is trained on.
    pub data_sha256: String,
    /// The adapter, where one is trained and not a base.
    pub adapter: Option<AdapterOrigin>,
}

/// What an adapter's run was started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterOrigin {
    /// Rank, scaling, targets, dropout.
    pub settings: LoraSettings,
    /// SHA-256 of the weights of the base.
    pub base_sha256: String,
    /// The text of `adapter_config.json`, which has each module's rank and alpha. Checkpoints of older versions have none.
    #[serde(default)]
    pub adapter_config: String,
}

impl Origin {
    /// Checks that a run is resumed with what it was started with.
    ///
    /// # Errors
    /// Other pictures, another base, or other settings of the adapter.
    pub fn must_be(&self, now: &Self) -> Result<()> {
        let base = |origin: &Self| origin.adapter.as_ref().map(|adapter| adapter.base_sha256.clone());
        let reason = if self == now {
            return Ok(());
        } else if self.data_sha256 != now.data_sha256 {
            "other pictures: give the same --data, --mnist and --hold-out"
        } else if base(self) != base(now) {
            "another base: give the same --base"
        } else {
            "other settings of the adapter"
        };
        Err(Error::OtherRun { reason: format!("the run was started with {reason}") })
    }
}

/// A run at some step.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Steps done.
    pub step: usize,
    /// What the run is made of.
    pub config: TrainConfig,
    /// What it was started with.
    pub origin: Origin,
    /// Trainable parameters.
    pub model: StateDict,
    /// Their exponential moving average.
    pub ema: StateDict,
    /// AdamW's moving average of the gradients.
    pub moment_1: StateDict,
    /// AdamW's moving average of their squares.
    pub moment_2: StateDict,
    /// What validation has found.
    pub validated: Validated,
    /// The EMA of the step with the least validation loss; nothing before the first measurement.
    pub best: Option<StateDict>,
}

impl Checkpoint {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// Values that do not fit their shapes; that the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let refuse = |reason: String| Error::Checkpoint { reason };
        let named = |prefix: &'static str, state: &StateDict| -> Vec<(String, Vec<usize>, Vec<u8>)> {
            let bytes = |tensor: &HostTensor| tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            state
                .iter()
                .map(|(name, tensor)| (format!("{prefix}.{name}"), tensor.shape.clone(), bytes(tensor)))
                .collect()
        };
        let none = StateDict::new();
        let floats = [
            named("best", self.best.as_ref().unwrap_or(&none)),
            named("model", &self.model),
            named("ema", &self.ema),
            named("moment_1", &self.moment_1),
            named("moment_2", &self.moment_2),
        ]
        .concat();
        let mut views = Vec::with_capacity(floats.len());
        for (name, shape, bytes) in &floats {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|e| refuse(e.to_string()))?;
            views.push((name.as_str(), view));
        }
        // As TOML, which gives every float back as it was.
        let config = to_toml(&self.config)?;
        let origin = to_toml(&self.origin)?;
        let validated = to_toml(&self.validated)?;
        let metadata = [(CONFIG, config), (ORIGIN, origin), (VALIDATED, validated), (STEP, self.step.to_string())];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value)).into();
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| refuse(e.to_string()))?;
        files::write_atomic(path, &bytes)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// A file that cannot be read, is no checkpoint, or one of an older version.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = files::read(path)?;
        Self::decode(&bytes).map_err(|reason| Error::Checkpoint { reason: format!("{}: {reason}", path.display()) })
    }

    fn decode(bytes: &[u8]) -> std::result::Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let field = |key: &str| {
            metadata.get(key).ok_or_else(|| format!("{key} is missing, this is not a checkpoint of this program"))
        };
        let step = field(STEP)?.parse().map_err(|_| "its step is not a number".to_owned())?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        // The first did not say on what data, later ones kept the optimizer's own record.
        if !metadata.contains_key(ORIGIN) || file.tensor("optimizer").is_ok() {
            return Err("it was written by an older version of this program; finish the run with that one".to_owned());
        }
        let config = toml::from_str(field(CONFIG)?).map_err(|e| e.to_string())?;
        let origin = toml::from_str(field(ORIGIN)?).map_err(|e| e.to_string())?;
        // Older versions kept no best weights.
        let validated = match metadata.get(VALIDATED) {
            Some(text) => toml::from_str(text).map_err(|e| e.to_string())?,
            None => Validated::default(),
        };
        let [model, ema, moment_1, moment_2] = Default::default();
        let mut checkpoint = Self { step, config, origin, model, ema, moment_1, moment_2, validated, best: None };
        for (name, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(format!("tensor {name} has values of type {:?}, not F32", view.dtype()));
            }
            let values = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            let (state, path) = match name.split_once('.') {
                Some(("model", path)) => (&mut checkpoint.model, path),
                Some(("ema", path)) => (&mut checkpoint.ema, path),
                Some(("moment_1", path)) => (&mut checkpoint.moment_1, path),
                Some(("moment_2", path)) => (&mut checkpoint.moment_2, path),
                Some(("best", path)) => (checkpoint.best.get_or_insert_default(), path),
                _ => return Err(format!("tensor {name} does not belong in a checkpoint")),
            };
            state.insert(path.to_owned(), HostTensor { shape: view.shape().to_vec(), values });
        }
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Vec<(String, String)> {
        let origin = Origin { data_sha256: "00".into(), adapter: None };
        let texts = [(CONFIG, to_toml(&TrainConfig::base()).unwrap()), (ORIGIN, to_toml(&origin).unwrap())];
        texts.into_iter().chain([(STEP, "7".to_owned())]).map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn decode(name: &str, dtype: Dtype, metadata: Vec<(String, String)>) -> std::result::Result<Checkpoint, String> {
        let view = TensorView::new(dtype, vec![2], &[0; 8][..2 * dtype.bitsize() / 8]).unwrap();
        let bytes = safetensors::serialize([(name, view)], Some(metadata.into_iter().collect())).unwrap();
        Checkpoint::decode(&bytes)
    }

    #[test]
    fn files_that_are_no_checkpoint_of_this_version_are_refused() {
        let checkpoint = decode("ema.conv_in.weight", Dtype::F32, metadata()).unwrap();
        assert_eq!((checkpoint.step, checkpoint.ema["conv_in.weight"].values.len()), (7, 2));
        let refused = |name, dtype, metadata| decode(name, dtype, metadata).unwrap_err();
        assert!(refused("ema.conv_in.weight", Dtype::F16, metadata()).contains("F16, not F32"));
        assert!(refused("noise", Dtype::F32, metadata()).contains("does not belong in a checkpoint"));
        assert!(refused("optimizer", Dtype::F32, metadata()).contains("older version"));
        let without = |key: &str| metadata().into_iter().filter(|(name, _)| name != key).collect();
        assert!(refused("ema.x", Dtype::F32, without(STEP)).contains("digit_diffusion.step is missing"));
        assert!(refused("ema.x", Dtype::F32, without(ORIGIN)).contains("older version"));
    }
}
