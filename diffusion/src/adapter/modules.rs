//! An adapter: what it makes of each module.
//!
//! Tests: `tests/it/lora.rs`, `tests/it/lora_files.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;
use crate::turbo::Turbo;

use super::change::{Change, Update};

/// An adapter: what it makes of each module, by the module's path (without `.weight`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Adapter {
    /// The modules.
    pub modules: BTreeMap<String, Update>,
    /// SHA-256 (lower-case hex) of the base weights file it was trained on, where the file says so.
    pub base_sha256: Option<String>,
    /// How it is drawn with, where it was taught to draw in few steps.
    pub turbo: Option<Turbo>,
    /// Guidance that it is drawn with where nothing else is said, where the file says so.
    pub guidance_scale: Option<f64>,
    /// What a file of kohya says of alpha where it has no alphas: nobody heeds it, alpha is the rank.
    pub ignored_alpha: Option<String>,
    /// Tensors of the file that are used.
    pub used: usize,
    /// Tensors of the file that are not, and why; none where the file was read strictly.
    pub unused: Vec<Unused>,
}

/// A tensor that is not used.
#[derive(Debug, Clone)]
pub struct Unused {
    /// Its name in the file.
    pub tensor: String,
    /// Why. The tensors of one module share it.
    pub error: Arc<Error>,
}

impl PartialEq for Unused {
    /// Errors are compared by their sentences.
    fn eq(&self, other: &Self) -> bool {
        self.tensor == other.tensor && self.error.to_string() == other.error.to_string()
    }
}

impl Adapter {
    /// The largest rank of all modules, 0 where none has one.
    pub fn rank(&self) -> usize {
        self.modules.values().filter_map(Update::rank).max().unwrap_or(0)
    }

    /// The kinds in it, by the names that people know.
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        for kind in self.modules.values().map(Update::kind) {
            if let Err(at) = kinds.binary_search(&kind) {
                kinds.insert(at, kind);
            }
        }
        kinds
    }

    /// What people should know of it, in English: that a file says something of alpha which nobody heeds.
    pub fn note(&self) -> Option<String> {
        let said = self.ignored_alpha.as_ref()?;
        Some(format!(
            "its ss_network_alpha is {said}, but it has no .alpha tensors, so that alpha is the rank ({}), as it is for sd-scripts, diffusers and ComfyUI",
            self.rank()
        ))
    }

    /// Guidance that adapters at these strengths are drawn with together: the largest that one of them that is on asks for.
    pub fn guidance_of<'a>(adapters: impl Iterator<Item = (&'a Self, f32)>) -> Option<f64> {
        adapters
            .filter(|(_, strength)| *strength > 0.0)
            .filter_map(|(adapter, _)| adapter.guidance_scale)
            .reduce(f64::max)
    }

    /// The same adapter with a strength baked in: at 1 it does what it did at `scale` before. Nothing where a kind in it
    /// knows no such thing (all but LoRA, LoHa, LoKr and differences, without DoRA).
    pub fn scaled(mut self, scale: f32) -> Option<Self> {
        if scale == 1.0 {
            return Some(self);
        }
        for update in self.modules.values_mut() {
            update.scale(scale)?;
        }
        Some(self)
    }
}

impl Update {
    fn scale(&mut self, scale: f32) -> Option<()> {
        if self.dora.is_some() || self.taken.is_some() {
            return None;
        }
        let values = match &mut self.weight {
            None => None,
            Some(Change::Lora(lora)) => Some(&mut lora.b.values),
            Some(Change::Loha(loha)) => {
                loha.scaling *= scale;
                None
            }
            Some(Change::Lokr(lokr)) => {
                lokr.scaling *= scale;
                None
            }
            Some(Change::Full(full @ super::full::Full::Difference(_))) => Some(&mut full.tensor_mut().values),
            Some(_) => return None,
        };
        values.into_iter().flatten().for_each(|value| *value *= scale);
        match &mut self.bias {
            None => {}
            Some(full @ super::full::Full::Difference(_)) => {
                full.tensor_mut().values.iter_mut().for_each(|value| *value *= scale);
            }
            Some(_) => return None,
        }
        Some(())
    }
}
