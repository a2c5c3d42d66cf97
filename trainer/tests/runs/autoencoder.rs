//! Runs of an autoencoder: the same bytes after a kill and a resume, and what it makes of pictures.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::*;

const VAE: &str = "vae/diffusion_pytorch_model.safetensors";
const VAE_CONFIG: &str = "vae/config.json";

/// A tiny network on digits in ink; a checkpoint after every second step.
fn autoencoder_run(out: &str, steps: &str) -> Vec<String> {
    let data = fixture("mnist-64.idx3");
    let args =
        ["autoencoder", "--data", &data, "--ink", "--image-size", "16", "--channels", "8,8", "--norm-groups", "4"];
    let more = ["--batch-size", "6", "--micro-batch", "2", "--max-train-steps", steps, "--save-every", "2"];
    let last = ["--sample-every", "0", "--log-every", "1", "--out", out];
    args.into_iter().chain(more).chain(last).map(str::to_owned).collect()
}

#[test]
fn a_run_that_was_resumed_writes_the_bytes_of_one_that_was_not() {
    let folder = Folder::new();
    let (whole, half) = (folder.path("whole"), folder.path("half"));
    done(&strs(&with(&autoencoder_run(&whole, "6"), &["--threads", "1"])));
    // The learning rate depends on the length, so a run is killed, not made shorter.
    let mut child = trainer(&strs(&autoencoder_run(&half, "6"))).spawn().unwrap();
    wait_for(&Path::new(&half).join(CHECKPOINT), &mut child);
    let _ = child.kill();
    let _ = child.wait();
    let again = with(&autoencoder_run(&half, "6"), &["--resume"]);
    let message = refused(&strs(&with(&again, &["--kl-weight", "0.5"])));
    assert!(message.contains("kl_weight"), "{message}");
    let message = refused(&strs(&with(&again, &["--snr-gamma", "1"])));
    assert!(message.contains("--snr-gamma"), "{message}");
    done(&strs(&again));
    for name in [VAE, VAE_CONFIG, &format!("last/{VAE}")] {
        let read = |dir: &str| fs::read(Path::new(dir).join(name)).unwrap();
        assert!(read(&whole) == read(&half), "{name}");
    }
    assert!(done(&strs(&again)).contains("nothing is left to do"));
    assert!(refused(&strs(&autoencoder_run(&half, "6"))).contains("already holds a run"));
    let lines = fs::read_to_string(Path::new(&half).join("metrics.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 6, "{lines}");

    let told = done(&["inspect", &half]);
    assert!(told.contains("AutoencoderKL") && told.contains("4 channels for 2 x 2 pixels"), "{told}");
    assert!(done(&["inspect", &format!("{half}/{CHECKPOINT}")]).contains("an autoencoder"));

    let config: Value = serde_json::from_slice(&fs::read(Path::new(&half).join(VAE_CONFIG)).unwrap()).unwrap();
    assert_ne!(config["scaling_factor"], 1.0, "it was measured");
    // A base's run, and none at all.
    let message = refused(&["base", "--resume", "--data", &fixture("mnist-64.idx3"), "--out", &half]);
    assert!(message.contains("no base folder"), "{message}");
    let message = refused(&["reconstruct", "--autoencoder", &folder.path("nowhere")]);
    assert!(message.contains("vae/config.json is missing"), "{message}");
}

#[test]
fn training_makes_reconstructions_more_like_their_originals() {
    let folder = Folder::new();
    let out = folder.path("grey");
    let data = fixture("mnist-64.idx3");
    let common = ["--data", &data, "--channels", "8,8", "--norm-groups", "4", "--out", &out, "--batch-size", "8"];
    let message = done(&[&["autoencoder"][..], &common, &["--max-train-steps", "40", "--sample-every", "40"]].concat());
    assert!(message.contains("in grey") && message.contains("PSNR"), "{message}");
    assert!(Path::new(&out).join("samples/step-000040.png").is_file());
    let sheet = folder.path("sheet.png");
    let measured = |count: &str| -> Value {
        let args = ["reconstruct", "--autoencoder", &out, "--data", &data, "--count", count, "--json", "--out", &sheet];
        let printed = String::from_utf8(trainer(&args).output().unwrap().stdout).unwrap();
        serde_json::from_str(printed.lines().last().unwrap()).unwrap()
    };
    let found = measured("20");
    assert_eq!(found["pictures"], 20);
    // Black paper alone has 10 dB.
    assert!(found["psnr"].as_f64().unwrap() > 11.0, "{found}");
    assert!(Path::new(&sheet).is_file());
    let message = refused(&["reconstruct", "--autoencoder", &out, "--data", &data, "--ink"]);
    assert!(message.contains("3 channels"), "{message}");
    let config = fs::read_to_string(Path::new(&out).join("config.toml")).unwrap();
    assert!(config.contains("[autoencoder]") && config.contains("ink = false"), "{config}");
    // Its own configuration repeats it.
    let again = folder.path("again");
    let toml = Path::new(&out).join("config.toml").display().to_string();
    done(&["autoencoder", "--config", &toml, "--out", &again]);
    let read = |dir: &str| fs::read(Path::new(dir).join(VAE)).unwrap();
    assert!(read(&out) == read(&again));
}
