//! LoRA factors on a frozen base: making, attaching and reading them back. Tests: in `tests/it/training.rs` and
//! `tests/it/operations.rs`, with PEFT's values in `tests/it/lora.rs`; here for what is refused.

use std::collections::BTreeMap;

use burn::module::{LoraAdapter, Module, Param, Reparameterizer};
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::adapter::{Adapter, LoraFactors, Update};
use diffusion::noise::NoiseSource;
use diffusion::state::{HostTensor, StateDict};
use diffusion::unet::burn::BurnUNet;
use diffusion::unet::burn::parameter_name;
use regex_lite::Regex;

use crate::error::{Error, Result};

/// A Linear of the base: its path, and the shape `[out, in]` of its weight.
struct Linear<'a> {
    path: &'a str,
    shape: [usize; 2],
}

/// The Linears that get factors. `targets` are names (endings of module paths, as in PEFT) or patterns of whole paths.
fn target_linears<'a>(state: &'a StateDict, targets: &[String]) -> Result<Vec<Linear<'a>>> {
    let patterns = targets
        .iter()
        .map(|target| {
            Regex::new(&format!(r"^(?:(?:.*\.)?{}|{target})$", regex_lite::escape(target))).map_err(|_| {
                Error::Setting { reason: format!("\"{target}\" in --target-modules is neither a name nor a pattern") }
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let linear = |(name, tensor): (&'a String, &HostTensor)| match tensor.shape[..] {
        [out, inner] => Some(Linear { path: name.strip_suffix(".weight")?, shape: [out, inner] }),
        _ => None,
    };
    let linears: Vec<Linear<'a>> = state.iter().filter_map(linear).collect();
    for (target, pattern) in targets.iter().zip(&patterns) {
        if !linears.iter().any(|linear| pattern.is_match(linear.path)) {
            return Err(Error::Setting {
                reason: format!(
                    "\"{target}\" in --target-modules matches no Linear of this base (there are to_q, to_k, to_v, to_out.0, ff.net.0.proj, …)"
                ),
            });
        }
    }
    let is_target = |linear: &Linear<'_>| patterns.iter().any(|pattern| pattern.is_match(linear.path));
    Ok(linears.into_iter().filter(is_target).collect())
}

/// The targets as PEFT's configuration has them: in a list every entry is a name, so patterns are written out as paths.
///
/// # Errors
/// Targets that are no pattern, or match nothing.
pub fn peft_targets(state: &StateDict, targets: &[String]) -> Result<Vec<String>> {
    let linears = target_linears(state, targets)?;
    let is_name = |target: &String| {
        let ends =
            |path: &str| path.strip_suffix(&target[..]).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        linears.iter().any(|linear| ends(linear.path))
    };
    if targets.iter().all(is_name) {
        return Ok(targets.to_vec());
    }
    Ok(linears.into_iter().map(|linear| linear.path.to_owned()).collect())
}

/// New factors: A `[rank, in]` uniform within ±1/sqrt(in) (Kaiming with a = sqrt 5, as PEFT does), B `[out, rank]` zero, so
/// that training starts at the base model.
///
/// # Errors
/// Targets that are no pattern, or match nothing; a rank of 0, or above the width of every module.
pub fn initial_adapter(state: &StateDict, targets: &[String], rank: usize, scaling: f32, seed: u64) -> Result<Adapter> {
    let linears = target_linears(state, targets)?;
    let widest = linears.iter().flat_map(|linear| linear.shape).max().unwrap_or(0);
    if rank == 0 || rank > widest {
        return Err(Error::Setting {
            reason: format!("--rank {rank} must be 1 to {widest}, the width of the widest of its modules"),
        });
    }
    let mut noise = NoiseSource::new(seed);
    let mut modules = BTreeMap::new();
    for Linear { path, shape: [out, inner] } in linears {
        let bound = 1.0 / (inner as f32).sqrt();
        let a = (0..rank * inner).map(|_| (2.0 * noise.uniform() - 1.0) * bound).collect();
        let factors = Update::from(LoraFactors {
            a: HostTensor { shape: vec![rank, inner], values: a },
            b: HostTensor { shape: vec![out, rank], values: vec![0.0; out * rank] },
            scaling,
        });
        modules.insert(path.to_owned(), factors);
    }
    Ok(Adapter { modules, ..Adapter::default() })
}

/// Freezes the network and attaches the factors, which alone are trainable then.
pub fn attach(unet: BurnUNet, adapter: &Adapter, device: &Device) -> BurnUNet {
    unet.freeze().apply_reparameterization(Attach { adapter, device })
}

/// The trained factors: `initial` with the values of the parameters that [`attach`] has made.
///
/// # Errors
/// A module whose factors are missing in `trained`.
pub fn detach(initial: &Adapter, trained: &StateDict) -> Result<Adapter> {
    let mut adapter = initial.clone();
    for (path, update) in &mut adapter.modules {
        let Some(factors) = update.lora_mut() else { continue };
        for (factor, letter) in [(&mut factors.a, "a"), (&mut factors.b, "b")] {
            let found = trained.iter().find_map(|(name, tensor)| {
                let module = name.strip_suffix(&format!(".weight.lora.{letter}"))?;
                (parameter_name(&format!("{module}.weight")).strip_suffix(".weight") == Some(path)).then_some(tensor)
            });
            *factor = found
                .ok_or_else(|| Error::Checkpoint { reason: format!("the factors of {path} are missing") })?
                .transposed();
        }
    }
    Ok(adapter)
}

struct Attach<'a> {
    adapter: &'a Adapter,
    device: &'a Device,
}

impl Reparameterizer for Attach<'_> {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        let name = parameter_name(path);
        let factors = name.strip_suffix(".weight").and_then(|module| self.adapter.modules.get(module)?.lora());
        let Some(factors) = factors else { return (param, None) };
        // burn's Linears are [in, out], so both factors are transposed.
        let load = |tensor: &HostTensor| {
            let tensor = tensor.transposed();
            Param::from_data(TensorData::new(tensor.values, tensor.shape), self.device)
        };
        let adapter = LoraAdapter { a: load(&factors.a), b: load(&factors.b), scale: f64::from(factors.scaling) };
        (param, Some(adapter))
    }
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

    #[test]
    fn names_and_patterns_choose_linears_and_nothing_else() {
        let adapter = initial_adapter(&base(), &["to_q".into()], 2, 1.0, 0).unwrap();
        let LoraFactors { a, b, .. } = adapter.modules["mid.attn.to_q"].lora().unwrap();
        assert_eq!((adapter.modules.len(), &a.shape[..], &b.shape[..]), (1, &[2, 6][..], &[4, 2][..]));
        assert!(b.values.iter().all(|&value| value == 0.0), "training starts at the base");
        assert_eq!(peft_targets(&base(), &["to_k".into()]).unwrap(), ["to_k"]);
        assert_eq!(peft_targets(&base(), &[r"mid\..*to_q".into()]).unwrap(), ["mid.attn.to_q"]);
        let refused =
            |target: &str, rank| initial_adapter(&base(), &[target.into()], rank, 1.0, 0).unwrap_err().to_string();
        assert!(refused("conv_in", 1).contains("matches no Linear"));
        assert!(refused("(", 1).contains("neither a name nor a pattern"));
        assert!(refused("to_q", 7).contains("1 to 6"));
    }

    #[test]
    fn factors_that_did_not_come_back_are_missed() {
        let initial = initial_adapter(&base(), &["to_q".into()], 2, 1.0, 0).unwrap();
        let message = detach(&initial, &StateDict::new()).unwrap_err().to_string();
        assert!(message.contains("the factors of mid.attn.to_q are missing"), "{message}");
    }
}
