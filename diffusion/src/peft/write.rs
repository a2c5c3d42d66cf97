//! The tensors of an adapter by the names of a dialect.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/adapter_kinds.rs`.

use serde_json::Value;

use crate::adapter::dora::{Dora, DoraAxis};
use crate::adapter::full::Full;
use crate::adapter::glora::{Glora, Support};
use crate::adapter::lokr::{Kronecker, Lokr};
use crate::adapter::{Adapter, Change, LoraFactors, Update};
use crate::error::{Error, Result, WriteError};
use crate::state::HostTensor;
use crate::tensors::Metadata;
use crate::turbo;

use super::names::{BASE_SHA256, GUIDANCE_SCALE};

/// Whose names a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PEFT's: alphas are in the configuration.
    Peft,
    /// kohya's and LyCORIS', which differ in the prefix alone.
    Kohya,
}

/// What stands behind the module's path, and the tensor.
type Named = (&'static str, HostTensor);

/// What stands in the header of every file, with what a dialect adds.
pub(super) fn metadata(adapter: &Adapter, title: &str, of_dialect: &[(&str, &str)]) -> Metadata {
    let all = [
        ("modelspec.sai_model_spec", "1.0.0"),
        ("modelspec.architecture", "digit-diffusion-unet/lora"),
        ("modelspec.title", title),
    ];
    let base = adapter.base_sha256.as_ref().map(|sha256| (BASE_SHA256, sha256.as_str()));
    let turbo = adapter.turbo.as_ref().map(|turbo| turbo.to_json());
    let turbo = turbo.as_ref().map(|text| (turbo::KEY, text.as_str()));
    let guidance = adapter.guidance_scale.map(|scale| Value::from(scale).to_string());
    let guidance = guidance.as_ref().map(|text| (GUIDANCE_SCALE, text.as_str()));
    // One by one: to make a map of a list takes a sort of its own.
    let mut metadata = Metadata::new();
    for (key, text) in all.iter().chain(of_dialect).copied().chain(base).chain(turbo).chain(guidance) {
        metadata.insert(key.to_owned(), text.to_owned());
    }
    metadata
}

/// Refuses what one configuration cannot say: several kinds at once, but for whole layers and biases.
///
/// # Errors
/// A module of another kind than those before it.
pub(super) fn must_be_of_one_kind(adapter: &Adapter, dialect: &'static str) -> Result<()> {
    let whole = |update: &Update| matches!(update.weight, None | Some(Change::Full(_)));
    let mut kinds = adapter.modules.iter().filter(|(_, update)| !whole(update));
    let Some((_, first)) = kinds.next() else { return Ok(()) };
    match kinds.find(|(_, update)| update.kind() != first.kind()) {
        None => Ok(()),
        Some((path, _)) => {
            Err(Error::Unwritable(WriteError::Dialect { path: path.clone(), kind: "a second kind", dialect }))
        }
    }
}

/// The tensors of one module.
///
/// # Errors
/// A kind that the dialect has no names for.
pub(super) fn tensors(path: &str, update: &Update, dialect: Dialect) -> Result<Vec<Named>> {
    let refuse = |kind: &'static str| {
        let dialect = if dialect == Dialect::Peft { "PEFT" } else { "kohya and LyCORIS" };
        Err(Error::Unwritable(WriteError::Dialect { path: path.to_owned(), kind, dialect }))
    };
    let mut tensors = Vec::new();
    if update.taken.is_some() {
        return refuse("LoRA that began as a part of the base (PiSSA, OLoRA)");
    }
    match (&update.weight, dialect) {
        (None, _) => {}
        (Some(Change::Hira(hira)), Dialect::Peft) => {
            tensors.extend([("hira_A", hira.a.clone()), ("hira_B", hira.b.clone())]);
        }
        (Some(Change::Miss(miss)), Dialect::Peft) => tensors.push(("miss_block", miss.tensor().clone())),
        (Some(Change::Lora(factors)), _) => lora(factors, dialect, &mut tensors),
        (Some(Change::Loha(loha)), _) => {
            let [a1, a2] = &loha.a;
            let [b1, b2] = &loha.b;
            tensors.extend([
                ("hada_w1_a", a1.clone()),
                ("hada_w1_b", b1.clone()),
                ("hada_w2_a", a2.clone()),
                ("hada_w2_b", b2.clone()),
            ]);
            tensors.extend(alpha(loha.scaling, loha.rank(), dialect));
        }
        (Some(Change::Lokr(lokr)), _) => tensors.extend(of_lokr(lokr, dialect)),
        (Some(Change::Oft(oft)), _) => match (oft.on_inputs, dialect) {
            (true, Dialect::Peft) => tensors.push(("oft_R.weight", oft.raw.clone())),
            (false, Dialect::Kohya) => {
                tensors.push(("oft_blocks", oft.raw.clone()));
                tensors.push(("alpha", number(oft.constraint)));
                tensors.extend(oft.rescale.iter().map(|rescale| ("rescale", rescale.clone())));
            }
            _ => return refuse("OFT of the other sides"),
        },
        (Some(Change::Boft(boft)), _) => match (boft.on_inputs, dialect) {
            (true, Dialect::Peft) => {
                tensors.push(("boft_R", boft.raw.clone()));
                tensors.extend(boft.scale.iter().map(|scale| ("boft_s", scale.clone())));
            }
            (false, Dialect::Kohya) => {
                tensors.push(("oft_blocks", boft.raw.clone()));
                tensors.push(("alpha", number(boft.constraint)));
                tensors.extend(boft.scale.iter().map(|rescale| ("rescale", rescale.clone())));
            }
            _ => return refuse("BOFT of the other sides"),
        },
        (Some(Change::Hra(hra)), Dialect::Peft) => tensors.push(("hra_u", hra.u.clone())),
        (Some(Change::Ia3(ia3)), Dialect::Peft) if ia3.with_bias => tensors.push(("ia3_l", ia3.factors.clone())),
        (Some(Change::Ia3(ia3)), Dialect::Kohya) if !ia3.with_bias => {
            let mut weight = ia3.factors.clone();
            weight.values.iter_mut().for_each(|value| *value -= 1.0);
            tensors.extend([("weight", weight), ("on_input", number(f32::from(u8::from(ia3.on_inputs))))]);
        }
        (Some(Change::Glora(Glora::Peft(supports))), Dialect::Peft) => {
            const NAMES: [[&str; 3]; 5] = [
                ["glora_A.Xd", "glora_A.Xu", "glora_A.X"],
                ["glora_B.Xd", "glora_B.Xu", "glora_B.X"],
                ["glora_C.Xd", "glora_C.Xu", "glora_C.X"],
                ["glora_D.Xd", "glora_D.Xu", "glora_D.X"],
                ["glora_E.Xd", "glora_E.Xu", "glora_E.X"],
            ];
            for (support, [down, up, numbers]) in supports.iter().zip(NAMES) {
                match support {
                    Support::Lora(a, b) => tensors.extend([(down, a.clone()), (up, b.clone())]),
                    Support::Numbers(values) => tensors.push((numbers, values.clone())),
                    Support::Nothing => {}
                }
            }
        }
        (Some(Change::Glora(Glora::Lycoris { a, b, scaling })), Dialect::Kohya) => {
            let [a1, a2] = a.clone();
            let [b1, b2] = b.clone();
            let rank = a2.shape[0];
            tensors.extend([("a1.weight", a1), ("a2.weight", a2), ("b1.weight", b1), ("b2.weight", b2)]);
            tensors.extend(alpha(*scaling, rank, dialect));
        }
        (Some(Change::Full(Full::Difference(difference))), Dialect::Kohya) => {
            let name = if difference.shape.len() == 1 { "w_norm" } else { "diff" };
            tensors.push((name, difference.clone()));
        }
        (Some(Change::Full(Full::Replacement(weight))), Dialect::Peft) => tensors.push(("weight", weight.clone())),
        (Some(_), _) => return refuse(update.kind()),
    }
    match (&update.dora, dialect) {
        (None, _) => {}
        (Some(Dora { axis: DoraAxis::Inputs, .. }), Dialect::Peft) => return refuse("DoRA of inputs"),
        (Some(_), Dialect::Peft) if !matches!(update.weight, Some(Change::Lora(_))) => return refuse(update.kind()),
        (Some(dora), _) => tensors.push(of_dora(dora, update, dialect)),
    }
    match (&update.bias, dialect) {
        (None, _) => {}
        (Some(Full::Replacement(bias)), Dialect::Peft) => {
            // Around a module that it changes, PEFT puts a layer of its own.
            let is_wrapped = !matches!(update.weight, None | Some(Change::Full(_)));
            tensors.push((if is_wrapped { "base_layer.bias" } else { "bias" }, bias.clone()));
        }
        (Some(Full::Difference(bias)), Dialect::Kohya) => {
            let is_norm = tensors.iter().any(|(name, _)| *name == "w_norm");
            tensors.push((if is_norm { "b_norm" } else { "diff_b" }, bias.clone()));
        }
        (Some(Full::Difference(bias)), Dialect::Peft) => match &update.weight {
            Some(Change::Lora(factors)) => {
                let mut bias = bias.clone();
                bias.values.iter_mut().for_each(|value| *value /= factors.scaling);
                tensors.push(("lora_B.bias", bias));
            }
            _ => return refuse("a change of the bias"),
        },
        (Some(Full::Replacement(_)), Dialect::Kohya) => return refuse("a whole bias"),
    }
    Ok(tensors)
}

fn lora(factors: &LoraFactors, dialect: Dialect, tensors: &mut Vec<Named>) {
    let [a, b] = match dialect {
        Dialect::Peft => ["lora_A.weight", "lora_B.weight"],
        Dialect::Kohya => ["lora_down.weight", "lora_up.weight"],
    };
    tensors.extend([(a, factors.a.clone()), (b, factors.b.clone())]);
    tensors.extend(alpha(factors.scaling, factors.rank(), dialect));
}

fn of_lokr(lokr: &Lokr, dialect: Dialect) -> Vec<Named> {
    let mut tensors = Vec::new();
    let names = [["lokr_w1", "lokr_w1_a", "lokr_w1_b"], ["lokr_w2", "lokr_w2_a", "lokr_w2_b"]];
    for (factor, [whole, a, b]) in [&lokr.first, &lokr.second].into_iter().zip(names) {
        match factor {
            Kronecker::Whole(matrix) => tensors.push((whole, matrix.clone())),
            Kronecker::Product(left, right) => tensors.extend([(a, left.clone()), (b, right.clone())]),
        }
    }
    match lokr.rank() {
        Some(rank) => tensors.extend(alpha(lokr.scaling, rank, dialect)),
        // Its alpha counts for nobody then, so the scaling goes into the first factor, which is whole.
        None if dialect == Dialect::Kohya => tensors[0].1.values.iter_mut().for_each(|value| *value *= lokr.scaling),
        None => {}
    }
    tensors
}

fn of_dora(dora: &Dora, update: &Update, dialect: Dialect) -> Named {
    let mut magnitude = dora.magnitude.clone();
    let count = magnitude.values.len();
    let is_kernel = matches!(&update.weight, Some(Change::Lora(factors)) if factors.a.shape.len() == 4);
    magnitude.shape = match (dialect, is_kernel, dora.axis) {
        (Dialect::Peft, false, _) => vec![count],
        (Dialect::Peft, true, _) => vec![1, count, 1, 1],
        (Dialect::Kohya, false, DoraAxis::Outputs) => vec![count, 1],
        (Dialect::Kohya, true, DoraAxis::Outputs) => vec![count, 1, 1, 1],
        (Dialect::Kohya, false, DoraAxis::Inputs) => vec![1, count],
        (Dialect::Kohya, true, DoraAxis::Inputs) => vec![1, count, 1, 1],
    };
    (if dialect == Dialect::Peft { "lora_magnitude_vector" } else { "dora_scale" }, magnitude)
}

/// kohya's tensor of alpha. An alpha is `scaling · rank`, so rank-stabilised adapters keep their values.
fn alpha(scaling: f32, rank: usize, dialect: Dialect) -> Option<Named> {
    (dialect == Dialect::Kohya).then(|| ("alpha", number(scaling * rank as f32)))
}

fn number(value: f32) -> HostTensor {
    HostTensor { shape: vec![], values: vec![value] }
}
