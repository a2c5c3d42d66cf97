//! Gradients of every kind of adapter's tensors, against finite differences of what is composed.

use std::collections::BTreeMap;

use diffusion::Base;
use diffusion::adapter::dora::DoraStrength;
use diffusion::adapter::initial::Start;
use diffusion::adapter::lokr::factorization;
use diffusion::adapter::{Adapter, Parameters, Update, compose};
use diffusion::noise::NoiseSource;
use diffusion::peft::read_adapter;
use diffusion::state::HostTensor;

use crate::support::*;

/// A loss that is linear in the changed weight and bias, so that their gradients are these factors.
fn factors(tensor: &HostTensor, seed: f32) -> Vec<f32> {
    (0..tensor.values.len()).map(|i| (seed + 0.37 * i as f32).sin()).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

struct Module<'a> {
    base: &'a Base,
    path: &'a str,
    pristine: Parameters,
    loss: [Vec<f32>; 2],
}

impl<'a> Module<'a> {
    fn new(base: &'a Base, path: &'a str) -> Self {
        let weight = base.state[&format!("{path}.weight")].clone();
        let bias = base.state.get(&format!("{path}.bias")).cloned();
        let loss = [factors(&weight, 0.2), bias.as_ref().map(|bias| factors(bias, 0.9)).unwrap_or_default()];
        Self { base, path, pristine: Parameters { weight, bias }, loss }
    }

    fn gradients(&self, update: &Update) -> Vec<Vec<f32>> {
        update.gradients(&self.pristine, [&self.loss[0], &self.loss[1]])
    }

    fn loss(&self, update: &Update) -> f64 {
        let adapter = Adapter { modules: [(self.path.to_owned(), update.clone())].into(), ..Adapter::default() };
        let changed = compose(&self.base.state, [(&adapter, 1.0)], []);
        let [weight, bias] = ["weight", "bias"].map(|end| changed.get(&format!("{}.{end}", self.path)));
        let of = |tensor: Option<&HostTensor>, factors: &[f32]| tensor.map_or(0.0, |t| dot(&t.values, factors));
        of(weight, &self.loss[0]) + of(bias, &self.loss[1])
    }

    /// The slope of the loss where one tensor moves in some direction, and what the gradient says of it.
    fn slopes(&self, update: &Update, tensor: usize) -> [f64; 2] {
        let values: Vec<Vec<f32>> = update.tensors().iter().map(|(_, tensor)| tensor.values.clone()).collect();
        let size = values[tensor].iter().fold(0f32, |most, value| most.max(value.abs())).max(0.05);
        let step = 0.02 * size;
        let direction: Vec<f32> = (0..values[tensor].len()).map(|i| (1.3 + 2.1 * i as f32).cos()).collect();
        let moved = |by: f32| {
            let mut values = values.clone();
            values[tensor].iter_mut().zip(&direction).for_each(|(value, d)| *value += by * d);
            let mut update = update.clone();
            update.set_values(values.iter().map(|values| &values[..]));
            self.loss(&update)
        };
        let slope = |step: f32| (moved(step) - moved(-step)) / (2.0 * f64::from(step));
        // Richardson's extrapolation takes out what the square of the step adds.
        let measured = (4.0 * slope(step / 2.0) - slope(step)) / 3.0;
        [measured, dot(&self.gradients(update)[tensor], &direction)]
    }

    fn check(&self, what: &str, update: &Update) {
        let detached = update.dora.as_ref().is_some_and(|dora| dora.strength == DoraStrength::Peft);
        for (tensor, (name, _)) in update.tensors().iter().enumerate() {
            if detached && *name != "magnitude" && *name != "bias" {
                continue;
            }
            let [measured, said] = self.slopes(update, tensor);
            let gradient = &self.gradients(update)[tensor];
            let close = 2e-3 * dot(gradient, gradient).sqrt().max(measured.abs()) + 2e-3;
            assert!((measured - said).abs() <= close, "{what}: {} {name}: {measured} measured, {said}", self.path);
        }
    }
}

#[test]
fn every_kind_has_the_gradients_of_its_formula() {
    let base = base("tiny");
    let cases = json("adapters/expected.json")["cases"].clone();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (case, about) in cases.as_object().unwrap() {
        let [path] = &about["files"].as_array().unwrap()[..] else { continue };
        let path = path.as_str().unwrap();
        let path_of = fixture(&format!("adapters/{path}"));
        let (weights, config) = match path_of.is_dir() {
            true => (bytes(path_of.join("adapter_model.safetensors")), Some(text(path_of.join("adapter_config.json")))),
            false => (bytes(path_of), None),
        };
        // What is refused is another test's.
        let Ok(adapter) = read_adapter(&weights, config.as_deref(), &base.state) else { continue };
        let adapter = adapter.untaken();
        // A few of each file: the first, and those of convolutions.
        let modules = adapter.modules.iter().enumerate();
        for (_, (module, update)) in modules.filter(|(i, (module, _))| *i < 2 || module.contains("conv")) {
            Module::new(&base, module).check(case, update);
            *kinds.entry(update.kind()).or_default() += 1;
        }
    }
    assert!(kinds.len() >= 12, "{kinds:?}");
}

/// PEFT takes the length that DoRA divides by as a constant, which finite differences do not.
#[test]
fn dora_is_lora_with_scaled_rows() {
    let base = base("tiny");
    for path in ["conv_in", "mid_block.resnets.0.time_emb_proj"] {
        let module = Module::new(&base, path);
        let mut noise = NoiseSource::new(4);
        let mut update = Start::Lora { dora: true }.module(&module.pristine.weight, 2, 1.5, &mut noise);
        // Lengths that are twice those of the base, and factors that change nothing: every row counts twice.
        let mut values: Vec<Vec<f32>> = update.tensors().iter().map(|(_, tensor)| tensor.values.clone()).collect();
        values[2].iter_mut().for_each(|length| *length *= 2.0);
        update.set_values(values.iter().map(|values| &values[..]));
        let plain = Update { dora: None, ..update.clone() };
        for (dora, lora) in module.gradients(&update).iter().zip(module.gradients(&plain)).take(2) {
            let doubled: Vec<f32> = lora.iter().map(|value| 2.0 * value).collect();
            assert!(max_abs_diff(dora, &doubled) < 1e-5 * 2.0, "{path}");
        }
        module.check("DoRA", &update);
    }
}

#[test]
fn training_begins_at_the_base() {
    let base = base("tiny");
    let kinds = [
        Start::Lora { dora: false },
        Start::Lora { dora: true },
        Start::Loha,
        Start::Lokr { factor: None },
        Start::Lokr { factor: Some(2) },
    ];
    for start in kinds {
        let mut noise = NoiseSource::new(1);
        for (name, weight) in
            base.state.iter().filter(|(name, tensor)| name.ends_with(".weight") && tensor.shape.len() > 1)
        {
            let path = name.strip_suffix(".weight").unwrap();
            let update = start.module(weight, 2, 1.5, &mut noise);
            let adapter = Adapter { modules: [(path.to_owned(), update.clone())].into(), ..Adapter::default() };
            let changed = compose(&base.state, [(&adapter, 1.0)], []);
            assert!(max_abs_diff(&changed[name].values, &weight.values) < 1e-6, "{start:?} {name}");
            let module = Module::new(&base, path);
            let gradients = module.gradients(&update);
            assert!(gradients.iter().flatten().any(|value| *value != 0.0), "{start:?} {name} has nothing to learn");
            module.check(&format!("{start:?}"), &update);
        }
    }
}

#[test]
fn dimensions_are_cut_as_by_peft() {
    let cases = [
        ((256, None), (16, 16)),
        ((128, None), (8, 16)),
        ((127, None), (1, 127)),
        ((128, Some(4)), (4, 32)),
        ((12, Some(8)), (3, 4)),
        ((12, Some(6)), (6, 2)),
        ((48, Some(5)), (4, 12)),
        ((1, None), (1, 1)),
    ];
    for ((dimension, factor), expected) in cases {
        assert_eq!(factorization(dimension, factor), expected, "{dimension} {factor:?}");
    }
}
