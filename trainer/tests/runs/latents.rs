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

    // What does not take such a base says so.
    let message = refused(&["export", "--base", &whole, "--out", &folder.path("models")]);
    assert!(message.contains("behind an autoencoder"), "{message}");
    let lora = strs(&lora_run(&whole, &folder.path("lora"), "2")).join(" ");
    let message = refused(&lora.split(' ').collect::<Vec<_>>());
    assert!(message.contains("behind an autoencoder"), "{message}");
    fs::rename(&away, &vae).unwrap();
    let message = refused(&strs(&with(&run(&folder.path("augmented")), &["--augment", "1"])));
    assert!(message.contains("--augment"), "{message}");
}
