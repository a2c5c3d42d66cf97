//! Reading the kinds beside LoRA: which tensors each has, of which shapes, in PEFT's files and in LyCORIS'.
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::adapter::Change;
use crate::adapter::boft::Boft;
use crate::adapter::glora::{Glora, Support};
use crate::adapter::hira::Hira;
use crate::adapter::hra::Hra;
use crate::adapter::ia3::Ia3;
use crate::adapter::loha::Loha;
use crate::adapter::lokr::{Kronecker, Lokr};
use crate::adapter::miss::Miss;
use crate::adapter::oft::{Oft, OftSettings};
use crate::error::{ConfigError, Error, Result, decimal};
use crate::state::HostTensor;

use super::module::Module;
use super::names::{ALPHA, CONFIG_FILE, Role, WEIGHT};

/// `Σ_j T_ij B_j` for each entry of a kernel: `T [r, q, h, w]` and `B [q, in]` (or `[q, in, 1, 1]`) give
/// `[r, in · h · w]`, the second factor of what a Tucker decomposition stands for.
pub(super) fn tucker(
    module: &Module<'_>,
    (core_role, core): (Role, HostTensor),
    (role, b): (Role, HostTensor),
) -> Result<HostTensor> {
    let [r, q, kernel @ ..] = &core.shape[..] else {
        module.must(false, core_role, &core)?;
        return Ok(core);
    };
    let kernel: usize = kernel.iter().product();
    module.must(
        core.shape.len() == 4 && r * q > 0 && kernel == module.columns() / module.inputs(),
        core_role,
        &core,
    )?;
    let inputs = b.values.len() / q;
    module.must(b.shape.first() == Some(q), role, &b)?;
    let mut values = vec![0.0; r * inputs * kernel];
    for (i, out) in values.chunks_exact_mut(inputs * kernel).enumerate() {
        for j in 0..*q {
            let core = &core.values[(i * q + j) * kernel..][..kernel];
            for (out, b) in out.chunks_exact_mut(kernel).zip(&b.values[j * inputs..]) {
                out.iter_mut().zip(core).for_each(|(out, t)| *out += t * b);
            }
        }
    }
    Ok(HostTensor { shape: vec![*r, inputs * kernel], values })
}

/// A factored matrix `A [n, r] B [r, m]`; with a core, A comes transposed and B gets the core's kernel.
fn factored(
    module: &mut Module<'_>,
    [a_role, b_role]: [Role; 2],
    core: Option<(Role, HostTensor)>,
) -> Result<[HostTensor; 2]> {
    let (mut a, mut b) = match (module.take(a_role), module.take(b_role)) {
        (Some(a), Some(b)) => (a, b),
        (None, _) => (module.need(a_role, b_role)?, module.need(b_role, a_role)?),
        (_, None) => (module.need(b_role, a_role)?, module.need(a_role, b_role)?),
    };
    if let Some(core) = core {
        module.must(a.shape.len() == 2, a_role, &a)?;
        a = a.transposed();
        b = tucker(module, core, (b_role, b))?;
    }
    let rank = b.shape.first().copied().unwrap_or(0);
    module.must(rank > 0 && b.shape.len() >= 2, b_role, &b)?;
    b.shape = vec![rank, b.values.len() / rank];
    module.must(a.shape.len() >= 2 && a.values.len() == a.shape[0] * rank, a_role, &a)?;
    a.shape = vec![a.shape[0], rank];
    Ok([a, b])
}

/// LoHa: `hada_w1_a`, `hada_w1_b`, `hada_w2_a`, `hada_w2_b`, perhaps `hada_t1` and `hada_t2`.
pub(super) fn loha(module: &mut Module<'_>) -> Result<Loha> {
    let core = |module: &mut Module<'_>, role| module.take(role).map(|core| (role, core));
    let (t1, t2) = (core(module, "hada_t1"), core(module, "hada_t2"));
    let [a1, b1] = factored(module, ["hada_w1_a", "hada_w1_b"], t1)?;
    let [a2, b2] = factored(module, ["hada_w2_a", "hada_w2_b"], t2)?;
    let (rows, columns) = (module.rows(), module.columns());
    for (role, a) in [("hada_w1_a", &a1), ("hada_w2_a", &a2)] {
        module.must(a.shape[0] == rows, role, a)?;
    }
    for (role, b) in [("hada_w1_b", &b1), ("hada_w2_b", &b2)] {
        module.must(b.shape == [b1.shape[0], columns], role, b)?;
    }
    let scaling = module.scaling(b1.shape[0])?;
    Ok(Loha { a: [a1, a2], b: [b1, b2], scaling })
}

/// LoKr: `lokr_w1` and `lokr_w2`, each whole or as `…_a` and `…_b`, the second perhaps with `lokr_t2`.
pub(super) fn lokr(module: &mut Module<'_>) -> Result<Lokr> {
    let whole = |module: &Module<'_>, role, matrix: HostTensor| {
        module.must(matrix.shape.len() >= 2, role, &matrix)?;
        Ok::<_, Error>(Kronecker::Whole(matrix))
    };
    let first = match module.take("lokr_w1") {
        Some(matrix) => whole(module, "lokr_w1", matrix)?,
        None => {
            let [a, b] = factored(module, ["lokr_w1_a", "lokr_w1_b"], None)?;
            Kronecker::Product(a, b)
        }
    };
    let second = match module.take("lokr_w2") {
        Some(matrix) => whole(module, "lokr_w2", matrix)?,
        None => {
            let core = module.take("lokr_t2").map(|core| ("lokr_t2", core));
            let [a, b] = factored(module, ["lokr_w2_a", "lokr_w2_b"], core)?;
            Kronecker::Product(a, b)
        }
    };
    let ([p, q], [n, windows]) = (first.sides(), second.sides());
    let fits = p * n == module.rows()
        && q * windows == module.columns()
        && windows % (module.columns() / module.inputs()) == 0;
    module.must(fits && p * q > 0, "lokr_w2", second.tensors()[0])?;
    let scaling = match (second.rank().or(first.rank()), module.config) {
        // LyCORIS' alpha counts only where something is factored.
        (None, None) => {
            module.take(ALPHA);
            1.0
        }
        // PEFT's rank is the configuration's, whether something is factored or not.
        (_, Some(config)) if !module.tensors.has(ALPHA) => module.scaling(config.rank_of(module.full)?)?,
        (None, Some(_)) => {
            module.take(ALPHA);
            1.0
        }
        (Some(rank), _) => module.scaling(rank)?,
    };
    Ok(Lokr { first, second, scaling })
}

/// PEFT's OFT: `oft_R`, of which the configuration says what it means.
pub(super) fn oft_of_peft(module: &mut Module<'_>) -> Result<Oft> {
    let upper = module.need("oft_R", "oft_R")?;
    let config = module.configured("OFT")?;
    let set =
        |key: &str, otherwise: bool| config.settings.get(key).and_then(|value| value.as_bool()).unwrap_or(otherwise);
    let number = |key: &str| config.settings.get(key).and_then(|value| value.as_f64());
    let terms = number("num_cayley_neumann_terms").unwrap_or(5.0);
    // A series of more has long converged, or never will.
    if !(1.0..=1000.0).contains(&terms) {
        let source = ConfigError::value("num_cayley_neumann_terms", "1 to 1000", decimal(terms));
        return Err(Error::Config { file: CONFIG_FILE, source });
    }
    let settings = OftSettings {
        neumann_terms: set("use_cayley_neumann", true).then_some(terms as usize),
        constraint: set("coft", false).then(|| number("eps").unwrap_or(6e-5) as f32),
    };
    let shared = set("block_share", false);
    let oft = Oft::of_peft(&upper, settings).filter(|oft| {
        let (blocks, size) = (oft.blocks.shape[0], oft.block_size());
        if shared { blocks == 1 && module.columns().is_multiple_of(size) } else { blocks * size == module.columns() }
    });
    oft.ok_or_else(|| module.misfit("oft_R", &upper))
}

/// PEFT's BOFT: `boft_R` and `boft_s`.
pub(super) fn boft_of_peft(module: &mut Module<'_>) -> Result<Boft> {
    let raw = module.need("boft_R", "boft_s")?;
    let mut scale = module.need("boft_s", "boft_R")?;
    module.must(scale.values.len() == module.rows(), "boft_s", &scale)?;
    scale.shape = vec![scale.values.len()];
    let boft = Boft::of_peft(&raw, scale).filter(|boft| boft.fits(module.columns()));
    boft.ok_or_else(|| module.misfit("boft_R", &raw))
}

/// LyCORIS' OFT and BOFT: `oft_blocks` of three or four dimensions, perhaps `rescale`; alpha is a constraint.
pub(super) fn oft_of_lycoris(module: &mut Module<'_>) -> Result<Change> {
    let raw = module.need("oft_blocks", "oft_blocks")?;
    let constraint = module.take(ALPHA).and_then(|alpha| alpha.values.first().copied()).unwrap_or(0.0);
    let rescale = module.take("rescale");
    if let Some(rescale) = &rescale {
        module.must(rescale.values.len() == module.rows(), "rescale", rescale)?;
    }
    let rows = module.rows();
    let change = match raw.shape.len() {
        3 => Oft::of_lycoris(&raw, constraint, rescale)
            .filter(|oft| oft.blocks.shape[0] * oft.block_size() == rows)
            .map(Change::Oft),
        _ => Boft::of_lycoris(&raw, constraint, rescale).filter(|boft| boft.fits(rows)).map(Change::Boft),
    };
    change.ok_or_else(|| module.misfit("oft_blocks", &raw))
}

/// HRA: `hra_u`, and whether its columns are made orthogonal.
pub(super) fn hra(module: &mut Module<'_>) -> Result<Hra> {
    let u = module.need("hra_u", "hra_u")?;
    let orthogonal = module.configured("HRA")?.settings.get("apply_GS").and_then(|value| value.as_bool());
    module.must(u.shape.len() == 2 && u.shape[0] == module.columns() && u.shape[1] > 0, "hra_u", &u)?;
    Ok(Hra { u, orthogonal: orthogonal.unwrap_or(false) })
}

/// (IA)³: PEFT's `ia3_l`, factors; LyCORIS' `weight`, what they differ from 1 by, and `on_input`.
pub(super) fn ia3(module: &mut Module<'_>) -> Result<Ia3> {
    let (rows, inputs) = (module.rows(), module.inputs());
    if let Some(on_input) = module.take("on_input") {
        let mut factors = module.need(WEIGHT, "on_input")?;
        let on_inputs = on_input.values.first().is_some_and(|value| *value != 0.0);
        module.must(factors.values.len() == if on_inputs { inputs } else { rows }, WEIGHT, &factors)?;
        factors.values.iter_mut().for_each(|value| *value += 1.0);
        factors.shape = vec![factors.values.len()];
        return Ok(Ia3 { factors, on_inputs, with_bias: false });
    }
    let mut factors = module.need("ia3_l", "ia3_l")?;
    let on_inputs = match (&factors.shape[..], module.config) {
        ([1, _], _) if module.weight.len() == 2 && rows != 1 => true,
        ([_, 1], _) if module.weight.len() == 2 => false,
        (_, _) if rows != inputs => factors.values.len() == inputs,
        (_, Some(config)) => config.is_feedforward(module.full)?,
        (_, None) => module.configured("(IA)³").map(|_| false)?,
    };
    module.must(factors.values.len() == if on_inputs { inputs } else { rows }, "ia3_l", &factors)?;
    factors.shape = vec![factors.values.len()];
    Ok(Ia3 { factors, on_inputs, with_bias: true })
}

/// PEFT's GLoRA: `glora_A` to `glora_E`, each two factors (`Xd`, `Xu`), numbers (`X`), or nothing.
pub(super) fn glora_of_peft(module: &mut Module<'_>) -> Result<Glora> {
    const NAMES: [[Role; 4]; 5] = [
        ["glora_A.Xd", "glora_A.Xu", "glora_A.X", "glora_A.zeros"],
        ["glora_B.Xd", "glora_B.Xu", "glora_B.X", "glora_B.zeros"],
        ["glora_C.Xd", "glora_C.Xu", "glora_C.X", "glora_C.zeros"],
        ["glora_D.Xd", "glora_D.Xu", "glora_D.X", "glora_D.zeros"],
        ["glora_E.Xd", "glora_E.Xu", "glora_E.X", "glora_E.zeros"],
    ];
    let (rows, columns) = (module.rows(), module.columns());
    let mut supports = Vec::new();
    for (i, [down, up, numbers, nothing]) in NAMES.into_iter().enumerate() {
        if let Some(zeros) = module.take(nothing) {
            module.must(zeros.values.iter().all(|value| *value == 0.0), nothing, &zeros)?;
        }
        let (n, m) = [(rows, columns), (rows, columns), (columns, 1), (rows, 1), (rows, 1)][i];
        supports.push(if let Some(values) = module.take(numbers) {
            module.must(values.values.len() == 1 || values.values.len() == n, numbers, &values)?;
            Support::Numbers(values)
        } else if module.tensors.has(down) || module.tensors.has(up) {
            let [down_factor, up_factor] = factored(module, [down, up], None)?;
            module.must(down_factor.shape[0] == n, down, &down_factor)?;
            module.must(up_factor.shape[1] == m, up, &up_factor)?;
            Support::Lora(down_factor, up_factor)
        } else {
            Support::Nothing
        });
    }
    let mut supports = supports.into_iter();
    let mut next = || supports.next().unwrap_or(Support::Nothing);
    Ok(Glora::Peft(Box::new([next(), next(), next(), next(), next()])))
}

/// LyCORIS' GLoRA: `a1`, `a2`, `b1`, `b2`, perhaps `bm`.
pub(super) fn glora_of_lycoris(module: &mut Module<'_>) -> Result<Glora> {
    let [a1, a2] = factored(module, ["a1", "a2"], None)?;
    let b2 = module.need("b2", "b1")?;
    let core = module.take("bm");
    let b2 = match core {
        Some(core) => tucker(module, ("bm", core), ("b2", b2))?,
        None => b2,
    };
    module.tensors.add("b2", b2);
    let [b1, b2] = factored(module, ["b1", "b2"], None)?;
    let (rows, columns, inputs) = (module.rows(), module.columns(), module.inputs());
    module.must(a1.shape[0] == inputs, "a1", &a1)?;
    module.must(a2.shape[1] == inputs, "a2", &a2)?;
    module.must(b1.shape[0] == rows, "b1", &b1)?;
    module.must(b2.shape[1] == columns, "b2", &b2)?;
    let scaling = module.scaling(a2.shape[0])?;
    Ok(Glora::Lycoris { a: [a1, a2], b: [b1, b2], scaling })
}

/// HiRA: `hira_A` and `hira_B`.
pub(super) fn hira(module: &mut Module<'_>) -> Result<Hira> {
    let [b, a] = factored(module, ["hira_B", "hira_A"], None)?;
    module.must(b.shape[0] == module.rows(), "hira_B", &b)?;
    module.must(a.shape[1] == module.columns(), "hira_A", &a)?;
    Ok(Hira { a, b })
}

/// MiSS: `miss_block`, of which the configuration says what it means.
pub(super) fn miss(module: &mut Module<'_>) -> Result<Miss> {
    let mut block = module.need("miss_block", "miss_block")?;
    let start = module.configured("MiSS")?.settings.get("init_weights").and_then(|value| value.as_str()).unwrap_or("");
    let (rows, columns) = (module.rows(), module.columns());
    match (start, &block.shape[..]) {
        ("bat", [runs, r, side]) if r == side && *r > 0 && runs * r == rows && columns % r == 0 => {
            Ok(Miss::Multiplied(block))
        }
        ("mini", [r, mini]) if r * mini > 0 && rows % mini == 0 => {
            let repeated = block.values.chunks_exact(*mini).flat_map(|row| row.iter().cycle().take(rows)).copied();
            block = HostTensor { shape: vec![*r, rows], values: repeated.collect() };
            Ok(Miss::Shared(block))
        }
        ("bat" | "mini", _) => Err(module.misfit("miss_block", &block)),
        (_, [r, out]) if *r > 0 && *out == rows => Ok(Miss::Shared(block)),
        _ => Err(module.misfit("miss_block", &block)),
    }
}
