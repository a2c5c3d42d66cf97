//! `rank_pattern`, `alpha_pattern` and targets: what PEFT and Python's `re` make of them (`lora/patterns.json`).

use diffusion::adapter::{Adapter, LoraFactors};
use diffusion::peft::{Patterns, PeftConfig, read_adapter, write_adapter};
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Metadata, Precision, write_tensors};
use serde_json::{Value, json};

use crate::support::*;

fn filled(shape: &[usize]) -> HostTensor {
    HostTensor { shape: shape.to_vec(), values: vec![0.5; shape.iter().product()] }
}

/// Paths without the words that a compiled network has in them.
fn plain(path: &str) -> String {
    path.replace("_orig_mod.", "")
}

#[test]
fn patterns_match_what_re_matches() {
    let table = json("lora/patterns.json");
    let paths: Vec<&str> = table["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    let patterns = table["patterns"].as_object().unwrap();
    let (mut matched, mut refused) = (0, 0);
    for (pattern, results) in patterns {
        let one: Patterns<usize> = [(pattern.clone(), 1)].into_iter().collect();
        for (path, want) in paths.iter().zip(results.as_array().unwrap()) {
            let got = one.matching(path).map(|value| value.is_some());
            match want.as_bool() {
                Some(want) => assert_eq!(got.unwrap(), want, "{pattern} on {path}"),
                None => drop(assert_refused(&format!("{pattern} on {path}"), got.map(drop), &["is not a pattern"])),
            }
            matched += usize::from(want.as_bool() == Some(true));
            refused += usize::from(want.is_null());
        }
    }
    assert!(matched > 80 && refused > 150, "{matched} matched, {refused} refused");
}

/// Backtracking has no end in sight for some patterns: they are refused, and quickly.
#[test]
fn patterns_that_take_too_long_are_refused() {
    let path = format!("{}b", "a".repeat(60));
    for pattern in
        ["(a+)+c", "(a|a)*c", "(?:a{0,50}){0,50}c", "(?:(?:(?:a*)*)*)*c", &"(".repeat(5000), "(?:){999999}(a{9}){9999}"]
    {
        let one: Patterns<usize> = [(pattern.to_owned(), 1)].into_iter().collect();
        assert_refused(&pattern[..pattern.len().min(40)], one.matching(&path), &["is not a pattern"]);
    }
}

#[test]
fn the_first_pattern_of_the_file_counts() {
    let ordered = &json("lora/patterns.json")["ordered"];
    let text = ordered["config"].as_str().unwrap();
    let base = base("tiny");
    let modules = ordered["modules"].as_object().unwrap();
    let adapter = |modules: &serde_json::Map<String, Value>| {
        let factors = |(path, want): (&String, &Value)| {
            let [out, inner] = base.state[&format!("{path}.weight")].shape[..] else { panic!("{path}") };
            let rank = want["r"].as_u64().unwrap() as usize;
            let scaling = want["scaling"].as_f64().unwrap() as f32;
            let factors = LoraFactors { a: filled(&[rank, inner]), b: filled(&[out, rank]), scaling };
            (path.clone(), factors.into())
        };
        Adapter { modules: modules.iter().map(factors).collect(), ..Adapter::default() }
    };
    let want = adapter(modules);
    let config = PeftConfig::from_json(text).unwrap();
    let file = write_adapter(&want, &config, "", Precision::F32).unwrap();
    let same = |got: &Adapter, what: &str| {
        assert!(got.modules.keys().eq(want.modules.keys()), "{what}");
        for (path, factors) in factors(&want) {
            assert_relatively_close(
                &format!("{what}: {path}"),
                &[lora(&got.modules[path]).scaling],
                &[factors.scaling],
                1e-6,
            );
        }
    };
    same(&read_adapter(&file, Some(text), &base.state).unwrap(), "the folder");
    same(&read_adapter(&file, None, &base.state).unwrap(), "the lone file");
    assert_eq!(PeftConfig::from_json(&config.to_json()).unwrap(), config, "the order is written");

    // PEFT writes its patterns in alphabetical order, and could not load the ranks of this one then. What is written
    // here can be read in any order.
    let fitting = config.clone().fitting(&want);
    assert_ne!(fitting, config);
    let mut reversed: Vec<(String, f32)> =
        fitting.alpha_pattern.iter().map(|(key, alpha)| (key.into(), *alpha)).collect();
    reversed.reverse();
    let reversed = PeftConfig { alpha_pattern: reversed.into_iter().collect(), ..fitting.clone() };
    for config in [&fitting, &reversed] {
        let text = config.to_json();
        same(&read_adapter(&file, Some(&text), &base.state).unwrap(), "spelt out");
        for (path, factors) in factors(&want) {
            let rank = config.rank_pattern.matching(path).unwrap().copied().unwrap_or(config.r);
            assert_eq!(rank, factors.rank(), "{path}");
        }
    }
    // What is no conflict stays as it was.
    let plain = PeftConfig::from_json(&crate::lora::adapter_config("patterned")).unwrap();
    let adapter = read_adapter(&crate::lora::adapter_file("patterned"), Some(&plain.to_json()), &base.state).unwrap();
    assert_eq!(plain.clone().fitting(&adapter), plain);
}

#[test]
fn modules_that_the_settings_leave_out_are_refused_as_peft_leaves_them_out() {
    let table = json("lora/patterns.json");
    let paths = table["paths"].as_array().unwrap();
    for entry in table["targets"].as_array().unwrap() {
        let mut config = entry["config"].clone();
        for (key, value) in [("r", 2), ("lora_alpha", 4)] {
            config[key] = json!(value);
        }
        for (path, found) in paths.iter().zip(entry["found"].as_array().unwrap()) {
            let path = path.as_str().unwrap();
            let base = StateDict::from([(format!("{}.weight", plain(path)), filled(&[4, 4]))]);
            let factors = StateDict::from([
                (format!("base_model.model.{path}.lora_A.weight"), filled(&[2, 4])),
                (format!("base_model.model.{path}.lora_B.weight"), filled(&[4, 2])),
            ]);
            let file = write_tensors(&factors, Metadata::new(), Precision::F32).unwrap();
            let result = read_adapter(&file, Some(&config.to_string()), &base);
            let what = format!("{} on {path}", entry["config"]);
            match found.as_bool().unwrap() {
                true => assert_eq!(result.unwrap().modules.len(), 1, "{what}"),
                false => drop(assert_refused(&what, result, &[path, "leaves it out"])),
            }
        }
    }
}
