//! The weights in the repository against diffusers and PEFT, and against their own manifest.

use std::path::{Path, PathBuf};

use diffusion::quantize::origin;
use diffusion::state::StateDict;
use diffusion::tensors::read_tensors;
use diffusion::{Backend, Model, Request, SamplerKind};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::*;

/// All models together that a page takes, so that it stays small.
const MOST_BYTES: u64 = 2 * 1024 * 1024;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models")
}

fn manifest() -> Value {
    let path = models().join("manifest.json");
    assert!(
        path.exists(),
        "there are no shipped weights: train them and run `cargo run --release -p trainer -- export` to make www/models"
    );
    serde_json::from_str(&text(path)).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One line of the manifest: a folder and its weights file.
struct Entry {
    name: String,
    folder: PathBuf,
    weights: PathBuf,
    listing: Value,
}

fn entries(manifest: &Value) -> Vec<Entry> {
    let entry = |name: &str, listing: &Value, file: &str| {
        let folder = models().join(listing["path"].as_str().unwrap());
        Entry { name: name.to_owned(), weights: folder.join(file), folder, listing: listing.clone() }
    };
    let mut entries = vec![entry("base", &manifest["base"], "unet/diffusion_pytorch_model.safetensors")];
    for adapter in manifest["adapters"].as_array().unwrap() {
        entries.push(entry(adapter["name"].as_str().unwrap(), adapter, "adapter_model.safetensors"));
    }
    entries
}

/// The fixture, which must have been made from exactly these weights.
fn expected(entries: &[Entry]) -> (StateDict, Value) {
    const AGAIN: &str = "run `python tests/fixtures/make_fixtures.py shipped` (its docstring tells what it needs)";
    let path = fixture("shipped.safetensors");
    assert!(path.exists(), "tests/fixtures/shipped.safetensors is missing: {AGAIN}");
    let (tensors, metadata) = read_tensors(&bytes(path)).unwrap();
    let about: Value = serde_json::from_str(&metadata["about"]).unwrap();
    for entry in entries {
        let made_from = about["sha256"][&entry.name].as_str();
        let now = sha256(&bytes(&entry.weights));
        assert_eq!(made_from, Some(&now[..]), "shipped.safetensors was made from another {}: {AGAIN}", entry.name);
    }
    (tensors, about)
}

#[test]
fn the_manifest_describes_the_files() {
    let manifest = manifest();
    assert_eq!(manifest["format"], "digit-diffusion/1");
    let entries = entries(&manifest);
    assert!(entries.len() > 1, "at least one adapter is shipped");
    let mut total = 0;
    for entry in &entries {
        let files = entry.listing["files"].as_object().unwrap();
        let replaced: Vec<&Value> = files.values().map(|listed| &listed["in_place_of"]).collect();
        for (path, listed) in files {
            let file = bytes(entry.folder.join(path));
            assert_eq!(listed["bytes"], file.len(), "{} {path}", entry.name);
            assert_eq!(listed["sha256"], sha256(&file), "{} {path}", entry.name);
            if let Some(other) = listed["in_place_of"].as_str() {
                let (_, from) = origin(&file).unwrap();
                assert_eq!(
                    from,
                    files[other]["sha256"].as_str().unwrap(),
                    "{} {path}: made from another {other}",
                    entry.name
                );
            }
            total += if replaced.contains(&&Value::from(path.as_str())) { 0 } else { file.len() as u64 };
        }
    }
    assert!(total <= MOST_BYTES, "the models have {total} bytes, more than {MOST_BYTES}");
    let base_sha256 = sha256(&bytes(&entries[0].weights));
    for adapter in &entries[1..] {
        assert_eq!(adapter.listing["base_sha256"], base_sha256, "{} was trained on another base", adapter.name);
    }
    println!("{} folders, {total} bytes", entries.len());
}

#[test]
fn forwards_and_pictures_are_those_of_diffusers_and_peft() {
    let entries = entries(&manifest());
    let (file, about) = expected(&entries);
    assert_eq!(about["sampler"], "dpm++2m");
    let base = Folder::open(&entries[0].folder).read().unwrap();
    let patches = base.info.patches();

    for (device_name, backend) in backends() {
        let mut model = Model::new(base.clone(), backend.clone()).unwrap();
        for entry in &entries {
            let (name, what) = (&entry.name, format!("{} on {device_name}", entry.name));
            if name != "base" {
                let config = text(entry.folder.join("adapter_config.json"));
                model.add_adapter(name, &bytes(&entry.weights), Some(&config)).unwrap();
                model.set_adapters([(name.clone(), 1.0)].into()).unwrap();
            }
            let (timesteps, rows) = (&file["timestep"].values, labels(&file["label"]));
            let got = model.predict(&file["sample"], timesteps, &rows).unwrap();
            let forward_off = assert_close(&what, &got, &file[&format!("{name}.output")].values, 1e-4);

            // The whole run where people draw.
            if !matches!(backend, Backend::Cpu) {
                println!("shipped {what}: forward {forward_off:e}");
                continue;
            }
            let request = Request {
                labels: labels(&file["run_label"]),
                seeds: vec![0; 2],
                num_inference_steps: about["num_inference_steps"].as_u64().unwrap() as usize,
                sampler: SamplerKind::DpmPlusPlus2M,
                timestep_spacing: None,
                guidance_scale: about["guidance_scale"].as_f64().unwrap() as f32,
                guidance_start: 0.0,
                guidance_stop: 1.0,
                guidance_eta: 1.0,
                eta: 0.0,
                latents: Some(file["noise"].values.clone()),
                attention: false,
            };
            let last = model.generate(request).unwrap().last().unwrap().unwrap();
            let images: Vec<f32> = last.sample.chunks(patches.len()).flat_map(|x| patches.decode(x)).collect();
            let off = assert_close(&what, &images, &file[&format!("{name}.images")].values, 1e-3);
            println!("shipped {what}: forward {forward_off:e}, pictures {off:e}");
        }
    }
}
