//! Adapters of all kinds as files: dialects, ranks, joining, extracting, and files of which only a part fits.

use std::fs;
use std::path::Path;

use diffusion::state::StateDict;
use diffusion::tensors::read_tensors;
use serde_json::Value;

use crate::support::*;

fn tiny() -> String {
    fixture("unet/tiny")
}

fn json(args: &[&str]) -> Value {
    // Warnings follow on stderr.
    serde_json::from_str(done(&[args, &["--json", "--quiet"]].concat()).lines().next().unwrap()).unwrap()
}

/// What a base with an adapter weighs.
fn merged(folder: &Folder, lora: &str, name: &str) -> StateDict {
    let out = folder.path(name);
    done(&["merge", "--base", &tiny(), "--lora", lora, "--out", &out]);
    read_tensors(&fs::read(Path::new(&out).join(WEIGHTS)).unwrap()).unwrap().0
}

fn off(a: &StateDict, b: &StateDict) -> f32 {
    let differences = a.iter().flat_map(|(name, a)| a.values.iter().zip(&b[name].values).map(|(a, b)| (a - b).abs()));
    differences.fold(0.0, f32::max)
}

#[test]
fn an_adapter_goes_round_all_dialects() {
    let folder = Folder::new();
    let (base, from) = (tiny(), fixture("adapters/peft/lora_bias"));
    let want = merged(&folder, &from, "want");
    let mut last = from;
    for (to, out) in [("kohya", "a.safetensors"), ("diffusers", "b"), ("lycoris", "c.safetensors"), ("peft", "d")] {
        let path = folder.path(out);
        done(&["convert", "--base", &base, "--lora", &last, "--to", to, "--out", &path]);
        let off = off(&want, &merged(&folder, &path, to));
        assert!(off < 1e-6, "{to}: {off:e}");
        last = path;
    }
    assert!(Path::new(&folder.path("b")).join("pytorch_lora_weights.safetensors").is_file());

    // What a dialect has no names for.
    let (oft, out) = (fixture("adapters/peft/oft"), folder.path("oft"));
    let message = refused(&["convert", "--base", &base, "--lora", &oft, "--to", "kohya", "--out", &out]);
    assert!(message.contains("OFT") && message.contains("--rank N") && message.contains("merge"), "{message}");
    assert!(!Path::new(&out).exists());
    let convert = |precision: &str| {
        let out = folder.path(&format!("{precision}.safetensors"));
        let adapter = fixture("adapters/peft/loha");
        let args = ["convert", "--base", &base, "--lora", &adapter, "--to", "kohya", "--out", &out];
        done(&[&args[..], &["--precision", precision]].concat());
        (fs::metadata(&out).unwrap().len(), out)
    };
    let want = merged(&folder, &fixture("adapters/peft/loha"), "loha");
    for (precision, tolerance) in [("f32", 1e-6), ("f16", 1e-3), ("bf16", 1e-2), ("f8_e4m3", 0.2), ("f8_e5m2", 0.4)] {
        let (_, path) = convert(precision);
        let off = off(&want, &merged(&folder, &path, precision));
        assert!(off < tolerance && (precision == "f32" || off > tolerance / 1e3), "{precision}: {off:e}");
    }
}

#[test]
fn lokr_of_lycoris_becomes_a_folder_that_peft_cuts_so() {
    let folder = Folder::new();
    let base = tiny();
    for name in ["lokr", "lokr_full", "lokr_factor"] {
        let (from, out) = (fixture(&format!("adapters/lycoris/{name}.safetensors")), folder.path(name));
        done(&["convert", "--base", &base, "--lora", &from, "--to", "peft", "--out", &out]);
        let config: Value =
            serde_json::from_slice(&fs::read(Path::new(&out).join("adapter_config.json")).unwrap()).unwrap();
        assert_eq!((&config["peft_type"], &config["decompose_both"]), (&"LOKR".into(), &false.into()), "{config}");
        assert!(config["decompose_factor"].is_i64(), "{config}");
        let [want, got] =
            [(&from, "want"), (&out, "got")].map(|(path, end)| merged(&folder, path, &format!("{name}-{end}")));
        assert!(off(&want, &got) < 1e-6, "{name}: {:e}", off(&want, &got));
    }
}

#[test]
fn a_file_of_any_kind_is_described_without_its_base() {
    let folder = Folder::new();
    let nowhere = folder.path("nowhere");
    for (name, kind, needs) in [
        ("lycoris/lokr_tucker.safetensors", "LoKr", "which underscores"),
        ("kohya/boft.safetensors", "BOFT", "how much the weights change by BOFT"),
        ("peft/hra", "HRA", "how much the weights change by HRA"),
        ("peft/lora_bias", "LoRA", "whether its modules and shapes fit"),
    ] {
        let told = json(&["inspect", "--base", &nowhere, &fixture(&format!("adapters/{name}"))]);
        let known = json(&["inspect", "--base", &tiny(), &fixture(&format!("adapters/{name}"))]);
        for fact in ["kind", "rank", "tensors", "parameters"] {
            assert_eq!(told["facts"][fact], known["facts"][fact], "{name}: {fact}");
        }
        assert_eq!(told["facts"]["kind"], kind, "{told}");
        assert!(told["facts"]["needs the base"].as_str().unwrap().contains(needs), "{told}");
        assert!(known["facts"]["needs the base"].is_null(), "{known}");
        let modules = |told: &Value| told["modules"].as_array().unwrap().len();
        assert_eq!(modules(&told), modules(&known), "{name}");
    }
}

#[test]
fn any_kind_becomes_lora_of_a_rank() {
    let folder = Folder::new();
    let base = tiny();
    for (name, to) in [("peft/hra", "diffusers"), ("lycoris/norm.safetensors", "peft"), ("peft/pissa", "kohya")] {
        let (from, out) = (fixture(&format!("adapters/{name}")), folder.path(&format!("{to}-out")));
        let told = json(&["convert", "--base", &base, "--lora", &from, "--rank", "16", "--to", to, "--out", &out]);
        assert!(told["error"].as_f64().unwrap() < 1e-5, "16 is all that these layers have: {told}");
        let (want, got) = (merged(&folder, &from, &format!("{to}-a")), merged(&folder, &out, &format!("{to}-b")));
        if to == "peft" {
            assert!(told["left_out"].as_array().unwrap().iter().all(|name| name.as_str().unwrap().contains("norm")));
            assert!(told["left_out_share"].as_f64().unwrap() > 0.0, "{told}");
            assert!(off(&want, &got) > 1e-3);
        } else {
            assert!(off(&want, &got) < 1e-5, "{name}: {}", off(&want, &got));
        }
    }
    let (from, out) = (fixture("adapters/peft/loha"), folder.path("one"));
    let message = done(&["convert", "--base", &base, "--lora", &from, "--rank", "1", "--to", "peft", "--out", &out]);
    assert!(message.contains("rank 1: ") && message.contains("% of the change is lost"), "{message}");
}

#[test]
fn what_was_merged_is_extracted_and_several_become_one() {
    let folder = Folder::new();
    let (base, tuned, out) = (tiny(), folder.path("tuned"), folder.path("extracted"));
    let [first, second] = ["adapters/peft/lora", "adapters/joined/second"].map(fixture);
    let (first, second) = (format!("{first}:0.7"), format!("{second}:-0.5"));
    done(&["merge", "--base", &base, "--lora", &first, "--lora", &second, "--out", &tuned]);
    let told = json(&["extract", &base, &tuned, "--rank", "4", "--out", &out]);
    assert!(told["error"].as_f64().unwrap() < 1e-5 && told["rank"] == 4, "{told}");
    let want = read_tensors(&fs::read(Path::new(&tuned).join(WEIGHTS)).unwrap()).unwrap().0;
    assert!(off(&want, &merged(&folder, &out, "again")) < 1e-5);
    assert!(refused(&["extract", &base, &base, "--rank", "4", "--out", &out]).contains("the same weights"));
    let uneven = fixture("unet/uneven");
    assert!(refused(&["extract", &base, &uneven, "--rank", "4", "--out", &out]).contains("not the same network"));

    let both = ["convert", "--base", &base, "--lora", &first, "--lora", &second, "--to", "peft"];
    let out = folder.path("joined");
    assert!(refused(&[&both[..], &["--out", &out]].concat()).contains("--join: cat is exact"));
    done(&[&both[..], &["--out", &out, "--join", "cat"]].concat());
    assert!(off(&want, &merged(&folder, &out, "cat")) < 1e-5);
    let told = json(&[&both[..], &["--out", &folder.path("svd"), "--join", "svd", "--rank", "4"]].concat());
    assert!(told["error"].as_f64().unwrap() < 1e-5, "{told}");
    assert!(off(&want, &merged(&folder, &folder.path("svd"), "svd-merged")) < 1e-5);
    let loha = fixture("adapters/peft/loha");
    let mixed = ["convert", "--base", &base, "--lora", &first, "--lora", &loha, "--to", "peft", "--out", &out];
    let message = refused(&[&mixed[..], &["--join", "linear"]].concat());
    assert!(message.contains("LoHa") && message.contains("SVD"), "{message}");
}

#[test]
fn what_fits_is_used_where_that_is_asked_for() {
    let folder = Folder::new();
    let (base, out) = (tiny(), folder.path("x.png"));
    let file = fixture("adapters/kohya/locon_text_encoder.safetensors");
    let draw = ["sample", "--base", &base, "--lora", &file, "--steps", "1", "--label", "1", "--out", &out];
    let message = refused(&draw);
    assert!(message.contains("text encoder") && message.contains("--partial uses the "), "{message}");
    let message = done(&[&draw[..], &["--partial"]].concat());
    assert!(message.contains("tensors are used; left out: lora_te"), "{message}");
    let told = json(&["inspect", "--base", &base, &file]);
    assert!(told["facts"]["refused"].as_str().unwrap().contains("text encoder"), "{told}");
    assert!(told["unused"][0]["tensors"][0].as_str().unwrap().starts_with("lora_te"), "{told}");
    assert!(!told["facts"]["tensors"].as_str().unwrap().starts_with("0 of"), "{told}");
    assert!(done(&["inspect", "--base", &base, &file]).contains("not used: lora_te"));
}
