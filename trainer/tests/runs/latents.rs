//! A base behind an autoencoder: trained on latents that are encoded once, drawn with, and refused where it is not taken.

use std::fs;
use std::path::Path;

use crate::support::*;

const LATENTS: &str = "latents.safetensors";

/// A tiny autoencoder of grey digits.
fn autoencoder(out: &str) {
    let data = fixture("mnist-64.idx3");
    let args = ["autoencoder", "--data", &data, "--channels", "8,8", "--norm-groups", "4", "--batch-size", "8"];
    done(&[&args[..], &["--max-train-steps", "4", "--sample-every", "0", "--out", out]].concat());
}

#[test]
fn a_base_is_trained_and_drawn_behind_an_autoencoder() {
    let folder = Folder::new();
    let [vae, whole, half] = ["vae", "whole", "half"].map(|name| folder.path(name));
    autoencoder(&vae);
    let run = |out: &str| with(&base_run(out, "6"), &["--autoencoder", &vae]);
    let message = done(&strs(&with(&run(&whole), &["--threads", "1"])));
    assert!(message.contains("encoded, once"), "{message}");
    let info = fs::read_to_string(Path::new(&whole).join("digit_diffusion.json")).unwrap();
    assert!(info.contains("\"latent_channels\": 4") && info.contains("\"image_size\": 28"), "{info}");
    let schedule = fs::read_to_string(Path::new(&whole).join("scheduler/scheduler_config.json")).unwrap();
    assert!(schedule.contains("\"clip_sample\": false"), "{schedule}");

    // Resumed: from the file of latents, with the copy of the autoencoder in the run's folder, to the same bytes.
    let mut child = trainer(&strs(&run(&half))).spawn().unwrap();
    wait_for(&Path::new(&half).join(CHECKPOINT), &mut child);
    let _ = child.kill();
    let _ = child.wait();
    let away = folder.path("away");
    fs::rename(&vae, &away).unwrap();
    let message = done(&["base", "--resume", "--out", &half]);
    assert_eq!(message.matches("encoded, once").count(), 1, "the held-out pictures alone: {message}");
    for name in [WEIGHTS, LATENTS, "vae/diffusion_pytorch_model.safetensors"] {
        let read = |dir: &str| fs::read(Path::new(dir).join(name)).unwrap();
        assert!(read(&whole) == read(&half), "{name}");
    }

    let (sheet, strip) = (folder.path("sheet.png"), folder.path("strip.png"));
    done(&["sample", "--base", &whole, "--label", "1,2", "--steps", "3", "--out", &sheet]);
    done(&["sample", "--base", &whole, "--label", "1", "--steps", "3", "--filmstrip", "--out", &strip]);
    assert!(Path::new(&sheet).is_file() && Path::new(&strip).is_file());
    assert!(done(&["inspect", &whole]).contains("encoded by 2"));

    // Adapters are learnt on latents, too, and measured against pictures as they are.
    let lora = folder.path("lora");
    let message = done(&strs(&without(&lora_run(&whole, &lora, "2"), &["--lora-dropout"])));
    assert!(message.contains("encoded, once"), "{message}");
    assert!(Path::new(&lora).join(LATENTS).is_file());
    let (data, judges, report) = (fixture("mnist-64.idx3"), folder.path("judges"), folder.path("report"));
    let eval = ["eval", "--base", &whole, "--lora", &lora, "--data", &data, "--count", "20", "--measure", "accuracy"];
    let message = done(&[&eval[..], &["--judges", &judges, "--out", &report]].concat());
    assert!(message.contains("read as asked"), "{message}");

    // The page gets the autoencoder with the base, and so does diffusers.
    let models = folder.path("models");
    done(&["export", "--base", &whole, "--lora", &lora, "--out", &models]);
    let manifest = json(&models, "manifest.json");
    for file in ["vae/config.json", "vae/diffusion_pytorch_model.safetensors"] {
        let bytes = fs::read(Path::new(&models).join("base").join(file)).unwrap();
        assert_eq!(manifest["base"]["files"][file]["bytes"], bytes.len(), "{file}");
    }
    assert_eq!(json(&models, "base/model_index.json")["vae"][1], "AutoencoderKL");

    // What does not take such a base says so.
    fs::rename(&away, &vae).unwrap();
    let message = refused(&strs(&with(&run(&folder.path("augmented")), &["--augment", "1"])));
    assert!(message.contains("--augment"), "{message}");
}

#[test]
fn media_are_learnt_measured_and_exported_as_a_further_base() {
    let folder = Folder::new();
    let [mnist, vae, base, chalk, models] = ["mnist", "vae", "base", "chalk", "models"].map(|name| folder.path(name));
    fs::create_dir(&mnist).unwrap();
    for split in ["train", "t10k"] {
        for (from, to) in [("mnist-64.idx3", "images-idx3"), ("mnist-64.idx1", "labels-idx1")] {
            fs::copy(fixture(from), Path::new(&mnist).join(format!("{split}-{to}-ubyte"))).unwrap();
        }
    }
    let data = ["--mnist", &mnist, "--hold-out", "8", "--batch-size", "8", "--sample-every", "0"];
    let run = |args: &[&str]| done(&[args, &data, &["--max-train-steps", "2"]].concat());
    let network = ["--image-size", "32", "--channels", "8,8", "--norm-groups", "4"];
    let message = run(&[&["autoencoder", "--crop", "16", "--out", &vae][..], &network].concat());
    assert!(message.contains("32x32 in colour"), "{message}");
    done(&["autoencoder", "--out", &vae, "--resume", "--crop", "0", "--max-train-steps", "3"]);
    let message = refused(&[
        "autoencoder",
        "--crop",
        "34",
        "--image-size",
        "32",
        "--mnist",
        &mnist,
        "--hold-out",
        "8",
        "--out",
        &models,
    ]);
    assert!(message.contains("crop must be a multiple of 4, or 0 for whole pictures, not 34"), "{message}");

    // What latents look like is measured from the pictures: a row for each of red, green and blue.
    run(&["base", "--autoencoder", &vae, "--channels", "8,16", "--out", &base]);
    let rows = json(&base, "digit_diffusion.json")["latent_rgb"].as_array().unwrap().clone();
    assert_eq!(rows.iter().map(|row| row.as_array().unwrap().len()).collect::<Vec<_>>(), [5, 5, 5]);
    run(&["lora", "--base", &base, "--data", "chalk", "--out", &chalk]);

    let (judges, report) = (folder.path("judges"), folder.path("report"));
    let eval =
        ["eval", "--base", &base, "--lora", &chalk, "--each", "--count", "20", "--steps", "2", "--mnist", &mnist];
    let message = done(&[&eval[..], &["--judges", &judges, "--out", &report]].concat());
    assert!(message.contains("judge of media") && message.contains("chalk, by the autoencoder"), "{message}");

    fs::create_dir(&models).unwrap();
    let ink = format!("{models}/ink");
    let export = ["export", "--base", &base, "--lora", &chalk, "--out", &ink, "--beside", &models];
    assert!(refused(&export).contains("manifest.json"));
    fs::write(Path::new(&models).join("manifest.json"), r#"{ "base": {}, "adapters": [] }"#).unwrap();
    let message = refused(&["export", "--base", &base, "--out", &models, "--beside", &ink]);
    assert!(message.contains("--beside") && message.contains("within it"), "{message}");
    done(&export);
    done(&export);
    let listed = json(&models, "manifest.json")["bases"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!((&listed[0]["path"], &listed[0]["title"]), (&"ink/".into(), &"Ink".into()));
    assert!(listed[0]["image_size"] == 32 && listed[0]["channels"] == 3);
    let manifest = json(&ink, "manifest.json");
    let files = manifest["base"]["files"].as_object().unwrap();
    let taken = files.iter().filter(|(name, _)| *name != WEIGHTS).filter_map(|(_, file)| file["bytes"].as_u64());
    assert_eq!(listed[0]["bytes"], taken.sum::<u64>());
    assert_eq!(
        (&manifest["adapters"][0]["title"], &manifest["adapters"][0]["name"]),
        (&"Chalk".into(), &"chalk".into())
    );

    let shipped = fixture("../../www/models/base");
    let message =
        refused(&["lora", "--data", "chalk", "--base", &shipped, "--mnist", &mnist, "--out", &folder.path("other")]);
    assert!(message.contains("behind an autoencoder"), "{message}");
    let message = refused(&["lora", "--data", "chlak", "--base", &base, "--out", &folder.path("other")]);
    assert!(message.contains("chalk") && message.contains("watercolour"), "{message}");
}

fn json(folder: &str, file: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(Path::new(folder).join(file)).unwrap()).unwrap()
}
