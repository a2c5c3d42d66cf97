//! Adapters written in every dialect and of other ranks, against what they were.

use std::collections::BTreeSet;

use diffusion::adapter::join::{Join, JoinError, joined, joined_differences};
use diffusion::adapter::resize::resized;
use diffusion::adapter::{Adapter, Change, compose};
use diffusion::peft::{PeftConfig, in_blocks_of_peft, read_adapter, read_adapter_partially};
use diffusion::peft::{write_adapter, write_diffusers, write_kohya, write_lycoris};
use diffusion::state::StateDict;
use diffusion::tensors::Precision::F32;
use diffusion::{Base, Error};

use crate::support::*;

/// Every file of `adapters`, but the one that needs training data: its name, its adapter, its configuration.
fn every_file(base: &Base) -> Vec<(String, Adapter, Option<PeftConfig>)> {
    let mut files = Vec::new();
    for folder in ["peft", "diffusers", "kohya", "lycoris", "wrapped"] {
        let entries = std::fs::read_dir(fixture("adapters").join(folder)).unwrap();
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
            let (weights, config) = if path.is_dir() {
                (bytes(path.join("adapter_model.safetensors")), Some(text(path.join("adapter_config.json"))))
            } else {
                (bytes(&path), None)
            };
            match read_adapter_partially(&weights, config.as_deref(), &base.state) {
                Ok(adapter) => {
                    let config = match config {
                        Some(text) => Some(PeftConfig::from_json(&text).unwrap()),
                        None => PeftConfig::of_file(&weights).unwrap(),
                    };
                    files.push((name, adapter, config));
                }
                Err(error) => assert!(name == "peft/corda", "{name}: {error}"),
            }
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// Largest difference of two compositions, relative to the largest value of a tensor.
fn off(a: &StateDict, b: &StateDict, base: &Base) -> f32 {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let differences = names.into_iter().map(|name| {
        let [a, b] = [a, b].map(|state| &state.get(name).unwrap_or(&base.state[name]).values);
        max_abs_diff(a, b) / a.iter().fold(1e-3f32, |most, value| most.max(value.abs()))
    });
    differences.fold(0.0, f32::max)
}

#[test]
fn every_file_is_the_same_in_every_dialect_that_has_names_for_it() {
    let base = base("tiny");
    let (mut written, mut refused) = (0, BTreeSet::new());
    for (name, adapter, config) in every_file(&base) {
        let want = compose(&base.state, [(&adapter, 1.0)], []);
        let plain = adapter.clone().untaken();
        let config = config.map(|config| config.fitting(&plain));
        let config = config.unwrap_or_else(|| PeftConfig::describing(&plain));
        let whole = plain.clone().with_differences(&base.state);
        let dialects = [
            ("peft", write_adapter(&plain, &config, "x", F32), Some(config.to_json())),
            ("peft alone", write_adapter(&plain, &config, "x", F32), None),
            ("diffusers", write_diffusers(&plain, &config, "x", F32), None),
            ("kohya", write_kohya(&whole, "x", F32), None),
            ("lycoris", write_lycoris(&whole, "x", F32), None),
        ];
        for (dialect, bytes, config) in dialects {
            let what = format!("{name} as {dialect}");
            match bytes {
                Ok(_)
                    if dialect == "peft alone"
                        && !plain.modules.values().all(|update| matches!(update.weight, Some(Change::Lora(_)))) => {}
                Ok(bytes) => {
                    let again = read_adapter(&bytes, config.as_deref(), &base.state);
                    let again = again.unwrap_or_else(|error| panic!("{what}: {error}"));
                    let off = off(&want, &compose(&base.state, [(&again, 1.0)], []), &base);
                    assert!(off <= 1e-6, "{what}: off by {off:e}");
                    written += 1;
                }
                Err(Error::Unwritable(reason)) => {
                    assert!(reason.to_string().contains("cannot write"), "{what}: {reason}");
                    // Whoever wrote it can write it.
                    let own = name.starts_with(dialect) || (dialect == "kohya" && name.starts_with("lycoris"));
                    assert!(!own || name == "diffusers/modules_to_save.safetensors", "{what}: {reason}");
                    refused.insert(what);
                }
                Err(error) => panic!("{what}: {error}"),
            }
        }
    }
    println!("{written} written and read again; no names: {refused:#?}");
    assert!(written >= 250);
}

fn folder(name: &str, base: &Base) -> Adapter {
    let path = fixture("adapters").join(name);
    let config = text(path.join("adapter_config.json"));
    read_adapter(&bytes(path.join("adapter_model.safetensors")), Some(&config), &base.state).unwrap()
}

#[test]
fn joining_is_what_peft_makes_of_two() {
    let base = base("tiny");
    let (a, b) = (folder("peft/lora", &base), folder("joined/second", &base));
    let both = [(&a, 0.7), (&b, -0.5)];
    let svd = resized(&joined_differences(&both, &base.state), &base.state, 2).adapter;
    let mut seen = 0;
    for (how, adapter) in
        [("linear", joined(&both, Join::Linear).unwrap()), ("cat", joined(&both, Join::Cat).unwrap()), ("svd", svd)]
    {
        let changed = compose(&base.state, [(&adapter, 1.0)], []);
        for (name, want) in tensors("adapters/joined/expected.safetensors") {
            let Some(path) = name.strip_prefix(&format!("{how}:")) else { continue };
            let name = format!("{path}.weight");
            let (got, pristine) = (&changed[&name].values, &base.state[&name].values);
            let got: Vec<f32> = got.iter().zip(pristine).map(|(w, pristine)| w - pristine).collect();
            assert_close(&format!("{how}: {path}"), &got, &want.values, 1e-6);
            seen += 1;
        }
    }
    assert!(seen >= 3 * 8);
    let patterned = folder("peft/lora_rslora", &base);
    let error = joined(&[(&a, 1.0), (&patterned, 1.0)], Join::Linear).unwrap_err();
    assert!(matches!(error, JoinError::Ranks { .. }), "{error}");
    let error = joined(&[(&a, 1.0), (&folder("peft/dora", &base), 1.0)], Join::Cat).unwrap_err();
    assert!(error.to_string().contains("DoRA"), "{error}");
}

#[test]
fn ranks_lose_what_numpy_says() {
    let base = base("tiny");
    let losses = json("adapters/joined/expected.json")["losses"].clone();
    for (case, modules) in losses.as_object().unwrap() {
        let adapter = folder(case, &base);
        for rank in [1, 2, 4] {
            let resized = resized(&adapter, &base.state, rank);
            for (path, ranks) in modules.as_object().unwrap() {
                let (want, got) = (ranks[rank.to_string()].as_f64().unwrap(), resized.losses[path].relative());
                assert!((got - want).abs() < 2e-5, "{case} {path} at {rank}: {got}, numpy {want}");
            }
            // The factors are those that were spoken of.
            let [whole, near] = [&adapter, &resized.adapter].map(|adapter| compose(&base.state, [(adapter, 1.0)], []));
            let squares = |name: &String| {
                whole[name].values.iter().zip(&near[name].values).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
            };
            let lost = modules.as_object().unwrap().keys().map(|path| squares(&format!("{path}.weight"))).sum::<f64>();
            let said = resized.loss();
            assert!((lost.sqrt() - said.lost).abs() <= 1e-5 * said.change, "{case}: {} {said:?}", lost.sqrt());
        }
    }
}

/// Whether PEFT makes tensors of these shapes for these layers by the configuration (`LoKrLayer.update_layer`).
fn are_shapes_of_peft(adapter: &Adapter, config: &PeftConfig, base: &Base) -> bool {
    assert_eq!(config.settings["decompose_both"], false);
    adapter.modules.iter().all(|(path, update)| {
        let Some(Change::Lokr(lokr)) = &update.weight else { return false };
        let weight = &base.state[&format!("{path}.weight")].shape;
        let rank = config.rank_pattern.matching(path).unwrap().copied().unwrap_or(config.r);
        let first = lokr.first.sides();
        let (n, m) = (weight[0] / first[0], weight[1] / first[1]);
        let kernel = &weight[2..];
        let windows = m * kernel.iter().product::<usize>();
        let wanted = if 2 * rank < n.max(m) {
            vec![vec![n, rank], vec![rank, windows]]
        } else {
            vec![[&[n, m], kernel].concat()]
        };
        let second: Vec<_> = lokr.second.tensors().iter().map(|tensor| tensor.shape.clone()).collect();
        lokr.first.tensors().len() == 1 && second == wanted
    })
}

#[test]
fn lokr_of_lycoris_is_cut_into_the_blocks_of_peft() {
    let base = base("tiny");
    let (mut written, mut refused) = (0, 0);
    for (name, adapter, config) in every_file(&base) {
        let is_lokr = adapter.modules.values().all(|update| matches!(update.weight, Some(Change::Lokr(_))));
        if !is_lokr || config.is_some() {
            continue;
        }
        let mut adapter = adapter;
        // Alphas of their own.
        for (i, update) in adapter.modules.values_mut().enumerate() {
            let Some(Change::Lokr(lokr)) = &mut update.weight else { continue };
            lokr.scaling *= [1.0, 1.5, 0.7][i % 3];
        }
        let want = compose(&base.state, [(&adapter, 1.0)], []);
        let (cut, config) = match in_blocks_of_peft(adapter, &base.state) {
            Ok(cut) => cut,
            Err(error) => {
                assert!(error.to_string().contains("decompose_factor"), "{name}: {error}");
                refused += 1;
                continue;
            }
        };
        println!("{name}: decompose_factor {}, r {}", config.settings["decompose_factor"], config.r);
        if name.contains("dora") {
            assert!(matches!(write_adapter(&cut, &config, "x", F32), Err(Error::Unwritable(_))), "{name}");
            continue;
        }
        assert!(are_shapes_of_peft(&cut, &config, &base), "{name}: {config:?}");
        let bytes = write_adapter(&cut, &config, "x", F32).unwrap();
        let again = read_adapter(&bytes, Some(&config.to_json()), &base.state).unwrap();
        let off = off(&want, &compose(&base.state, [(&again, 1.0)], []), &base);
        assert!(off <= 1e-6, "{name}: off by {off:e}");
        // Written once more it says the same.
        assert_eq!(config.clone().fitting(&again), config, "{name}");
        written += 1;
    }
    println!("{written} written, {refused} refused");
    assert!(written >= 5);
}
