//! LoKr in the blocks that PEFT cuts a layer into. LyCORIS' files have the blocks in their shapes; PEFT makes them from one
//! number for all layers, `decompose_factor`, and loads nothing else.
//!
//! Tests: here, `tests/it/conversions.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::adapter::lokr::{Kronecker, Lokr};
use crate::adapter::{Adapter, Change};
use crate::error::{Error, Result, WriteError};
use crate::state::{HostTensor, StateDict};

use super::config::PeftConfig;
use super::kind::PeftType;
use super::pattern::escape;

/// The adapter with each LoKr as PEFT keeps it, and the configuration by which PEFT cuts the layers of `base` into these
/// blocks. The first factor becomes whole. The second one stays factored where PEFT would factor it at its rank, which is
/// below half of its larger side; else it becomes whole.
///
/// # Errors
/// No `decompose_factor` gives all modules their blocks: the first module that the best one does not fit.
pub fn in_blocks_of_peft(mut adapter: Adapter, base: &StateDict) -> Result<(Adapter, PeftConfig)> {
    let mut cuts = BTreeMap::new();
    for (path, update) in &mut adapter.modules {
        let Some(Change::Lokr(lokr)) = &mut update.weight else { continue };
        let Some(weight) = base.get(&format!("{path}.weight")) else { continue };
        cuts.insert(path.clone(), laid_out(lokr, &weight.shape));
    }
    let factor = common_factor(&cuts)?;
    // At one rank that is large enough all whole factors are whole.
    let least = |cut: &Cut| cut.rank.is_none().then(|| cut.larger().div_ceil(2).max(1));
    let whole = cuts.values().filter_map(least).max();
    let r = whole.or_else(|| cuts.values().filter_map(|cut| cut.rank).max()).unwrap_or(1);
    let rank = |cut: &Cut| cut.rank.unwrap_or(r);
    let alpha = |cut: &Cut| cut.scaling * rank(cut) as f32;
    let lora_alpha = cuts.values().find(|cut| rank(cut) == r).map_or(1.0, alpha);
    let keyed = || cuts.iter().map(|(path, cut)| (escape(path), cut));
    let ranks = keyed().map(|(key, cut)| (key, rank(cut))).filter(|(_, rank)| *rank != r);
    let alphas = keyed().map(|(key, cut)| (key, alpha(cut))).filter(|(_, alpha)| *alpha != lora_alpha);
    let settings = [("decompose_both", false.into()), ("decompose_factor", factor.into())];
    let config = PeftConfig {
        peft_type: PeftType::Lokr,
        r,
        lora_alpha,
        target_modules: cuts.keys().cloned().collect(),
        rank_pattern: ranks.collect(),
        alpha_pattern: alphas.collect(),
        settings: settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        ..PeftConfig::default()
    };
    Ok((adapter, config))
}

/// What is wanted of one module.
struct Cut {
    /// Outputs and inputs of the layer.
    layer: [usize; 2],
    /// Rows and columns of the first factor.
    first: [usize; 2],
    /// The rank of the second one, where it stays factored.
    rank: Option<usize>,
    scaling: f32,
}

impl Cut {
    /// The larger side of the second factor, without the kernel.
    fn larger(&self) -> usize {
        (self.layer[0] / self.first[0]).max(self.layer[1] / self.first[1])
    }
}

/// Gives the factors PEFT's form, for a layer whose weight has this shape.
fn laid_out(lokr: &mut Lokr, weight: &[usize]) -> Cut {
    let ([p, q], [n, windows]) = (lokr.first.sides(), lokr.second.sides());
    let kernel = weight.get(2..).unwrap_or_default();
    let m = windows / kernel.iter().product::<usize>();
    let cut = Cut {
        layer: [p * n, q * m],
        first: [p, q],
        rank: lokr.second.rank().filter(|rank| 2 * rank < n.max(m)),
        scaling: lokr.scaling,
    };
    lokr.first = Kronecker::Whole(HostTensor { shape: vec![p, q], values: lokr.first.matrix() });
    if cut.rank.is_none() {
        let shape = [&[n, m], kernel].concat();
        lokr.second = Kronecker::Whole(HostTensor { shape, values: lokr.second.matrix() });
    }
    cut
}

/// The `decompose_factor` by which PEFT cuts all layers so.
fn common_factor(cuts: &BTreeMap<String, Cut>) -> Result<i64> {
    let wanted = |cut: &Cut| [0, 1].map(|side| (cut.layer[side], cut.first[side]));
    let sides: BTreeSet<(usize, usize)> = cuts.values().flat_map(wanted).collect();
    let gives = |factor: i64, (dimension, part): (usize, usize)| first_part(dimension, factor) == part;
    // Above the largest dimension every factor does what -1 does.
    let largest = sides.iter().map(|(dimension, _)| *dimension as i64).max().unwrap_or(0);
    let mut best = (0, -1);
    for factor in [-1].into_iter().chain(1..=largest) {
        let count = sides.iter().filter(|side| gives(factor, **side)).count();
        if count == sides.len() {
            return Ok(factor);
        }
        if count > best.0 {
            best = (count, factor);
        }
    }
    let odd = cuts.iter().find(|(_, cut)| !wanted(cut).into_iter().all(|side| gives(best.1, side)));
    let (path, first) = odd.map_or((String::new(), [0, 0]), |(path, cut)| (path.clone(), cut.first));
    Err(Error::Unwritable(WriteError::Blocks { path, first }))
}

/// The first of the two numbers that PEFT writes a dimension as the product of (`factorization` in
/// `peft/tuners/lokr/layer.py`): the factor where that divides it; else the divisor nearest to the square root from below
/// that is not above the factor, -1 for any.
fn first_part(dimension: usize, factor: i64) -> usize {
    let most = match usize::try_from(factor) {
        Ok(factor) if factor > 0 && dimension.is_multiple_of(factor) => return factor,
        Ok(factor) => factor,
        Err(_) => dimension,
    };
    let is_part = |part: &usize| dimension.is_multiple_of(*part);
    (1..=most).take_while(|part| part * part <= dimension).filter(is_part).last().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn dimensions_are_cut_as_by_peft() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/adapters/joined/expected.json");
        let facts: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cuts = &facts["factorization"];
        let mut seen = 0;
        for (dimension, first) in cuts["first"].as_object().unwrap() {
            let wanted = first.as_str().unwrap().split(' ').map(|part| part.parse::<usize>().unwrap());
            for (factor, wanted) in cuts["factors"].as_array().unwrap().iter().zip(wanted) {
                let factor = factor.as_i64().unwrap();
                assert_eq!(first_part(dimension.parse().unwrap(), factor), wanted, "{dimension} by {factor}");
                seen += 1;
            }
        }
        assert_eq!(seen, 144);
    }

    #[test]
    fn a_factor_serves_all_layers_or_the_odd_one_is_named() {
        let cut = |layer, first| Cut { layer, first, rank: None, scaling: 1.0 };
        let cuts = |list: &[Cut]| -> BTreeMap<String, Cut> {
            list.iter().enumerate().map(|(i, c)| (format!("m{i}"), cut(c.layer, c.first))).collect()
        };
        let factor = |list: &[Cut]| common_factor(&cuts(list));
        assert_eq!(factor(&[cut([16, 8], [4, 2]), cut([320, 8], [16, 2])]).unwrap(), -1);
        assert_eq!(factor(&[cut([16, 8], [2, 2]), cut([320, 36], [2, 2])]).unwrap(), 2);
        // 5 divides neither 12 nor 16.
        assert_eq!(factor(&[cut([12, 16], [3, 4]), cut([320, 640], [5, 5])]).unwrap(), 5);
        let error = factor(&[cut([16, 8], [4, 2]), cut([16, 8], [4, 2]), cut([16, 16], [2, 4])]).unwrap_err();
        assert!(error.to_string().contains("m2 is LoKr with a first factor of 2x4"), "{error}");
    }
}
