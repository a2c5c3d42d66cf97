//! Runs are resumed with the settings they were started with, and nothing is overwritten.

use std::fs;
use std::path::Path;

use crate::support::*;

#[test]
fn a_run_goes_on_as_it_was_started_or_not_at_all() {
    let folder = Folder::new();
    let (base, other, whole, half) =
        (folder.path("base"), folder.path("other"), folder.path("whole"), folder.path("half"));
    done(&strs(&base_run(&base, "4")));
    done(&strs(&with(&base_run(&other, "4"), &["--seed", "5"])));
    let odd = ["--use-rslora", "--alpha", "16", "--hold-out", "3"];
    done(&strs(&with(&without(&lora_run(&base, &whole, "60"), &["--alpha"]), &odd)));

    let started = with(&without(&lora_run(&base, &half, "60"), &["--alpha"]), &odd);
    let mut child = trainer(&strs(&started)).spawn().unwrap();
    wait_for(&Path::new(&half).join(CHECKPOINT), &mut child);
    let _ = child.kill();
    assert!(!child.wait().unwrap().success(), "it was to be killed half way");
    let again = with(&started, &["--resume"]);
    let message = refused(&strs(&with(&without(&again, &["--alpha"]), &["--alpha", "8"])));
    assert!(message.contains("alpha 16.0, not 8.0"), "{message}");
    let message = refused(&strs(&with(&without(&again, &["--rank"]), &["--rank", "3"])));
    assert!(message.contains("rank 2, not 3"), "{message}");
    let message = refused(&strs(&with(&again, &["--snr-gamma", "1"])));
    assert!(message.contains("snr_gamma"), "{message}");
    let message = refused(&strs(&with(&without(&again, &["--base"]), &["--base", &other])));
    assert!(message.contains("another base"), "{message}");
    let message = refused(&strs(&with(&without(&again, &["--hold-out"]), &["--hold-out", "4"])));
    assert!(message.contains("other pictures"), "{message}");
    let message = refused(&["base", "--resume", "--data", &fixture("mnist-64.idx3"), "--out", &half]);
    assert!(message.contains("trainer lora"), "{message}");

    // Length and rate may be changed by flags, not by a configuration.
    let config = folder.path("other.toml");
    fs::write(&config, "[train]\nlr = 0.5\nepochs = 9\n").unwrap();
    let message = refused(&strs(&with(&without(&again, &["--max-train-steps"]), &["--config", &config])));
    assert!(message.contains("lr 0.008, not 0.5") && message.contains("epochs 1.0, not 9.0"), "{message}");

    // Folder, base and pictures are enough: the settings are in the checkpoint, whatever became of their copy for PEFT.
    let settings = Path::new(&half).join("adapter_config.json");
    let text = fs::read_to_string(&settings).unwrap();
    assert!(text.contains("\"lora_alpha\": 16"), "{text}");
    fs::write(&settings, text.replace("\"lora_alpha\": 16", "\"lora_alpha\": 4")).unwrap();
    let data = fixture("mnist-64.idx3");
    done(&["lora", "--base", &base, "--data", &data, "--hold-out", "3", "--out", &half, "--resume"]);
    for name in [ADAPTER, "adapter_config.json", "config.toml"] {
        let read = |dir: &str| fs::read(Path::new(dir).join(name)).unwrap();
        assert_eq!(read(&whole), read(&half), "{name}");
    }
    let message = done(&["lora", "--base", &base, "--data", &data, "--hold-out", "3", "--out", &half, "--resume"]);
    assert!(message.contains("nothing is left to do"), "{message}");
    // The length and the learning rate may change.
    let more = ["--max-train-steps", "64", "--lr", "1e-4"];
    done(&strs(&with(&without(&again, &["--max-train-steps"]), &more)));
    let config = fs::read_to_string(Path::new(&half).join("config.toml")).unwrap();
    assert!(config.contains("max_train_steps = 64") && config.contains("lr = 0.0001"), "{config}");
}

#[test]
fn a_run_can_be_resumed_from_before_its_first_step() {
    let folder = Folder::new();
    let (whole, early) = (folder.path("whole"), folder.path("early"));
    done(&strs(&with(&base_run(&whole, "4"), &["--keep-every", "2"])));
    let read = |dir: &str, name: &str| fs::read(Path::new(dir).join(name)).unwrap();
    assert_eq!(read(&whole, WEIGHTS), read(&whole, &format!("step-000004/{WEIGHTS}")));
    assert_ne!(read(&whole, WEIGHTS), read(&whole, &format!("step-000002/{WEIGHTS}")));

    // A first step after which no weights are saved.
    let diverging = ["--lr", "1e39", "--warmup-steps", "0"];
    refused(&strs(&with(&base_run(&early, "4"), &diverging)));
    let data = fixture("mnist-64.idx3");
    let going_on = ["base", "--data", &data, "--out", &early, "--resume", "--sample-every", "0", "--lr", "0.002"];
    let message = refused(&[&going_on[..], &["--warmup-steps", "100"]].concat());
    assert!(message.contains("warmup_steps 0, not 100"), "{message}");
    done(&going_on);
    // With nothing done, a new start with other settings loses nothing.
    let fresh = folder.path("fresh");
    refused(&strs(&with(&base_run(&fresh, "4"), &diverging)));
    done(&strs(&base_run(&fresh, "4")));
    assert_eq!(read(&whole, WEIGHTS), read(&fresh, WEIGHTS));
    assert!(refused(&strs(&base_run(&fresh, "4"))).contains("already holds a run"));

    // As if killed between the first weights and their checkpoint.
    let torn = folder.path("torn");
    fs::create_dir_all(Path::new(&torn).join("unet")).unwrap();
    fs::write(Path::new(&torn).join(WEIGHTS), "half of it").unwrap();
    assert!(refused(&strs(&base_run(&torn, "4"))).contains("already holds"));
    fs::write(Path::new(&torn).join(".first-save"), "").unwrap();
    done(&strs(&base_run(&torn, "4")));
    assert_eq!(read(&whole, WEIGHTS), read(&torn, WEIGHTS));
    assert!(!Path::new(&torn).join(".first-save").exists());
}

#[test]
fn what_is_there_is_never_overwritten() {
    let folder = Folder::new();
    let (base, adapter, models) = (folder.path("base"), folder.path("adapter"), folder.path("models"));
    done(&strs(&base_run(&base, "2")));
    let weights = || fs::read(Path::new(&base).join(WEIGHTS)).unwrap();
    let before = weights();
    fs::remove_file(Path::new(&base).join(CHECKPOINT)).unwrap();
    for more in [&[][..], &["--resume"]] {
        let message = refused(&strs(&with(&base_run(&base, "2"), more)));
        assert!(message.contains("already holds") && message.contains("no checkpoint"), "{message}");
    }
    done(&strs(&lora_run(&base, &adapter, "2")));
    let adapter_bytes = fs::read(Path::new(&adapter).join(ADAPTER)).unwrap();
    fs::remove_file(Path::new(&adapter).join(CHECKPOINT)).unwrap();
    assert!(refused(&strs(&lora_run(&base, &adapter, "2"))).contains("already holds"));
    assert_eq!((weights(), fs::read(Path::new(&adapter).join(ADAPTER)).unwrap()), (before, adapter_bytes));

    // In an export, adapters of the same base stay listed, and nothing is written before everything is checked.
    let export = |more: &[&str]| done(&[&["export", "--base", &base, "--out", &models], more].concat());
    let names = || -> Vec<String> {
        let manifest = fs::read_to_string(Path::new(&models).join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let adapters = manifest["adapters"].as_array().unwrap();
        adapters.iter().map(|adapter| adapter["name"].as_str().unwrap().to_owned()).collect()
    };
    export(&["--lora", &adapter]);
    let second = folder.path("second");
    done(&strs(&lora_run(&base, &second, "2")));
    export(&["--lora", &second]);
    assert_eq!(names(), ["adapter", "second"]);
    export(&["--lora", &second, "--only"]);
    assert_eq!(names(), ["second"]);
    let exported = fs::read(Path::new(&models).join("base").join(WEIGHTS)).unwrap();
    let other = folder.path("other");
    done(&strs(&with(&base_run(&other, "2"), &["--seed", "5"])));
    let message = refused(&["export", "--base", &other, "--out", &models, "--lora", &second]);
    assert!(message.contains("another base"), "{message}");
    assert_eq!(fs::read(Path::new(&models).join("base").join(WEIGHTS)).unwrap(), exported);
    let message = refused(&["export", "--base", &format!("{models}/base"), "--precision", "f32", "--out", &models]);
    assert!(message.contains("over itself"), "{message}");
    // A manifest of another kind is not taken for an empty one, nor an entry without files for one that is whole.
    let manifest = Path::new(&models).join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, "{}").unwrap();
    let message = refused(&["export", "--base", &base, "--out", &models]);
    assert!(message.contains("has no list \"adapters\""), "{message}");
    fs::write(&manifest, text.replace("\"files\"", "\"data\"")).unwrap();
    let message = export(&[]);
    assert!(message.contains("second is no longer listed: its entry has no path or no files"), "{message}");
    assert!(names().is_empty());
    let warned = done(&["merge", "--base", &other, "--lora", &second, "--out", &folder.path("merged")]);
    assert!(warned.contains("warning") && warned.contains("another base"), "{warned}");
}
