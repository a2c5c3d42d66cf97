//! `config.toml` alone repeats a run, and `--resume` needs no more than the folder.

use std::fs;
use std::path::Path;

use crate::support::*;

fn read(dir: &str, name: &str) -> Vec<u8> {
    fs::read(Path::new(dir).join(name)).unwrap()
}

#[test]
fn config_toml_alone_repeats_a_run_and_the_folder_alone_goes_on() {
    let folder = Folder::new();
    let (base, again) = (folder.path("base"), folder.path("base-again"));
    done(&strs(&with(&base_run(&base, "4"), &["--seed", "7", "--augment", "0.5", "--validate-every", "2"])));
    let config = format!("{base}/config.toml");
    done(&["base", "--config", &config, "--out", &again]);
    for name in [WEIGHTS, "config.toml"] {
        assert_eq!(read(&base, name), read(&again, name), "{name}");
    }

    let (whole, repeated, half) = (folder.path("lora"), folder.path("repeated"), folder.path("half"));
    done(&strs(&lora_run(&base, &whole, "40")));
    done(&["lora", "--config", &format!("{whole}/config.toml"), "--out", &repeated]);
    let mut child = trainer(&strs(&lora_run(&base, &half, "40"))).spawn().unwrap();
    wait_for(&Path::new(&half).join(CHECKPOINT), &mut child);
    let _ = child.kill();
    child.wait().unwrap();
    done(&["lora", "--resume", "--out", &half]);
    for name in [ADAPTER, "config.toml", "adapter_config.json", "last/adapter_model.safetensors"] {
        assert_eq!(read(&whole, name), read(&repeated, name), "{name}");
        assert_eq!(read(&whole, name), read(&half, name), "{name}");
    }

    // What it names may be gone.
    let text = fs::read_to_string(format!("{whole}/config.toml")).unwrap();
    let gone = folder.path("gone.toml");
    fs::write(&gone, text.replace("mnist-64.idx3", "nowhere.idx3")).unwrap();
    let message = refused(&["lora", "--config", &gone, "--out", &folder.path("x")]);
    assert!(message.contains("data of [run]") && message.contains("nowhere.idx3"), "{message}");
    fs::write(&gone, text.replace("save_every", "save_evry")).unwrap();
    let message = refused(&["lora", "--config", &gone, "--out", &folder.path("x")]);
    assert!(message.contains("save_evry"), "{message}");
    let message = refused(&["lora", "--resume", "--out", &folder.path("x")]);
    assert!(message.contains("give --data"), "{message}");
}

#[test]
fn configurations_are_printed_and_nothing_is_trained() {
    let folder = Folder::new();
    let (base, out) = (folder.path("base"), folder.path("out"));
    done(&strs(&base_run(&base, "1")));
    let printed = trainer(&strs(&with(&lora_run(&base, &out, "30"), &["--print-config"]))).output().unwrap();
    let text = String::from_utf8(printed.stdout).unwrap();
    let config: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(config["train"]["max_train_steps"].as_integer(), Some(30));
    assert_eq!(config["run"]["base"].as_str(), Some(&base[..]));
    assert!(!Path::new(&out).exists());
    // As the run would write it, but for what depends on the number of threads.
    done(&strs(&lora_run(&base, &out, "30")));
    assert_eq!(fs::read_to_string(format!("{out}/config.toml")).unwrap(), text);

    let presets = done(&["lora", "--list-presets"]);
    for name in ["few: ", "shipped: ", "small: ", "seed: "] {
        assert!(presets.contains(name), "{presets}");
    }
    assert_eq!(done(&["base", "--list-presets"]), presets);
}

#[test]
fn runs_of_older_versions_go_on() {
    let folder = Folder::new();
    let (whole, old) = (folder.path("whole"), folder.path("old"));
    let args = ["--keep", "last", "--validate-every", "0"];
    done(&strs(&with(&base_run(&whole, "6"), &args)));
    // They held out one in twenty, at random.
    let of_before = "[run.pictures]\nhold_out = 3\nhold_out_evenly = false\n";
    let start = folder.path("before.toml");
    fs::write(&start, of_before).unwrap();
    done(&strs(&with(&base_run(&old, "4"), &[&args[..], &["--config", &start, "--augment", "none"]].concat())));
    // A config.toml of before had neither [run] nor augmentation.
    let config = Path::new(&old).join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let (before, _) = text.split_once("[run]").unwrap();
    let before: String = before.lines().filter(|line| !line.starts_with("augment")).map(|l| format!("{l}\n")).collect();
    fs::write(&config, before).unwrap();
    let data = fixture("mnist-64.idx3");
    done(&["base", "--resume", "--data", &data, "--out", &old, "--max-train-steps", "6", "--sample-every", "0"]);
    assert_ne!(read(&whole, WEIGHTS), read(&old, WEIGHTS), "another length has another learning rate");
    let config = fs::read_to_string(config).unwrap();
    assert!(config.contains("keep = \"last\"") && config.contains("augment = 0.0"), "{config}");
    assert!(!Path::new(&old).join("last").exists());
}
