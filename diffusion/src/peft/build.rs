//! From the tensors of one module to what they make of it.
//!
//! Tests: `tests/it/adapter_kinds.rs`, `tests/it/lora_files.rs`.

use crate::adapter::dora::{Dora, DoraAxis, DoraStrength};
use crate::adapter::full::Full;
use crate::adapter::taken::Taken;
use crate::adapter::{Change, LoraFactors, Update};
use crate::error::{AdapterError, Result};
use crate::state::HostTensor;

use super::kinds;
use super::module::Module;
use super::names::{ALPHA, BIAS, LORA_A, LORA_B, LORA_B_BIAS, Role, WEIGHT};

/// What the tensors make of the module.
///
/// # Errors
/// Tensors that are missing, too many, or of shapes that do not go with the base's weight.
pub(super) fn update(mut module: Module<'_>) -> Result<Update> {
    let has = |module: &Module<'_>, start: &str| module.tensors.roles().any(|role| role.starts_with(start));
    let is_matrix = matches!(module.weight.len(), 2 | 4);
    if !is_matrix && !module.tensors.roles().all(|role| ["diff", "diff_b", WEIGHT, BIAS].contains(&role)) {
        return Err(AdapterError::NotLinear { path: module.path.to_owned() }.into());
    }
    let (mut bias, mut taken) = (None, None);
    let weight = if has(&module, "lora_") {
        let factors = lora(&mut module)?;
        if let Some(mut values) = module.take(LORA_B_BIAS) {
            module.must(values.values.len() == module.rows(), LORA_B_BIAS, &values)?;
            values.shape = vec![values.values.len()];
            values.values.iter_mut().for_each(|value| *value *= factors.scaling);
            bias = Some(Full::Difference(values));
        }
        taken = what_was_taken(&module, &factors);
        Some(Change::Lora(factors))
    } else if has(&module, "hada_") {
        Some(Change::Loha(kinds::loha(&mut module)?))
    } else if has(&module, "lokr_") {
        Some(Change::Lokr(kinds::lokr(&mut module)?))
    } else if has(&module, "oft_R") {
        Some(Change::Oft(kinds::oft_of_peft(&mut module)?))
    } else if has(&module, "boft_") {
        Some(Change::Boft(kinds::boft_of_peft(&mut module)?))
    } else if has(&module, "oft_blocks") {
        Some(kinds::oft_of_lycoris(&mut module)?)
    } else if has(&module, "hra_u") {
        Some(Change::Hra(kinds::hra(&mut module)?))
    } else if has(&module, "ia3_l") || has(&module, "on_input") {
        Some(Change::Ia3(kinds::ia3(&mut module)?))
    } else if has(&module, "hira_") {
        Some(Change::Hira(kinds::hira(&mut module)?))
    } else if has(&module, "miss_") {
        Some(Change::Miss(kinds::miss(&mut module)?))
    } else if has(&module, "glora_") {
        Some(Change::Glora(kinds::glora_of_peft(&mut module)?))
    } else if ["a1", "a2", "b1", "b2", "bm"].iter().any(|role| module.tensors.has(role)) {
        Some(Change::Glora(kinds::glora_of_lycoris(&mut module)?))
    } else if let Some(tensor) = module.take("diff") {
        Some(Change::Full(Full::Difference(as_weight(&module, "diff", tensor)?)))
    } else if let Some(tensor) = module.take(WEIGHT) {
        Some(Change::Full(Full::Replacement(as_weight(&module, WEIGHT, tensor)?)))
    } else {
        None
    };
    let dora = dora(&mut module)?;
    if matches!(weight, Some(Change::Full(_))) || weight.is_none() {
        // An alpha says nothing of a whole difference.
        module.take(ALPHA);
    }
    for (role, replaces) in [("diff_b", false), (BIAS, true)] {
        let Some(mut values) = module.take(role) else { continue };
        module.must(values.values.len() == module.rows(), role, &values)?;
        values.shape = vec![values.values.len()];
        bias = Some(if replaces { Full::Replacement(values) } else { Full::Difference(values) });
    }
    if bias.is_some() && !module.has_bias {
        return Err(AdapterError::NoBias { path: module.path.to_owned() }.into());
    }
    let update = Update { weight, dora, taken, bias };
    let path = || module.path.to_owned();
    match module.tensors.roles().next() {
        Some(tensor) => Err(AdapterError::Together { path: path(), tensor, kind: update.kind() }.into()),
        None if update.dora.is_some() && !takes_lengths(&update) => {
            Err(AdapterError::Together { path: path(), tensor: "dora_scale", kind: update.kind() }.into())
        }
        None => Ok(update),
    }
}

/// What PiSSA and OLoRA have taken out of the base.
fn what_was_taken(module: &Module<'_>, factors: &LoraFactors) -> Option<Taken> {
    let start = module.config.filter(|_| !module.pristine.values.is_empty())?.start.as_str();
    match start {
        "pissa" => Some(Taken::pissa(module.pristine, factors.rank())),
        "olora" => Some(Taken::olora(module.pristine, factors.rank(), factors.scaling)),
        _ => None,
    }
}

fn takes_lengths(update: &Update) -> bool {
    matches!(update.weight, Some(Change::Lora(_) | Change::Loha(_) | Change::Lokr(_)))
}

/// A tensor as large as the weight, in its shape.
fn as_weight(module: &Module<'_>, role: Role, mut tensor: HostTensor) -> Result<HostTensor> {
    module.must(tensor.values.len() == module.weight.iter().product::<usize>(), role, &tensor)?;
    tensor.shape = module.weight.to_vec();
    Ok(tensor)
}

/// The two factors, with the third of a Tucker decomposition multiplied into A: `A_i = Σ_j M_ij D_j` for each entry of the
/// kernel. A 1 x 1 convolution and a Linear are the same: factors of the one get the shape of the other, which the base
/// has.
fn lora(module: &mut Module<'_>) -> Result<LoraFactors> {
    let path = || module.path.to_owned();
    let (Some(mut a), Some(mut b)) = (module.tensors.take(LORA_A), module.tensors.take(LORA_B)) else {
        return Err(AdapterError::MissingFactor { path: path() }.into());
    };
    if let Some(mid) = module.tensors.take("lora_mid") {
        a = kinds::tucker(module, ("lora_mid", mid), (LORA_A, a))?;
        a.shape = [&a.shape[..1], &module.weight[1..]].concat();
    }
    // DyLoRA of LyCORIS writes the second one of a convolution as a matrix.
    if (a.shape.len(), b.shape.len()) == (4, 2) {
        b.shape.extend([1, 1]);
    }
    // A convolution's are [rank, in, height, width] and [out, rank, 1, 1].
    let matrices = a.shape.len() == b.shape.len()
        && matches!(a.shape.len(), 2 | 4)
        && a.shape[0] == b.shape[1]
        && b.shape[2..].iter().all(|side| *side == 1);
    if !matrices || a.shape.contains(&0) || b.shape.contains(&0) {
        return Err(AdapterError::Factors { path: path(), a: a.shape, b: b.shape }.into());
    }
    let (rank, [out, inner @ ..]) = (a.shape[0], module.weight) else {
        return Err(AdapterError::NotLinear { path: path() }.into());
    };
    // Without the sides of 1 at the end, which are what a Linear lacks.
    let flat = |shape: &[usize]| shape.iter().rposition(|side| *side != 1).map_or(1, |last| last + 1);
    let same = |x: &[usize], y: &[usize]| x[..flat(x).max(1)] == y[..flat(y).max(1)];
    if !same(&a.shape[1..], inner) || b.shape[..2] != [*out, rank] {
        let (a, b, weight) = (a.shape.clone(), b.shape.clone(), module.weight.into());
        return Err(AdapterError::Shape { path: path(), a, b, weight }.into());
    }
    a.shape = [&[rank], inner].concat();
    b.shape = vec![1; module.weight.len()];
    b.shape[..2].copy_from_slice(&[*out, rank]);
    Ok(LoraFactors { a, b, scaling: module.scaling(rank)? })
}

/// Lengths of rows, or of what belongs to one input.
fn dora(module: &mut Module<'_>) -> Result<Option<Dora>> {
    for (role, strength) in [("lora_magnitude_vector", DoraStrength::Peft), ("dora_scale", DoraStrength::Lycoris)] {
        let Some(mut magnitude) = module.take(role) else { continue };
        let (count, along) = (magnitude.values.len(), magnitude.shape.first().copied().unwrap_or(1));
        let is_rows = count == module.rows() && (strength == DoraStrength::Peft || along == count);
        let is_inputs = strength == DoraStrength::Lycoris && along == 1 && count == module.inputs();
        module.must(is_rows || is_inputs, role, &magnitude)?;
        magnitude.shape = vec![count];
        let axis = if is_rows { DoraAxis::Outputs } else { DoraAxis::Inputs };
        return Ok(Some(Dora { magnitude, axis, strength }));
    }
    Ok(None)
}
