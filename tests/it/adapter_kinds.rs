//! Adapters of every kind that PEFT and LyCORIS write, against the weights that those tools make of them.

use std::collections::BTreeMap;

use diffusion::adapter::{Adapter, compose};
use diffusion::peft::read_adapter;
use diffusion::state::StateDict;
use diffusion::Base;
use serde_json::Value;

use crate::support::*;

/// Largest difference, relative to the tool's largest value in the tensor.
const CLOSE: f32 = 1e-5;

fn cases() -> BTreeMap<String, Value> {
    serde_json::from_value(json("adapters/expected.json")["cases"].clone()).unwrap()
}

/// The adapter of a folder or a file.
fn read(path: &str, base: &Base) -> diffusion::Result<Adapter> {
    let path = fixture(&format!("adapters/{path}"));
    if path.is_dir() {
        let config = text(path.join("adapter_config.json"));
        read_adapter(&bytes(path.join("adapter_model.safetensors")), Some(&config), &base.state)
    } else {
        read_adapter(&bytes(path), None, &base.state)
    }
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

#[test]
fn every_kind_gives_the_weights_that_its_tool_makes() {
    let base = base("tiny");
    let mut merged: BTreeMap<String, StateDict> = BTreeMap::new();
    let (mut kinds, mut files, mut used) = (std::collections::BTreeSet::new(), 0, 0);
    for (name, case) in cases() {
        let tool = case["tool"].as_str().unwrap().to_owned();
        let expected =
            merged.entry(tool.clone()).or_insert_with(|| tensors(&format!("adapters/{tool}.safetensors")));
        let want = |strength: &str| -> BTreeMap<&str, &[f32]> {
            let start = format!("{name}{strength}:");
            let of_case = expected.iter().filter_map(|(key, tensor)| Some((key.strip_prefix(&start[..])?, &tensor.values[..])));
            of_case.collect()
        };
        for file in case["files"].as_array().unwrap() {
            let file = file.as_str().unwrap();
            let adapter = read(file, &base).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(adapter.unused, [], "{file}");
            assert_eq!(adapter.used as u64, case["tensors"].as_u64().unwrap(), "{file}: every tensor is used");
            let off = assert_same(file, &compose(&base.state, [(&adapter, 1.0)], []), &want(""), &base);
            println!("{file}: {}, off by {off:e}", adapter.kinds().join(", "));
            if case["at_half"] == true {
                let half = compose(&base.state, [(&adapter, 0.5)], []);
                assert_same(&format!("{file} at 0.5"), &half, &want("@0.5"), &base);
            }
            files += 1;
            used += adapter.used;
        }
        kinds.insert(case["kind"].as_str().unwrap().to_owned());
    }
    println!("{} kinds, {files} files, {used} tensors, all used: {kinds:?}", kinds.len());
}
