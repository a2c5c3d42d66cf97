//! LoRA factors on a frozen base: where training begins, and what comes out.

use std::collections::BTreeMap;

use burn::module::{LoraAdapter, Module, Param, Reparameterizer};
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::lora::{Adapter, LoraFactors};
use diffusion::noise::NoiseSource;
use diffusion::state::{HostTensor, StateDict};
use diffusion::unet::burn::BurnUNet;
use diffusion::unet::burn::parameter_name;
use regex_lite::Regex;

use crate::error::{Error, Result};

/// Which modules get factors: names (endings of module paths, as in PEFT) or patterns of whole paths.
pub fn target_paths(state: &StateDict, targets: &[String]) -> Result<Vec<String>> {
    let patterns = targets
        .iter()
        .map(|target| {
            Regex::new(&format!(r"^(?:(?:.*\.)?{}|{target})$", regex_lite::escape(target))).map_err(|_| {
                Error::Setting { reason: format!("\"{target}\" in --target-modules is neither a name nor a pattern") }
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let linears: Vec<&str> = state
        .iter()
        .filter(|(_, tensor)| tensor.shape.len() == 2)
        .filter_map(|(name, _)| name.strip_suffix(".weight"))
        .collect();
    for (target, pattern) in targets.iter().zip(&patterns) {
        if !linears.iter().any(|path| pattern.is_match(path)) {
            return Err(Error::Setting {
                reason: format!(
                    "\"{target}\" in --target-modules matches no Linear of this base (there are to_q, to_k, to_v, to_out.0, ff.net.0.proj, …)"
                ),
            });
        }
    }
    Ok(linears.into_iter().filter(|path| patterns.iter().any(|p| p.is_match(path))).map(str::to_owned).collect())
}

/// The same as PEFT's configuration has it: in a list every entry is a name, so patterns are written out.
pub fn peft_targets(state: &StateDict, targets: &[String]) -> Result<Vec<String>> {
    let paths = target_paths(state, targets)?;
    let is_name = |target: &String| {
        paths
            .iter()
            .any(|path| path.strip_suffix(target.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    };
    Ok(if targets.iter().all(is_name) { targets.to_vec() } else { paths })
}

/// Fresh factors: A uniform within ±1/sqrt(in) (Kaiming with a = sqrt 5, as PEFT does), B zero, so that
/// training starts at the base model.
pub fn initial_adapter(state: &StateDict, targets: &[String], rank: usize, scaling: f32, seed: u64) -> Result<Adapter> {
    let paths = target_paths(state, targets)?;
    let widest = paths.iter().filter_map(|path| state.get(&format!("{path}.weight"))?.shape.iter().max()).max();
    let widest = widest.copied().unwrap_or(0);
    if rank == 0 || rank > widest {
        return Err(Error::Setting {
            reason: format!("--rank {rank} must be 1 to {widest}, the width of the widest of its modules"),
        });
    }
    let mut noise = NoiseSource::new(seed);
    let mut modules = BTreeMap::new();
    for path in paths {
        let Some([out, inner]) = state.get(&format!("{path}.weight")).and_then(|w| w.shape.first_chunk().copied())
        else {
            continue;
        };
        let bound = 1.0 / (inner as f32).sqrt();
        let a = (0..rank * inner).map(|_| (2.0 * noise.uniform() - 1.0) * bound).collect();
        modules.insert(
            path,
            LoraFactors {
                a: HostTensor { shape: vec![rank, inner], values: a },
                b: HostTensor { shape: vec![out, rank], values: vec![0.0; out * rank] },
                scaling,
            },
        );
    }
    Ok(Adapter { modules, base_sha256: None })
}

/// Freezes the network and attaches the factors, which alone are trainable then.
pub fn attach(unet: BurnUNet, adapter: &Adapter, device: &Device) -> BurnUNet {
    unet.freeze().apply_reparameterization(Attach { adapter, device })
}

/// The trained factors: `initial` with the values of the parameters that [`attach`] has made.
pub fn detach(initial: &Adapter, trained: &StateDict) -> Result<Adapter> {
    let mut adapter = initial.clone();
    for (path, factors) in &mut adapter.modules {
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
        let factors = name.strip_suffix(".weight").and_then(|module| self.adapter.modules.get(module));
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
