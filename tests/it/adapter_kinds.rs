//! Adapters of every kind that PEFT and LyCORIS write, against the weights that those tools make of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diffusion::adapter::{Adapter, compose};
use diffusion::noise::NoiseSource;
use diffusion::peft::{implied_base, read_adapter, read_adapter_partially};
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Precision, read_tensors, write_tensors};
use diffusion::{Backend, Base, Model};
use serde_json::Value;

use crate::support::*;

/// Largest difference, relative to the tool's largest value in the tensor.
const CLOSE: f32 = 1e-5;

fn cases() -> BTreeMap<String, Value> {
    serde_json::from_value(json("adapters/expected.json")["cases"].clone()).unwrap()
}

/// A folder's files, or a file.
fn files(path: &str) -> (Vec<u8>, Option<String>) {
    let path = fixture(&format!("adapters/{path}"));
    if path.is_dir() {
        (bytes(path.join("adapter_model.safetensors")), Some(text(path.join("adapter_config.json"))))
    } else {
        (bytes(path), None)
    }
}

fn read(path: &str, base: &Base) -> diffusion::Result<Adapter> {
    let (weights, config) = files(path);
    read_adapter(&weights, config.as_deref(), &base.state)
}

fn read_partially(path: &str, base: &Base) -> diffusion::Result<Adapter> {
    let (weights, config) = files(path);
    read_adapter_partially(&weights, config.as_deref(), &base.state)
}

/// Every tensor that the tool changes, and nothing else.
fn assert_same(what: &str, got: &StateDict, want: &BTreeMap<&str, &[f32]>, base: &Base) -> f32 {
    let mut worst = 0f32;
    for (name, pristine) in &base.state {
        let got = got.get(name).map_or(&pristine.values, |tensor| &tensor.values);
        let want = want.get(&name[..]).copied().unwrap_or(&pristine.values);
        let largest = want.iter().fold(0f32, |most, value| most.max(value.abs())).max(1e-3);
        let off = max_abs_diff(got, want) / largest;
        assert!(off <= CLOSE, "{what}: {name} is off by {off:e}");
        worst = worst.max(off);
    }
    worst
}

/// The tools' own weights, by case and tensor.
fn expected() -> StateDict {
    let files = ["peft", "splits", "lycoris", "dialects", "several", "stacked"];
    files.iter().flat_map(|file| tensors(&format!("adapters/{file}.safetensors"))).collect()
}

fn of_case<'a>(expected: &'a StateDict, case: &str) -> BTreeMap<&'a str, &'a [f32]> {
    let start = format!("{case}:");
    expected.iter().filter_map(|(key, tensor)| Some((key.strip_prefix(&start[..])?, &tensor.values[..]))).collect()
}

#[test]
fn every_kind_gives_the_weights_that_its_tool_makes() {
    let (base, expected) = (base("tiny"), expected());
    let (mut kinds, mut files, mut used, mut worst) = (BTreeSet::new(), 0, 0, 0f32);
    for (name, case) in cases() {
        let [file] = &case["files"].as_array().unwrap()[..] else { continue };
        let file = file.as_str().unwrap();
        let adapter = match (read(file, &base), file) {
            // Of training data, which are not there.
            (refused, "peft/corda") => {
                assert_refused(file, refused, &["init_lora_weights", "corda", "convert it to plain LoRA"]);
                continue;
            }
            (Err(refused), _) if !case["unused"].is_null() => {
                let unused = case["unused"].as_array().unwrap();
                assert_refused(file, Err::<(), _>(refused), &[unused[0].as_str().unwrap(), "text encoder"]);
                let adapter = read_partially(file, &base).unwrap();
                let names: Vec<&str> = adapter.unused.iter().map(|unused| &unused.tensor[..]).collect();
                assert_eq!(names, unused.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>());
                adapter
            }
            (adapter, _) => adapter.unwrap_or_else(|error| panic!("{file}: {error}")),
        };
        assert_eq!(
            (adapter.used + adapter.unused.len()) as u64,
            case["tensors"].as_u64().unwrap(),
            "{file}: every tensor"
        );
        let off = assert_same(file, &compose(&base.state, [(&adapter, 1.0)], []), &of_case(&expected, &name), &base);
        println!("{file}: {}, off by {off:e}", adapter.kinds().join(", "));
        if case["at_half"] == true {
            let half = compose(&base.state, [(&adapter, 0.5)], []);
            assert_same(&format!("{file} at 0.5"), &half, &of_case(&expected, &format!("{name}@0.5")), &base);
        }
        assert!(
            compose(&base.state, [], adapter.modules.keys()).iter().all(|(key, w)| *w == base.state[key]),
            "{file}: off"
        );
        files += 1;
        used += adapter.used;
        worst = worst.max(off);
        kinds.extend(adapter.kinds());
    }
    println!("{} kinds, {files} files, {used} tensors, all used, off by {worst:e} at most: {kinds:?}", kinds.len());
    assert!(kinds.len() >= 12 && files >= 60);
}

#[test]
fn every_kind_is_known_without_its_base() {
    let (base, mut seen) = (base("tiny"), 0);
    // The small block of `mini` is repeated to as many outputs as the base has.
    let told = |name: &str, adapter: &Adapter| {
        let mut modules: Vec<_> = adapter
            .modules
            .iter()
            .map(|(path, update)| {
                (
                    path.replace('.', "_"),
                    update.kind(),
                    update.rank(),
                    update.scaling(),
                    if name == "peft/miss_mini" { 0 } else { update.parameters() },
                )
            })
            .collect();
        modules.sort_by(|a, b| a.0.cmp(&b.0));
        (modules, adapter.used, adapter.unused.len())
    };
    for (name, case) in cases() {
        let [file] = &case["files"].as_array().unwrap()[..] else { continue };
        let (weights, config) = files(file.as_str().unwrap());
        let implied = implied_base(&weights).unwrap();
        let Ok(known) = read_adapter_partially(&weights, config.as_deref(), &base.state) else { continue };
        let alone = read_adapter_partially(&weights, config.as_deref(), &implied);
        let alone = alone.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(told(&name, &alone), told(&name, &known), "{name}");
        seen += 1;
    }
    assert!(seen >= 100, "{seen}");
}

#[test]
fn several_together_are_what_their_tool_makes_of_them() {
    let (base, expected) = (base("tiny"), expected());
    let mut pairs = 0;
    for (name, case) in cases() {
        let ([a, b], true) = (&case["files"].as_array().unwrap()[..], case["error"].is_null()) else { continue };
        let [first, second] = [a, b].map(|file| read(file.as_str().unwrap(), &base).unwrap());
        // What PEFT has no strength for stands at 1.
        let has_strength = second.modules.values().all(|update| {
            !matches!(update.kind(), "OFT" | "BOFT" | "HRA" | "(IA)³" | "GLoRA") || name.contains("lycoris")
        });
        let strength = if has_strength { 0.5 } else { 1.0 };
        let both = compose(&base.state, [(&first, 1.0), (&second, strength)], []);
        let off = assert_same(&name, &both, &of_case(&expected, &name), &base);
        println!("{name}: {}, off by {off:e}", case["rule"]);
        pairs += 1;
    }
    assert!(pairs >= 25, "{pairs}");
}

#[test]
fn a_model_takes_what_fits_where_it_is_asked_to_and_says_why_the_rest_does_not() {
    let mut model = Model::new(base("tiny"), Backend::Cpu).unwrap();
    let (weights, _) = files("kohya/locon_text_encoder.safetensors");
    let refused = model.add_adapter("a", &weights, None).unwrap_err();
    assert!(model.adapters().is_empty());

    let adapter = model.add_adapter_partially("a", &weights, None).unwrap();
    assert!(adapter.used > 0 && !adapter.modules.is_empty());
    assert_eq!(adapter.unused[0].error.to_string(), refused.to_string());
    model.set_adapters([("a".to_owned(), 1.0)].into()).unwrap();

    // Nothing fits: the first reason, and what was there before stays.
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models/lora/outline");
    let (other, config) = (bytes(shipped.join("adapter_model.safetensors")), text(shipped.join("adapter_config.json")));
    let error = model.add_adapter_partially("a", &other, Some(&config)).unwrap_err();
    assert_eq!(error.code(), "misfit", "{error}");
    assert_eq!(model.scales().len(), 1);
}

/// Kinds that add, multiply, take out of the base and replace, on and off in any order.
#[test]
fn off_is_the_base_after_three_hundred_switches_of_mixed_kinds() {
    const KINDS: [&str; 7] = ["dora", "loha", "lokr", "oft", "ia3", "pissa", "modules_to_save"];
    let (base, expected) = (base("tiny"), tensors("lora/expected.safetensors"));
    for (device, backend) in backends() {
        let mut model = Model::new(base.clone(), backend).unwrap();
        let labels = labels(&expected["label"]);
        let answer =
            |model: &Model| bits(&model.predict(&expected["sample"], &expected["timestep"].values, &labels).unwrap());
        let before = answer(&model);
        for kind in KINDS {
            model.insert_adapter(kind, read(&format!("peft/{kind}"), &base).unwrap()).unwrap();
        }
        let mut noise = NoiseSource::new(300);
        for switch in 0..300 {
            let mut on = BTreeMap::new();
            for kind in KINDS {
                if noise.below(3) == 0 {
                    on.insert(kind.to_owned(), 3.0 * noise.uniform() - 1.0);
                }
            }
            model.set_adapters(on).unwrap();
            if switch % 30 == 0 {
                model.set_adapters(BTreeMap::new()).unwrap();
                assert_eq!(answer(&model), before, "{device}: switch {switch}");
            }
        }
        model.set_adapters(BTreeMap::new()).unwrap();
        assert_eq!(answer(&model), before, "{device}");
    }
}

/// Each tensor of each kind missing, empty, of another shape, of one number, not a number, or all zeros: an error of one
/// sentence that names the module or the tensor, or, where that is a possible adapter, weights that are numbers.
#[test]
fn damaged_files_of_every_kind_are_refused_or_harmless() {
    let base = base("tiny");
    let (mut refused, mut taken) = (0, 0);
    for (name, case) in cases() {
        let [file] = &case["files"].as_array().unwrap()[..] else { continue };
        if !["peft/", "lycoris/"].iter().any(|tool| name.starts_with(tool)) {
            continue;
        }
        let (weights, config) = files(file.as_str().unwrap());
        let (state, metadata) = read_tensors(&weights).unwrap();
        for tensor in state.keys() {
            let shape = &state[tensor].shape;
            let filled = |shape: &[usize], value: f32| HostTensor {
                shape: shape.to_vec(),
                values: vec![value; shape.iter().product()],
            };
            let (first, rest) = (shape.first().copied().unwrap_or(1), shape.get(1..).unwrap_or_default());
            let damages: [(&str, Option<HostTensor>); 8] = [
                ("missing", None),
                ("empty", Some(filled(&[&[0], rest].concat(), 0.0))),
                ("empty within", Some(filled(&[first, 0], 0.0))),
                ("longer", Some(filled(&[&[first + 1], rest].concat(), 0.1))),
                ("one number", Some(filled(&[1], 0.1))),
                ("five sides", Some(filled(&[&shape[..], &[2, 1, 1]].concat(), 0.1))),
                ("not a number", Some(filled(shape, f32::NAN))),
                ("zeros", Some(filled(shape, 0.0))),
            ];
            for (what, damage) in damages {
                let mut state = state.clone();
                match damage {
                    Some(damaged) => drop(state.insert(tensor.clone(), damaged)),
                    None => drop(state.remove(tensor)),
                }
                let file = write_tensors(&state, metadata.clone(), Precision::F32).unwrap();
                match read_adapter(&file, config.as_deref(), &base.state) {
                    Err(error) => {
                        let said = error.to_string();
                        assert!(!said.contains('\n') && said.len() < 600, "{name}, {tensor} {what}: {said}");
                        refused += 1;
                    }
                    Ok(adapter) => {
                        let composed = compose(&base.state, [(&adapter, 0.7)], []);
                        let numbers =
                            composed.values().all(|tensor| tensor.values.iter().all(|value| value.is_finite()));
                        assert!(numbers, "{name}, {tensor} {what}: weights that are no numbers");
                        assert_ne!(what, "not a number", "{name}, {tensor}");
                        taken += 1;
                    }
                }
            }
        }
    }
    println!("{refused} refused, {taken} taken");
    assert!(refused > taken);
}
