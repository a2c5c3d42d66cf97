//! What a file of adapters tells of the base that it was made for: enough to read it where the base is not there.
//!
//! Tests: `tests/it/adapter_kinds.rs`, `tests/it/lora_files.rs`.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::state::{HostTensor, StateDict};
use crate::tensors::read_tensors;

use super::names::{BIAS, LORA_A, LORA_B, LORA_B_BIAS, Role, WEIGHT, split};

/// Shapes of one module's tensors.
type Shapes = BTreeMap<Role, Vec<usize>>;

/// Weights and biases that a file's tensors fit, by their own names and without values: a base to read the file with where
/// its own is not there. kohya's names keep their underscores. A side that the tensors do not tell is as long as another
/// one, or 1: kinds, ranks and numbers of parameters are the file's own, sides of layers need the base.
///
/// # Errors
/// Bytes that are no safetensors file.
pub fn implied_base(bytes: &[u8]) -> Result<StateDict> {
    let mut modules = BTreeMap::<String, Shapes>::new();
    for (name, tensor) in read_tensors(bytes)?.0 {
        let Some(split) = split(&name) else { continue };
        modules.entry(split.path).or_default().insert(split.role, tensor.shape);
    }
    let mut base = StateDict::new();
    for (path, shapes) in modules {
        let shape = weight(&shapes);
        if [LORA_B_BIAS, "diff_b", BIAS].iter().any(|role| shapes.contains_key(role)) {
            let values = HostTensor { shape: shape[..1].to_vec(), values: vec![] };
            base.insert(format!("{path}.bias"), values);
        }
        base.insert(format!("{path}.weight"), HostTensor { shape, values: vec![] });
    }
    Ok(base)
}

/// The shape of the module's weight.
fn weight(shapes: &Shapes) -> Vec<usize> {
    if let Some(whole) = ["diff", WEIGHT].iter().find_map(|role| shapes.get(role)) {
        return if shapes.contains_key("on_input") { square(whole) } else { whole.clone() };
    }
    let has = |role: Role| shapes.contains_key(role);
    let side = |role: Role, axis: usize| shapes.get(role).and_then(|shape| shape.get(axis)).copied();
    let one = |side: Option<usize>| side.into_iter().collect::<Vec<_>>();
    // What is behind the first axis of a factor [rank, in, …], flat or not.
    let behind = |role: Role| shapes.get(role).and_then(|shape| shape.get(1..)).unwrap_or_default().to_vec();
    // Blocks times their side, of [blocks, side, side] and [factors, blocks, side, side].
    let blocks = |role: Role| shapes.get(role).map(|shape| shape.iter().rev().skip(1).take(2).product::<usize>());
    // A core [rank, rank, height, width] tells the kernel, and the first factor stands transposed.
    let core = ["lora_mid", "hada_t1", "lokr_t2", "bm"].iter().find_map(|role| shapes.get(role));
    let kernel = core.and_then(|core| core.get(2..));
    let (rows, mut inner) = if has(LORA_A) || has(LORA_B) {
        (side(LORA_B, 0), behind(LORA_A))
    } else if has("hada_w1_a") {
        (side("hada_w1_a", usize::from(core.is_some())), behind("hada_w1_b"))
    } else if has("lokr_w2") || has("lokr_w2_a") {
        let [p, q] =
            [("lokr_w1_a", 0), ("lokr_w1_b", 1)].map(|(role, axis)| side("lokr_w1", axis).or(side(role, axis)));
        let n = side("lokr_w2", 0).or(side("lokr_w2_a", usize::from(core.is_some())));
        let mut inner = [behind("lokr_w2"), behind("lokr_w2_b")].concat();
        inner.iter_mut().take(1).for_each(|m| *m *= q.unwrap_or(1));
        (p.zip(n).map(|(p, n)| p * n), inner)
    } else if let Some([count, elements]) = shapes.get("oft_R").map(Vec::as_slice) {
        let side = (2..=elements + 1).find(|side| side * (side - 1) / 2 == *elements);
        (None, one(side.map(|side| count * side)))
    } else if has("boft_R") {
        (shapes.get("boft_s").map(|lengths| lengths.iter().product()), one(blocks("boft_R")))
    } else if has("oft_blocks") {
        (blocks("oft_blocks"), one(blocks("oft_blocks")))
    } else if has("hra_u") {
        (None, one(side("hra_u", 0)))
    } else if let Some(factors) = shapes.get("ia3_l") {
        return square(factors);
    } else if has("hira_B") {
        (side("hira_B", 0), behind("hira_A"))
    } else if has("miss_block") {
        // Of `bat` the blocks are [out / r, r, r].
        let rows = if behind("miss_block").len() == 2 { blocks("miss_block") } else { side("miss_block", 1) };
        (rows, one(if behind("miss_block").len() == 2 { side("miss_block", 2) } else { side("miss_block", 0) }))
    } else if has("b1") || has("b2") {
        (side("b1", 0), behind("b2"))
    } else {
        of_glora(&side)
    };
    if let Some(kernel) = kernel {
        inner.truncate(1);
        inner.extend(kernel);
    }
    let rows = rows.or(side("diff_b", 0)).or(side(BIAS, 0)).or(inner.first().copied()).unwrap_or(1);
    [vec![rows], inner].concat()
}

/// PEFT's GLoRA, of which each part may be factors or numbers, or absent: outputs and inputs.
fn of_glora(side: &impl Fn(Role, usize) -> Option<usize>) -> (Option<usize>, Vec<usize>) {
    const ROWS: [Role; 7] =
        ["glora_A.Xd", "glora_B.Xd", "glora_D.Xd", "glora_E.Xd", "glora_A.X", "glora_B.X", "glora_D.X"];
    const INPUTS: [(Role, usize); 4] = [("glora_A.Xu", 1), ("glora_B.Xu", 1), ("glora_C.Xd", 0), ("glora_C.X", 0)];
    let inputs = INPUTS.iter().filter_map(|(role, axis)| side(role, *axis)).max();
    let rows = ROWS.iter().filter_map(|role| side(role, 0)).max();
    (rows, inputs.or(rows).into_iter().collect())
}

/// A weight with as many inputs as outputs: factors of (IA)³ may belong to either.
fn square(factors: &[usize]) -> Vec<usize> {
    let count: usize = factors.iter().product();
    let kernel = if factors.len() == 4 { vec![1, 1] } else { vec![] };
    [vec![count, count], kernel].concat()
}
