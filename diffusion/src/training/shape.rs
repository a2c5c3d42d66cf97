//! The adapter that is trained where nobody says otherwise: its rank, and what it changes.
//!
//! Tests: here; that `trainer/presets/few.toml` has the same numbers, in `trainer/src/config/file.rs`.

use crate::adapter::Adapter;
use crate::adapter::initial::Start;
use crate::error::{Result, TrainingError};
use crate::state::StateDict;

/// Rank, scaling and modules of a LoRA. The [default](Self::default) is for a few dozen drawings.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Rank of every module.
    pub rank: usize,
    /// Its update is scaled by this over the rank.
    pub alpha: f32,
    /// Endings of the changed modules' paths, as PEFT's `target_modules`.
    pub targets: Vec<String>,
}

impl Default for Shape {
    fn default() -> Self {
        let targets = ["conv1", "conv2", "conv_in", "conv_out", "to_out.0", "ff.net.2"];
        Self { rank: 8, alpha: 16.0, targets: targets.map(str::to_owned).to_vec() }
    }
}

impl Shape {
    /// An adapter of this shape that changes nothing yet: the same for a seed, whoever trains it.
    ///
    /// # Errors
    /// [`TrainingError::Setting`] for a rank or an alpha that cannot work, and for targets that this base does not have.
    pub fn adapter(&self, base: &StateDict, seed: u64) -> Result<Adapter> {
        let refuse = |name: &str, accepted| Err(TrainingError::Setting { name: name.to_owned(), accepted }.into());
        if self.rank == 0 {
            return refuse("rank", "at least 1");
        }
        if !self.alpha.is_finite() || self.alpha == 0.0 {
            return refuse("alpha", "a number other than 0");
        }
        let is_target = |path: &str, target: &str| {
            path.strip_suffix(target).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let chosen = |path: &str| self.targets.iter().any(|target| is_target(path, target));
        let scaling = self.alpha / self.rank as f32;
        let adapter =
            Start::Lora { dora: false }.adapter(base, seed, |path| chosen(path).then_some((self.rank, scaling)));
        match adapter.modules.is_empty() {
            true => refuse("targets", "endings of paths of this base's Linears and convolutions, such as to_v"),
            false => Ok(adapter),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::state::HostTensor;

    use super::*;

    #[test]
    fn targets_are_endings_at_a_dot() {
        let weight = |shape: Vec<usize>| HostTensor { values: vec![0.5; shape.iter().product()], shape };
        let base = StateDict::from([
            ("a.conv1.weight".to_owned(), weight(vec![4, 4])),
            ("a.not_conv1.weight".to_owned(), weight(vec![4, 4])),
            ("a.conv1.bias".to_owned(), weight(vec![4])),
        ]);
        let adapter = Shape::default().adapter(&base, 1).unwrap();
        assert_eq!(adapter.modules.keys().collect::<Vec<_>>(), ["a.conv1"]);
        let kind = |shape: Shape| shape.adapter(&base, 1).unwrap_err().kind();
        assert_eq!(kind(Shape { rank: 0, ..Shape::default() }), "training-setting");
        assert_eq!(kind(Shape { alpha: 0.0, ..Shape::default() }), "training-setting");
        assert_eq!(kind(Shape { targets: vec!["to_q".into()], ..Shape::default() }), "training-setting");
    }
}
