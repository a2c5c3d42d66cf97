//! Low-rank adapters (arXiv 2106.09685): composition from the pristine base, and merging.
//!
//! Tests: `tests/it/lora.rs`.

use std::collections::BTreeMap;

use crate::error::{AdapterError, Result};
use crate::state::{HostTensor, StateDict};

/// The two factors of one Linear or convolution: `W + scaling · B A`. A convolution is read as the Linear of its windows:
/// `W [out, in, h, w]` as `[out, in · h · w]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraFactors {
    /// `[rank, in]`, of a convolution `[rank, in, h, w]`.
    pub a: HostTensor,
    /// `[out, rank]`, of a convolution `[out, rank, 1, 1]`.
    pub b: HostTensor,
    /// alpha / rank, or alpha / sqrt(rank) for rank-stabilised adapters (arXiv 2312.03732).
    pub scaling: f32,
}

impl LoraFactors {
    /// The rank.
    pub fn rank(&self) -> usize {
        self.a.shape[0]
    }

    /// Inputs of a row of A.
    fn columns(&self) -> usize {
        self.a.shape[1..].iter().product()
    }

    /// The Frobenius norm of the update at strength 1, `|scaling · B A|`: how much it moves the module.
    pub fn update_norm(&self) -> f32 {
        // The squares of its entries, summed without an [out, in] matrix: tr((BᵀB)(AAᵀ)).
        let rank = self.rank();
        let a: Vec<&[f32]> = self.a.values.chunks_exact(self.columns()).collect();
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        let mut squares = 0.0;
        for i in 0..rank {
            for j in 0..rank {
                let b = self.b.values.chunks_exact(rank).map(|row| f64::from(row[i] * row[j])).sum::<f64>();
                squares += b * dot(a[i], a[j]);
            }
        }
        self.scaling.abs() * squares.max(0.0).sqrt() as f32
    }

    /// `weight += scale · scaling · B A`, with `weight` `[out, in]` or `[out, in, h, w]`.
    pub fn add_to(&self, weight: &mut HostTensor, scale: f32) {
        let (rank, columns) = (self.rank(), self.columns());
        let factor = scale * self.scaling;
        for (row, out) in weight.values.chunks_exact_mut(columns).enumerate() {
            let b = &self.b.values[row * rank..(row + 1) * rank];
            for (column, w) in out.iter_mut().enumerate() {
                let delta: f32 = b.iter().enumerate().map(|(k, b)| b * self.a.values[k * columns + column]).sum();
                *w += factor * delta;
            }
        }
    }
}

/// An adapter: factors by module path (without `.weight`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Adapter {
    /// The factors.
    pub modules: BTreeMap<String, LoraFactors>,
    /// SHA-256 (lower-case hex) of the base weights file it was trained on, where the file says so.
    pub base_sha256: Option<String>,
    /// What a file of kohya says of alpha where it has no alphas: nobody heeds it, alpha is the rank.
    pub ignored_alpha: Option<String>,
}

impl Adapter {
    /// The largest rank of all modules.
    pub fn rank(&self) -> usize {
        self.modules.values().map(LoraFactors::rank).max().unwrap_or(0)
    }

    /// What people should know of it, in English: that a file says something of alpha which nobody heeds.
    pub fn note(&self) -> Option<String> {
        let said = self.ignored_alpha.as_ref()?;
        Some(format!(
            "its ss_network_alpha is {said}, but it has no .alpha tensors, so that alpha is the rank ({}), as it is for sd-scripts, diffusers and ComfyUI",
            self.rank()
        ))
    }

    /// The same adapter with a strength baked in: at 1 it does what it did at `scale` before.
    pub fn scaled(mut self, scale: f32) -> Self {
        self.modules.values_mut().for_each(|factors| factors.b.values.iter_mut().for_each(|b| *b *= scale));
        self
    }

    /// Checks that every module exists in the base, is a Linear or a convolution, and has the factors' sizes. A 1 x 1
    /// convolution and a Linear are the same: factors of the one get the shape of the other, which the base has.
    ///
    /// # Errors
    /// [`AdapterError`], which names the module.
    pub fn fit(&mut self, base: &StateDict) -> Result<()> {
        if self.modules.is_empty() {
            return Err(AdapterError::Empty.into());
        }
        let example =
            || base.keys().find_map(|key| key.strip_suffix(".to_q.weight")).map(|path| format!("{path}.to_q"));
        let unknown: Vec<String> =
            self.modules.keys().filter(|path| !base.contains_key(&format!("{path}.weight"))).cloned().collect();
        if !unknown.is_empty() {
            return Err(AdapterError::UnknownModules { paths: unknown, known: example().unwrap_or_default() }.into());
        }
        for (path, LoraFactors { a, b, .. }) in &mut self.modules {
            let Some(weight) = base.get(&format!("{path}.weight")) else { continue };
            let [out, inner @ ..] = &weight.shape[..] else { continue };
            if !matches!(inner.len(), 1 | 3) {
                return Err(AdapterError::NotLinear { path: path.clone() }.into());
            }
            let rank = a.shape[0];
            let flat = |shape: &[usize]| shape.iter().rposition(|side| *side != 1).map_or(1, |last| last + 1);
            // Without the sides of 1 at the end, which are what a Linear lacks.
            let same = |x: &[usize], y: &[usize]| x[..flat(x).max(1)] == y[..flat(y).max(1)];
            if !same(&a.shape[1..], inner) || b.shape[..2] != [*out, rank] || !same(&b.shape[1..], &[rank]) {
                let (a, b, weight) = (a.shape.clone(), b.shape.clone(), weight.shape.as_slice().into());
                return Err(AdapterError::Shape { path: path.clone(), a, b, weight }.into());
            }
            a.shape = [&[rank], inner].concat();
            b.shape = vec![1; weight.shape.len()];
            b.shape[..2].copy_from_slice(&[*out, rank]);
        }
        Ok(())
    }
}

/// The weights that `adapters` change, each `W + sum(scale_i · scaling_i · B_i A_i)` from the pristine base.
/// `touch` names further modules to give back (those an earlier composition had changed).
pub fn compose<'a>(
    base: &StateDict,
    adapters: impl IntoIterator<Item = (&'a Adapter, f32)>,
    touch: impl IntoIterator<Item = &'a String>,
) -> StateDict {
    let pristine = |path: &String| {
        let name = format!("{path}.weight");
        base.get(&name).map(|weight| (name, weight.clone()))
    };
    let mut changed: StateDict = touch.into_iter().filter_map(pristine).collect();
    for (adapter, scale) in adapters {
        for (path, factors) in &adapter.modules {
            let name = format!("{path}.weight");
            if let Some(weight) = base.get(&name) {
                factors.add_to(changed.entry(name).or_insert_with(|| weight.clone()), scale);
            }
        }
    }
    changed
}

/// The whole base with the adapters baked in. The base itself stays as it was: unmerging is using it again.
pub fn merge<'a>(base: &StateDict, adapters: impl IntoIterator<Item = (&'a Adapter, f32)>) -> StateDict {
    let mut merged = base.clone();
    merged.extend(compose(base, adapters, []));
    merged
}
