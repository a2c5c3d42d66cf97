//! What adapters do to the network, against PEFT: applied, merged, combined, negative, and off.

use std::collections::BTreeMap;

use diffusion::adapter::{LoraFactors, merge};
use diffusion::noise::NoiseSource;
use diffusion::state::{HostTensor, StateDict};
use diffusion::{Backend, Base, Model};

use crate::support::*;

pub const FOLDERS: [&str; 3] = ["plain", "patterned", "all_linear"];

pub fn adapter_file(name: &str) -> Vec<u8> {
    bytes(fixture("lora").join(name).join("adapter_model.safetensors"))
}

pub fn adapter_config(name: &str) -> String {
    text(fixture("lora").join(name).join("adapter_config.json"))
}

fn with_adapters(backend: &Backend) -> Model {
    let mut model = Model::new(base("tiny"), backend.clone()).unwrap();
    for name in FOLDERS {
        model.add_adapter(name, &adapter_file(name), Some(&adapter_config(name))).unwrap();
    }
    model
}

/// Run -> adapter -> strength.
fn runs() -> BTreeMap<String, BTreeMap<String, f32>> {
    let runs: BTreeMap<_, _> = serde_json::from_value(json("lora/expected.json")["runs"].clone()).unwrap();
    assert_eq!(runs.len(), 5);
    runs
}

/// The network's answer to the fixture's input.
fn answer(model: &Model, expected: &StateDict) -> Vec<f32> {
    let timesteps = &expected["timestep"].values;
    let labels = labels(&expected["label"]);
    model.predict(&expected["sample"], timesteps, &labels).unwrap()
}

#[test]
fn applied_and_merged_are_what_peft_computes() {
    let expected = tensors("lora/expected.safetensors");
    for (device_name, backend) in backends() {
        let mut model = with_adapters(&backend);
        let off = assert_close("base", &answer(&model, &expected), &expected["base.output"].values, 1e-4);
        println!("base on {device_name}: {off:e}");
        for (run, scales) in runs() {
            let what = format!("{run} on {device_name}");
            model.set_adapters(scales.clone()).unwrap();
            let applied = answer(&model, &expected);
            let output = &expected[&format!("{run}.output")].values;
            let off = assert_close(&what, &applied, output, 1e-4);
            assert!(max_abs_diff(output, &expected["base.output"].values) > 1e-2, "{run} changes something");

            let on = scales.iter().map(|(name, &scale)| (&model.adapters()[name], scale));
            let state = merge(&model.base().state, on);
            let weight = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight";
            let single = &expected[&format!("{run}.merged.{weight}")].values;
            let weight_off = assert_close(&format!("{what}: {weight}"), &state[weight].values, single, 1e-6);

            let merged = Model::new(Base { state, ..base("tiny") }, backend.clone()).unwrap();
            let merged = answer(&merged, &expected);
            let to_applied = assert_close(&format!("{what}: merged, applied"), &merged, &applied, 1e-5);
            let theirs = &expected[&format!("{run}.merged_output")].values;
            let to_merged = assert_close(&format!("{what}: merged"), &merged, theirs, 1e-5);
            println!(
                "{what}: applied {off:e}, merged {to_merged:e}, merged to applied {to_applied:e}, weight {weight_off:e}"
            );
        }
    }
}

#[test]
fn ranks_and_scalings_are_those_of_peft() {
    let base = base("tiny");
    let modules = &json("lora/expected.json")["modules"];
    for name in FOLDERS {
        let adapter =
            diffusion::peft::read_adapter(&adapter_file(name), Some(&adapter_config(name)), &base.state).unwrap();
        let want = modules[name].as_object().unwrap();
        assert!(adapter.modules.keys().eq(want.keys()), "{name}: the same modules");
        for (path, factors) in factors(&adapter) {
            assert_eq!(factors.rank() as u64, want[path]["r"].as_u64().unwrap(), "{name} {path}");
            let scaling = want[path]["scaling"].as_f64().unwrap() as f32;
            assert_relatively_close(&format!("{name} {path}"), &[factors.scaling], &[scaling], 1e-6);
        }
        let largest = want.values().map(|module| module["r"].as_u64().unwrap()).max().unwrap();
        assert_eq!(adapter.rank() as u64, largest);
    }
}

/// A random set of switches, about one in four of them all off.
fn random_scales(noise: &mut NoiseSource) -> BTreeMap<String, f32> {
    let mut scales = BTreeMap::new();
    for name in FOLDERS {
        match noise.below(8) {
            0..=4 => {}
            5 => drop(scales.insert(name.to_owned(), 1.0)),
            6 => drop(scales.insert(name.to_owned(), 0.0)),
            _ => drop(scales.insert(name.to_owned(), 6.0 * noise.uniform() - 3.0)),
        }
    }
    scales
}

/// `{}` gives the base back bit for bit, however many switches came before it: nothing accumulates.
#[test]
fn off_is_the_base_after_a_thousand_switches() {
    let expected = tensors("lora/expected.safetensors");
    for (device_name, backend) in backends() {
        let mut model = with_adapters(&backend);
        let base = bits(&answer(&model, &expected));
        let mut noise = NoiseSource::new(1000);
        let (mut offs, mut last) = (0, BTreeMap::new());
        for switch in 0..1000 {
            last = random_scales(&mut noise);
            model.set_adapters(last.clone()).unwrap();
            if last.values().all(|&scale| scale == 0.0) {
                offs += 1;
                if offs % 16 == 0 {
                    assert_eq!(bits(&answer(&model, &expected)), base, "{device_name}: switch {switch}");
                }
            }
        }
        assert!(offs > 100);

        // What is on after all that is what a fresh model makes of it.
        last.insert("plain".into(), 0.75);
        let mut fresh = with_adapters(&backend);
        for model in [&mut model, &mut fresh] {
            model.set_adapters(last.clone()).unwrap();
        }
        assert_eq!(bits(&answer(&model, &expected)), bits(&answer(&fresh, &expected)), "{device_name}");

        model.set_adapters(BTreeMap::new()).unwrap();
        assert_eq!(bits(&answer(&model, &expected)), base, "{device_name}: the output");
    }
}

/// Whoever draws by turns gets each network as it was; an adapter that has been replaced since is not mistaken for the old one.
#[test]
fn turns_give_the_same_networks() {
    let expected = tensors("lora/expected.safetensors");
    let of = |name: &str, scale: f32| BTreeMap::from([(name.to_owned(), scale)]);
    for (device_name, backend) in backends() {
        let mut model = with_adapters(&backend);
        let mut answer_with = |scales: BTreeMap<String, f32>| {
            model.set_adapters(scales).unwrap();
            bits(&answer(&model, &expected))
        };
        let first = [of("plain", 1.0), of("patterned", 0.5), BTreeMap::new()].map(&mut answer_with);
        for _ in 0..3 {
            assert_eq!(answer_with(of("plain", 1.0)), first[0], "{device_name}");
            assert_eq!(answer_with(of("patterned", 0.5)), first[1], "{device_name}");
        }
        assert_eq!(answer_with(BTreeMap::new()), first[2], "{device_name}");
        answer_with(of("plain", 1.0));
        answer_with(BTreeMap::new());

        let file = adapter_file("all_linear");
        model.add_adapter("plain", &file, Some(&adapter_config("all_linear"))).unwrap();
        model.set_adapters(of("plain", 1.0)).unwrap();
        assert_ne!(bits(&answer(&model, &expected)), first[0], "{device_name}: the one before");
    }
}

#[test]
fn removing_and_replacing_adapters() {
    let expected = tensors("lora/expected.safetensors");
    let mut model = with_adapters(&Backend::Cpu);
    let base = answer(&model, &expected);
    let scales = BTreeMap::from([("plain".to_owned(), 1.0), ("patterned".to_owned(), 1.0)]);
    model.set_adapters(scales).unwrap();

    model.remove_adapter("patterned").unwrap();
    assert_close("plain is left", &answer(&model, &expected), &expected["plain.output"].values, 1e-4);
    assert_eq!(model.scales().keys().collect::<Vec<_>>(), ["plain"]);

    let file = adapter_file("all_linear");
    model.add_adapter("plain", &file, Some(&adapter_config("all_linear"))).unwrap();
    assert!(model.scales().is_empty(), "a replaced adapter is off");
    assert_eq!(bits(&answer(&model, &expected)), bits(&base));

    model.set_adapters(BTreeMap::from([("plain".to_owned(), 1.0)])).unwrap();
    let want = &expected["all_linear.output"].values;
    assert_close("the new one under the old name", &answer(&model, &expected), want, 1e-4);
}

#[test]
fn refused_switches_change_nothing() {
    let expected = tensors("lora/expected.safetensors");
    let mut model = with_adapters(&Backend::Cpu);
    model.set_adapters(BTreeMap::from([("plain".to_owned(), 1.0)])).unwrap();
    let before = bits(&answer(&model, &expected));

    let unknown = model.set_adapters(BTreeMap::from([("outline".to_owned(), 1.0)]));
    assert_refused("an unknown adapter", unknown, &["\"outline\"", "all_linear, patterned, plain"]);
    for scale in [f32::NAN, f32::INFINITY] {
        let result = model.set_adapters(BTreeMap::from([("patterned".to_owned(), scale)]));
        assert_refused("a strength", result, &["patterned", "number"]);
    }
    assert_refused("an unknown adapter", model.remove_adapter("outline"), &["\"outline\""]);
    let damaged = model.add_adapter("plain", &adapter_file("plain")[..1000], None).map(|_| ());
    assert_refused("half a file", damaged, &["safetensors"]);

    assert_eq!(model.scales(), &BTreeMap::from([("plain".to_owned(), 1.0)]));
    assert_eq!(bits(&answer(&model, &expected)), before);
}

#[test]
fn the_norm_of_an_update_is_that_of_the_product() {
    let factors = LoraFactors {
        a: HostTensor { shape: vec![2, 3], values: vec![1.0, 2.0, 3.0, -1.0, 0.5, 2.0] },
        b: HostTensor { shape: vec![2, 2], values: vec![1.0, -2.0, 0.5, 3.0] },
        scaling: 1.5,
    };
    let mut product = HostTensor { shape: vec![2, 3], values: vec![0.0; 6] };
    factors.add_to(&mut product, 1.0);
    let expected = product.values.iter().map(|v| v * v).sum::<f32>().sqrt();
    assert!((factors.update_norm() - expected).abs() < 1e-4 * expected);
}
