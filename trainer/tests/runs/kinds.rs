//! Training adapters of all kinds: from nothing over Linears and convolutions, and on from what others have made.

use std::fs;
use std::path::Path;

use diffusion::tensors::read_tensors;
use serde_json::Value;

use crate::support::*;

/// Pictures of a class of the tiny base, which knows three.
fn data(folder: &Folder) -> String {
    let data = folder.path("data");
    for class in ["0", "1", "2"] {
        let dir = Path::new(&data).join(class);
        fs::create_dir_all(&dir).unwrap();
        for i in 0..2 {
            let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/nib/{class}/{i}.png"));
            fs::copy(picture, dir.join(format!("{i}.png"))).unwrap();
        }
    }
    data
}

fn training(base: &str, data: &str, out: &str, steps: &str) -> Vec<String> {
    let args = ["lora", "--base", base, "--data", data, "--hold-out", "0", "--batch-size", "6", "--micro-batch", "3"];
    let more = [
        "--lr",
        "0.01",
        "--lr-floor",
        "1",
        "--warmup-steps",
        "0",
        "--max-train-steps",
        steps,
        "--sample-every",
        "0",
        "--save-every",
        "2",
        "--out",
        out,
    ];
    args.into_iter().chain(more).map(str::to_owned).collect()
}

fn with(args: &[String], more: &[&str]) -> String {
    done(&args.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
}

fn weights(dir: &str) -> Vec<u8> {
    fs::read(Path::new(dir).join(ADAPTER)).unwrap()
}

fn config(dir: &str) -> Value {
    serde_json::from_slice(&fs::read(Path::new(dir).join("adapter_config.json")).unwrap()).unwrap()
}

#[test]
fn every_kind_is_trained_over_all_modules_resumed_and_written_as_peft_names_it() {
    let folder = Folder::new();
    let (base, data) = (fixture("unet/tiny"), data(&folder));
    let kinds: [(&str, &[&str], &str, &str); 4] = [
        ("lora", &[], "LORA", "lora_A.weight"),
        ("dora", &["--dora"], "LORA", "lora_magnitude_vector"),
        ("loha", &["--kind", "loha"], "LOHA", "hada_w2_b"),
        ("lokr", &["--kind", "lokr", "--decompose-factor", "4"], "LOKR", "lokr_w1"),
    ];
    for (name, flags, peft_type, tensor) in kinds {
        let flags = [flags, &["--target-modules", ".*", "--rank", "2"]].concat();
        let [whole, halves] = ["whole", "halves"].map(|part| folder.path(&format!("{name}-{part}")));
        with(&training(&base, &data, &whole, "4"), &flags);
        with(&training(&base, &data, &halves, "2"), &flags);
        with(&training(&base, &data, &halves, "4"), &[&flags[..], &["--resume"]].concat());
        assert!(weights(&whole) == weights(&halves), "{name} resumes exactly");

        let (tensors, _) = read_tensors(&weights(&whole)).unwrap();
        let named = |path: &str| tensors.contains_key(&format!("base_model.model.{path}.{tensor}"));
        assert!(named("conv_in") && named("mid_block.resnets.0.conv1"), "{name}: {:?}", tensors.keys());
        assert!(named("mid_block.attentions.0.transformer_blocks.0.attn1.to_q"), "{name}");
        let config = config(&whole);
        assert_eq!((config["peft_type"].as_str(), config["r"].as_u64()), (Some(peft_type), Some(2)), "{name}");
        assert_eq!(config["use_dora"].as_bool(), (peft_type == "LORA").then_some(name == "dora"), "{name}");
        if name == "lokr" {
            assert_eq!(config["decompose_factor"], 4);
        }
        // Its own reader takes it, and so do the other dialects.
        let file = folder.path(&format!("{name}.safetensors"));
        done(&["convert", "--base", &base, "--lora", &whole, "--to", "lycoris", "--out", &file]);
        let said = done(&["inspect", "--base", &base, &file]);
        let kind = if name == "dora" { "DoRA" } else { &peft_type.replace("RA", "ra").replace("LO", "Lo") };
        assert!(said.to_lowercase().contains(&kind.to_lowercase()), "{name}: {said}");
        // It goes on from itself.
        let on = folder.path(&format!("{name}-on"));
        let message = with(&training(&base, &data, &on, "2"), &["--init", &file]);
        assert!(message.contains("of rank 2"), "{message}");
        assert!(weights(&on) != weights(&whole), "{name}");
    }
}

#[test]
fn what_others_have_made_is_trained_on() {
    let folder = Folder::new();
    let (base, data) = (fixture("unet/tiny"), data(&folder));
    let mut tried = 0;
    for folder_of in fs::read_dir(fixture("adapters/peft")).unwrap() {
        let from = folder_of.unwrap().path();
        let kind = from.file_name().unwrap().to_str().unwrap();
        // Of training data, which are not there.
        if kind == "corda" {
            continue;
        }
        let from = from.to_str().unwrap();
        let out = folder.path(kind);
        with(&training(&base, &data, &out, "2"), &["--init", from]);
        let ours = config(&out);
        assert_eq!(ours["peft_type"], config(from)["peft_type"], "{kind}");
        let (before, _) = read_tensors(&weights(from)).unwrap();
        let (after, _) = read_tensors(&weights(&out)).unwrap();
        assert!(after != before, "{kind} has moved");
        if !kind.ends_with("pissa") && !kind.ends_with("olora") && !kind.ends_with("tucker") {
            // PEFT's GLoRA stores that it has nothing, too.
            let before = before.keys().filter(|name| !name.ends_with(".zeros"));
            assert!(after.keys().eq(before), "{kind}: the same tensors");
        }
        done(&["inspect", "--base", &base, &out]);
        tried += 1;
    }
    assert!(tried >= 40, "{tried}");
    // Modules that it does not have begin from nothing.
    let (from, out) = (fixture("adapters/peft/lora"), folder.path("more"));
    let flags = ["--init", &from, "--add-modules", "time_emb_proj", "--rank", "3"];
    with(&training(&base, &data, &out, "2"), &flags);
    let shape = |dir: &str, path: &str| {
        let (tensors, _) = read_tensors(&weights(dir)).unwrap();
        tensors.get(&format!("base_model.model.{path}.lora_A.weight")).map(|tensor| tensor.shape[0])
    };
    let added = "mid_block.resnets.0.time_emb_proj";
    assert_eq!((shape(&from, added), shape(&out, added)), (None, Some(3)));
    let config = fs::read(Path::new(&out).join("config.toml")).unwrap();
    let again = folder.path("again");
    let config_file = folder.path("more.toml");
    fs::write(&config_file, config).unwrap();
    done(&["lora", "--config", &config_file, "--base", &base, "--out", &again]);
    assert!(weights(&out) == weights(&again), "config.toml alone repeats it");
    // What PEFT has no names for is not lost, but said before a step is done.
    let (from, out) = (fixture("adapters/lycoris/oft.safetensors"), folder.path("of-lycoris"));
    let start = training(&base, &data, &out, "2");
    let message = refused(&start.iter().map(String::as_str).chain(["--init", &from]).collect::<Vec<_>>());
    assert!(message.contains("cannot be trained on as it is") && message.contains("--rank N"), "{message}");
    assert!(!Path::new(&out).join(ADAPTER).exists());
}

#[test]
fn settings_that_do_not_go_together_are_answered() {
    let folder = Folder::new();
    let (base, data, out) = (fixture("unet/tiny"), data(&folder), folder.path("out"));
    let start = training(&base, &data, &out, "1");
    let refused =
        |more: &[&str]| refused(&start.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>());
    for (flags, words) in [
        (&["--kind", "loha", "--dora"][..], "dora goes with the kind lora alone"),
        (&["--kind", "lokr", "--use-rslora"], "use_rslora goes with the kind lora alone"),
        (&["--decompose-factor", "2"], "decompose_factor goes with the kind lokr alone"),
        (&["--kind", "oft"], "invalid value"),
        (&["--init", &data, "--kind", "loha"], "cannot be used with"),
    ] {
        let message = refused(flags);
        assert!(message.contains(words), "{flags:?}: {message}");
    }
}
