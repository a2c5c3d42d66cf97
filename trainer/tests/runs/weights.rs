//! Weights and adapters as people publish them: shards, variants, other programs' files, and what is said of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use diffusion::quantize::origin;
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};

use crate::support::*;

/// A copy of the fixtures' tiny base without its weights.
fn tiny_without_weights(folder: &Folder, name: &str) -> String {
    let path = folder.path(name);
    for file in ["digit_diffusion.json", "unet/config.json", "scheduler/scheduler_config.json"] {
        let target = Path::new(&path).join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(fixture(&format!("unet/tiny/{file}")), target).unwrap();
    }
    path
}

/// The floats that a base draws.
fn drawn(folder: &Folder, base: &str, more: &[&str]) -> Vec<u8> {
    let raw = folder.path("raw.safetensors");
    let out = folder.path("x.png");
    let args = ["sample", "--base", base, "--label", "1", "--steps", "2", "--raw", &raw, "--out", &out];
    done(&[&args[..], more].concat());
    fs::read(raw).unwrap()
}

#[test]
fn a_shard_of_an_adapter_is_not_the_adapter() {
    let folder = Folder::new();
    let half = folder.path("half");
    fs::create_dir_all(&half).unwrap();
    let part = Path::new(&half).join("adapter_model-00001-of-00002.safetensors");
    fs::copy(fixture("lora/plain/adapter_model.safetensors"), part).unwrap();
    fs::copy(fixture("lora/plain/adapter_config.json"), Path::new(&half).join("adapter_config.json")).unwrap();
    assert!(refused(&["inspect", &half]).contains("in shards"));
}

#[test]
fn shards_and_variants_are_the_same_base() {
    let folder = Folder::new();
    let whole = fs::read(fixture(&format!("unet/tiny/{WEIGHTS}"))).unwrap();
    let want = drawn(&folder, &fixture("unet/tiny"), &[]);

    let variant = tiny_without_weights(&folder, "variant");
    let unet = Path::new(&variant).join("unet");
    fs::write(unet.join("diffusion_pytorch_model.fp16.safetensors"), &whole).unwrap();
    assert_eq!(drawn(&folder, &variant, &[]), want);
    fs::write(unet.join("diffusion_pytorch_model.non_ema.safetensors"), &whole).unwrap();
    let message = refused(&["inspect", &variant]);
    assert!(message.contains("several variants") && message.contains("non_ema"), "{message}");

    let sharded = tiny_without_weights(&folder, "sharded");
    let unet = Path::new(&sharded).join("unet");
    let mut parts = [BTreeMap::new(), BTreeMap::new()];
    let mut map = serde_json::Map::new();
    for (i, (name, tensor)) in read_tensors(&whole).unwrap().0.into_iter().enumerate() {
        map.insert(name.clone(), format!("diffusion_pytorch_model-{:05}-of-00002.safetensors", i % 2 + 1).into());
        parts[i % 2].insert(name, tensor);
    }
    let index = serde_json::json!({ "metadata": { "total_size": whole.len() }, "weight_map": map }).to_string();
    fs::write(unet.join("diffusion_pytorch_model.safetensors.index.json"), index).unwrap();
    for (i, part) in parts.iter().enumerate() {
        let bytes = write_tensors(part, Metadata::new(), Precision::F32).unwrap();
        fs::write(unet.join(format!("diffusion_pytorch_model-{:05}-of-00002.safetensors", i + 1)), bytes).unwrap();
    }
    assert_eq!(drawn(&folder, &sharded, &[]), want);
    assert!(done(&["inspect", &sharded]).contains("in 2 shards"));
    // As diffusers does, the shards are taken where an older file lies beside them.
    fs::write(unet.join("diffusion_pytorch_model.safetensors"), b"of another day").unwrap();
    assert_eq!(drawn(&folder, &sharded, &[]), want);
    fs::remove_file(unet.join("diffusion_pytorch_model-00002-of-00002.safetensors")).unwrap();
    assert!(refused(&["inspect", &sharded]).contains("diffusion_pytorch_model-00002-of-00002.safetensors"));

    let pickled = tiny_without_weights(&folder, "pickled");
    let unet = Path::new(&pickled).join("unet");
    assert!(refused(&["inspect", &pickled]).contains("has no unet/diffusion_pytorch_model.safetensors"));
    fs::write(unet.join("diffusion_pytorch_model.bin"), b"\x80\x02}q\x00X").unwrap();
    let message = refused(&["inspect", &pickled]);
    assert!(message.contains("diffusion_pytorch_model.bin: it is a pickle of PyTorch"), "{message}");
}

#[test]
fn what_others_heed_not_is_said() {
    let folder = Folder::new();
    let base = fixture("unet/tiny");
    let (mut tensors, _) = read_tensors(&fs::read(fixture("lora/kohya/plain.safetensors")).unwrap()).unwrap();
    tensors.retain(|name, _| !name.ends_with(".alpha"));
    let metadata = Metadata::from([("ss_network_alpha".into(), "0.5".into())]);
    let kohya = folder.path("kohya.safetensors");
    fs::write(&kohya, write_tensors(&tensors, metadata, Precision::F32).unwrap()).unwrap();
    let message = done(&["inspect", "--base", &base, &kohya]);
    assert!(message.contains("ss_network_alpha is 0.5") && message.contains("alpha is the rank (4)"), "{message}");
    let out = folder.path("x.png");
    let message = done(&["sample", "--base", &base, "--lora", &kohya, "--steps", "1", "--label", "1", "--out", &out]);
    assert!(message.contains("note: ") && message.contains("ss_network_alpha is 0.5"), "{message}");

    let written = folder.path("written.safetensors");
    let all = fixture("lora/all_linear");
    let message = done(&["convert", "--base", &base, "--lora", &all, "--to", "kohya", "--out", &written]);
    assert!(message.contains("warning: diffusers leaves encoder_hid_proj out"), "{message}");
    let plain = fixture("lora/plain");
    let message = done(&["convert", "--base", &base, "--lora", &plain, "--to", "kohya", "--out", &written]);
    assert!(!message.contains("warning"), "{message}");
}

#[test]
fn other_programs_adapters_are_converted_to_what_peft_loads() {
    let folder = Folder::new();
    let base = fixture("unet/tiny");
    for (name, from) in [("processors", "lora/processors.safetensors"), ("conv", "lora/conv")] {
        let out = folder.path(name);
        done(&["convert", "--base", &base, "--lora", &fixture(from), "--to", "peft", "--out", &out]);
        let (ours, theirs) =
            (drawn(&folder, &base, &["--lora", &out]), drawn(&folder, &base, &["--lora", &fixture(from)]));
        assert_eq!(ours, theirs, "{name}");
        let kohya = folder.path(&format!("{name}.safetensors"));
        done(&["convert", "--base", &base, "--lora", &out, "--to", "kohya", "--out", &kohya]);
        assert_eq!(drawn(&folder, &base, &["--lora", &kohya]), theirs, "{name} in kohya's names");
    }
    // A folder whose weights have a name of their own, and one that has to be converted first.
    let lone = folder.path("lone");
    fs::create_dir(&lone).unwrap();
    fs::copy(fixture("lora/processors.safetensors"), Path::new(&lone).join("last-000010.safetensors")).unwrap();
    assert!(done(&["inspect", "--base", &base, &lone]).contains("LoRA adapter"));
    let pickled = folder.path("pickled");
    fs::create_dir(&pickled).unwrap();
    fs::write(Path::new(&pickled).join("adapter_model.bin"), b"PK\x03\x04 adapter_model/data.pkl").unwrap();
    assert!(refused(&["inspect", "--base", &base, &pickled]).contains("a pickle of PyTorch"));
}

/// Patterns that overlap mean something else when PEFT has written them in alphabetical order.
#[test]
fn patterns_that_peft_could_not_load_are_written_as_paths() {
    let folder = Folder::new();
    let table = fs::read_to_string(fixture("lora/patterns.json")).unwrap();
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    let ordered = &table["ordered"];
    let base = fixture("unet/tiny");
    let (state, _) = read_tensors(&fs::read(fixture(&format!("unet/tiny/{WEIGHTS}"))).unwrap()).unwrap();
    let mut tensors = BTreeMap::new();
    for (path, module) in ordered["modules"].as_object().unwrap() {
        let shape = &state[&format!("{path}.weight")].shape;
        let rank = module["r"].as_u64().unwrap() as usize;
        for (part, shape) in [("A", [rank, shape[1]]), ("B", [shape[0], rank])] {
            let values = vec![0.1; shape.iter().product()];
            let tensor = diffusion::state::HostTensor { shape: shape.to_vec(), values };
            tensors.insert(format!("base_model.model.{path}.lora_{part}.weight"), tensor);
        }
    }
    let overlapping = folder.path("overlapping");
    fs::create_dir(&overlapping).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(Path::new(&overlapping).join(name), bytes).unwrap();
    write(ADAPTER, &write_tensors(&tensors, Metadata::new(), Precision::F32).unwrap());
    write("adapter_config.json", ordered["config"].as_str().unwrap().as_bytes());
    let out = folder.path("spelt-out");
    done(&["convert", "--base", &base, "--lora", &overlapping, "--to", "peft", "--out", &out]);
    let facts = |path: &str| -> serde_json::Value {
        serde_json::from_str(&done(&["inspect", "--base", &base, "--json", path])).unwrap()
    };
    assert_eq!(facts(&out)["modules"], facts(&overlapping)["modules"]);
    let config = fs::read_to_string(Path::new(&out).join("adapter_config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    for key in config["rank_pattern"].as_object().unwrap().keys() {
        assert!(key.contains(r"\.transformer_blocks\."), "{key}");
    }
}

/// What the page takes: the base and its adapters in fewer bits, known by what they were made from.
#[test]
fn quantized_exports_are_the_same_models_in_fewer_bytes() {
    let folder = Folder::new();
    let (models, adapter) = (folder.path("models"), fixture("lora/plain"));
    let export = |precision: &str| {
        let base = fixture("unet/tiny");
        done(&["export", "--base", &base, "--lora", &adapter, "--precision", precision, "--out", &models]);
        let manifest = fs::read(Path::new(&models).join("manifest.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&manifest).unwrap()
    };
    let path = |name: &str| Path::new(&models).join(name);
    let sides = [
        ("base/", WEIGHTS, "unet/diffusion_pytorch_model.quantized.safetensors"),
        ("lora/plain/", ADAPTER, "adapter_model.quantized.safetensors"),
    ];
    for precision in ["int6", "int8"] {
        let manifest = export(precision);
        for (entry, (inside, whole, packed)) in [&manifest["base"], &manifest["adapters"][0]].into_iter().zip(sides) {
            let (listed, file) = (&entry["files"][packed], fs::read(path(&format!("{inside}{packed}"))).unwrap());
            assert_eq!((&listed["in_place_of"], &listed["bytes"]), (&whole.into(), &file.len().into()));
            let from = origin(&file).unwrap().1;
            assert_eq!(entry["files"][whole]["sha256"], from.as_str(), "{precision} {packed}");
        }
    }
    let sum = export("int6")["base"]["files"][WEIGHTS]["sha256"].as_str().unwrap().to_owned();

    let alone = tiny_without_weights(&folder, "alone");
    let (_, _, packed) = sides[0];
    fs::copy(path(&format!("base/{packed}")), Path::new(&alone).join(packed)).unwrap();
    let message = done(&["inspect", &alone]);
    assert!(message.contains("to int6, from sha256") && message.contains(&sum), "{message}");
    let lora = path("lora/plain/adapter_model.quantized.safetensors").display().to_string();
    let message = done(&["inspect", "--base", &alone, &lora]);
    assert!(message.contains("to int6") && message.contains(&format!("{sum}, which is")), "{message}");
    let out = folder.path("x.png");
    let message = done(&["sample", "--base", &alone, "--lora", &lora, "--steps", "1", "--label", "1", "--out", &out]);
    assert!(!message.contains("warning"), "the adapter belongs to this base: {message}");
    assert_ne!(drawn(&folder, &alone, &[]), drawn(&folder, &format!("{models}/base"), &[]));

    // What an earlier export has written does not stay beside other weights.
    let manifest = export("f16");
    for (entry, (inside, whole, packed)) in [&manifest["base"], &manifest["adapters"][0]].into_iter().zip(sides) {
        assert!(entry["files"].get(whole).is_some() && entry["files"].get(packed).is_none());
        assert!(!path(&format!("{inside}{packed}")).exists());
    }
}
