//! The adapter that training begins with, and the trained one. Tests: in `tests/it/training.rs` and
//! `tests/it/adapter_gradients.rs`, with PEFT's values in `trainer/tests/runs/kinds.rs`; here for what is refused.

use std::collections::BTreeMap;

use diffusion::adapter::Adapter;
use diffusion::adapter::initial::modules;
use diffusion::peft::Patterns;
use diffusion::state::{HostTensor, StateDict};
use regex_lite::Regex;

use crate::config::LoraSettings;
use crate::error::{Error, Result};

/// The path of a Linear or convolution of the base, and its weight, `[out, in]` or `[out, in, h, w]`.
type Target<'a> = (&'a str, &'a HostTensor);

/// The Linears and convolutions that are changed. `targets` are names (endings of module paths, as in PEFT) or patterns of
/// whole paths.
fn chosen<'a>(state: &'a StateDict, targets: &[String]) -> Result<Vec<Target<'a>>> {
    let patterns = targets
        .iter()
        .map(|target| {
            Regex::new(&format!(r"^(?:(?:.*\.)?{}|{target})$", regex_lite::escape(target))).map_err(|_| {
                Error::Setting { reason: format!("\"{target}\" in --target-modules is neither a name nor a pattern") }
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let all: Vec<Target<'a>> = modules(state).collect();
    for (target, pattern) in targets.iter().zip(&patterns) {
        if !all.iter().any(|(path, _)| pattern.is_match(path)) {
            return Err(Error::Setting {
                reason: format!(
                    "\"{target}\" in --target-modules matches no Linear and no convolution of this base (there are to_q, to_k, to_v, to_out.0, ff.net.0.proj, ff.net.2, proj_in, proj_out, conv1, conv2, conv_in, conv_out, …; \".*\" is all of them)"
                ),
            });
        }
    }
    let is_chosen = |(path, _): &Target<'_>| patterns.iter().any(|pattern| pattern.is_match(path));
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// The targets as PEFT's configuration has them: in a list every entry is a name, so patterns are written out as paths.
///
/// # Errors
/// Targets that are no pattern, or match nothing.
pub fn peft_targets(state: &StateDict, targets: &[String]) -> Result<Vec<String>> {
    let modules = chosen(state, targets)?;
    let is_name = |target: &String| {
        let ends =
            |path: &str| path.strip_suffix(&target[..]).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        modules.iter().any(|(path, _)| ends(path))
    };
    if targets.iter().all(is_name) {
        return Ok(targets.to_vec());
    }
    Ok(modules.into_iter().map(|(path, _)| path.to_owned()).collect())
}

/// A new adapter of the kind that the settings say, which changes nothing yet.
///
/// # Errors
/// Settings that cannot work; targets that are no pattern, or match nothing; a rank above the width of every module.
pub fn initial_adapter(state: &StateDict, settings: &LoraSettings, seed: u64) -> Result<Adapter> {
    settings.check()?;
    let start = settings.start()?;
    let targets = chosen(state, &settings.target_modules)?;
    let sides = |(_, weight): &Target<'_>| {
        let out = weight.shape[0];
        [out, weight.values.len() / out.max(1)]
    };
    let widest = targets.iter().flat_map(sides).max().unwrap_or(0);
    let (ranks, alphas) = (settings.ranks()?, settings.alphas()?);
    for (key, name) in ranks.iter().map(|(key, _)| (key, "rank")).chain(alphas.iter().map(|(key, _)| (key, "alpha"))) {
        must_match(&targets, key, name)?;
    }
    let mut numbers = BTreeMap::new();
    for (path, _) in targets {
        let (rank, scaling) = settings.of_module(path)?;
        if rank > widest {
            return Err(Error::Setting {
                reason: format!("--rank {rank} must be 1 to {widest}, the width of the widest of its modules"),
            });
        }
        numbers.insert(path, (rank, scaling));
    }
    Ok(start.adapter(state, seed, |path| numbers.get(path).copied()))
}

/// Refuses a pattern of ranks or alphas that is for nothing.
fn must_match(targets: &[Target<'_>], key: &str, name: &str) -> Result<()> {
    let pattern: Patterns<()> = [(key.to_owned(), ())].into_iter().collect();
    for (path, _) in targets {
        if pattern.matching(path)?.is_some() {
            return Ok(());
        }
    }
    Err(Error::Setting { reason: format!("\"{key}\" in {name}_pattern matches none of the modules that are changed") })
}

/// The trained adapter: `initial` with the values of a run's parameters.
///
/// # Errors
/// A tensor that is missing in `trained`.
pub fn detach(initial: &Adapter, trained: &StateDict) -> Result<Adapter> {
    let mut adapter = initial.clone();
    for (path, update) in &mut adapter.modules {
        let values = |(name, tensor): (&'static str, &HostTensor)| {
            let found =
                trained.get(&format!("{path}.{name}")).filter(|found| found.values.len() == tensor.values.len());
            found
                .map(|found| &found.values[..])
                .ok_or_else(|| Error::Checkpoint { reason: format!("{name} of {path} is missing") })
        };
        let values = update.tensors().into_iter().map(values).collect::<Result<Vec<_>>>()?;
        update.set_values(values);
    }
    Ok(adapter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> StateDict {
        let tensor = |shape: &[usize]| HostTensor { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] };
        let shapes: [(&str, &[usize]); 4] = [
            ("mid.attn.to_q.weight", &[4, 6]),
            ("mid.attn.to_k.weight", &[4, 6]),
            ("mid.attn.to_q.bias", &[4]),
            ("conv_in.weight", &[4, 1, 3, 3]),
        ];
        shapes.into_iter().map(|(name, shape)| (name.to_owned(), tensor(shape))).collect()
    }

    fn settings(target: &str, rank: usize) -> LoraSettings {
        LoraSettings { rank, target_modules: vec![target.into()], ..LoraSettings::default() }
    }

    #[test]
    fn names_and_patterns_choose_linears_and_convolutions() {
        let adapter = initial_adapter(&base(), &settings("to_q", 2), 0).unwrap();
        let factors = adapter.modules["mid.attn.to_q"].lora().unwrap();
        assert_eq!((adapter.modules.len(), &factors.a.shape[..], &factors.b.shape[..]), (1, &[2, 6][..], &[4, 2][..]));
        assert!(factors.b.values.iter().all(|&value| value == 0.0), "training starts at the base");
        let adapter = initial_adapter(&base(), &settings("conv_in", 2), 0).unwrap();
        let factors = adapter.modules["conv_in"].lora().unwrap();
        assert_eq!((&factors.a.shape[..], &factors.b.shape[..]), (&[2, 1, 3, 3][..], &[4, 2, 1, 1][..]));
        assert_eq!(initial_adapter(&base(), &settings(".*", 1), 0).unwrap().modules.len(), 3);
        assert_eq!(peft_targets(&base(), &["to_k".into()]).unwrap(), ["to_k"]);
        assert_eq!(peft_targets(&base(), &[r"mid\..*to_q".into()]).unwrap(), ["mid.attn.to_q"]);
        let refused =
            |target: &str, rank| initial_adapter(&base(), &settings(target, rank), 0).unwrap_err().to_string();
        assert!(refused("conv_out", 1).contains("matches no Linear and no convolution"));
        assert!(refused("(", 1).contains("neither a name nor a pattern"));
        assert!(refused("to_q", 7).contains("1 to 6"));
        assert!(refused("to_q", 0).contains("at least 1"));
        let ranks = |pattern: &str| LoraSettings { rank_pattern: vec![pattern.into()], ..settings(".*", 1) };
        let adapter = initial_adapter(&base(), &ranks("conv.*=3"), 0).unwrap();
        let ranks_of = |path: &str| adapter.modules[path].rank();
        assert_eq!((ranks_of("conv_in"), ranks_of("mid.attn.to_q")), (Some(3), Some(1)));
        assert_eq!(adapter.modules["conv_in"].scaling(), Some(8.0 / 3.0));
        let refused = |pattern: &str| initial_adapter(&base(), &ranks(pattern), 0).unwrap_err().to_string();
        assert!(refused("conv_out=3").contains("matches none of the modules"));
        assert!(refused("conv_in").contains("must be a pattern and a number above 0, as conv_in=32"));
        assert!(refused("conv_in=0").contains("above 0"));
    }

    #[test]
    fn factors_that_did_not_come_back_are_missed() {
        let initial = initial_adapter(&base(), &settings("to_q", 2), 0).unwrap();
        let message = detach(&initial, &StateDict::new()).unwrap_err().to_string();
        assert!(message.contains("lora.a of mid.attn.to_q is missing"), "{message}");
    }
}
