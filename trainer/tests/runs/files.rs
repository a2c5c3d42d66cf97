//! Bad input, and the files that runs and conversions write.

use std::fs;
use std::path::Path;

use crate::support::*;

#[test]
fn bad_input_is_answered_with_a_sentence() {
    let folder = Folder::new();
    let out = folder.path("run");
    let base_with = |more: &[&str]| refused(&strs(&with(&base_run(&out, "2"), more)));
    assert!(base_with(&["--config", "nowhere.toml"]).contains("the presets are few, shipped, small, seed"));
    assert!(base_with(&["--only-cross-attention", "true"]).contains("only_cross_attention needs 2 values"));
    assert!(base_with(&["--ema-decay", "1"]).contains("ema_decay must be"));
    assert!(base_with(&["--device", "cuda"]).contains("cuda"));
    assert!(base_with(&["--resume"]).contains("no checkpoint"));
    assert!(!Path::new(&out).exists(), "nothing is left behind");
    let message = refused(&["base", "--data", &folder.path("none")]);
    assert!(
        message.contains(
            "a folder or zip archive <class name>/*.png (or .jpg, .webp …), an IDX, an NPZ, a Parquet or a CSV file"
        ),
        "{message}"
    );
    let size = folder.path("size");
    fs::create_dir_all(Path::new(&size).join("3")).unwrap();
    let stroke = image::GrayImage::from_fn(16, 16, |x, _| image::Luma([if x == 8 { 255 } else { 0 }]));
    stroke.save(Path::new(&size).join("3/a.png")).unwrap();
    let base = folder.path("base");
    done(&strs(&base_run(&base, "2")));
    let message = refused(&["lora", "--base", &base, "--data", &size, "--fit", "none", "--out", &out]);
    assert!(message.contains("pictures are 16x16, the base draws 28x28; --fit brings them"), "{message}");
    for (flag, value) in [("--alpha", "nan"), ("--alpha", "0"), ("--rank", "0"), ("--rank", "1000000000")] {
        let message = refused(&strs(&with(&without(&lora_run(&base, &out, "2"), &["--rank"]), &[flag, value])));
        assert!(message.contains(&flag[2..]), "{message}");
    }
    let message = refused(&["sample", "--base", &size, "--out", &folder.path("a.png")]);
    assert!(message.contains("is no base folder"), "{message}");
    let message = refused(&["sample", "--base", &base, "--eta", "1", "--out", &folder.path("a.png")]);
    assert!(message.contains("--sampler ddim"), "{message}");
    assert!(base_with(&["--lr", "-0.001"]).contains("lr must be a positive number"));
    assert!(base_with(&["--hold-out", "100"]).contains("--hold-out"));
    assert!(refused(&["eval", "--count", "5"]).contains("--count 5 is too few"));
    let message = refused(&["sample", "--base", &base, "--out", &folder.path("a.jpg")]);
    assert!(message.contains("not a .jpg file"), "{message}");
    let message = refused(&["data", "--dir", &folder.path("none"), "--sheet", &folder.path("a.jpg")]);
    assert!(message.contains("must be a .png file"), "{message}");
    let text = folder.path("pictures.zip");
    fs::write(&text, "PK and so on").unwrap();
    let message = refused(&["base", "--data", &text, "--out", &out]);
    assert!(message.contains("neither a folder nor an IDX or CSV file"), "{message}");
    let (pictures, labels) = (fixture("mnist-64.idx3"), fixture("mnist-64.idx1"));
    let message = refused(&["lora", "--data", &format!("{pictures},{size}"), "--labels", &labels, "--out", &out]);
    assert!(message.contains("--labels") && message.contains("one IDX file"), "{message}");
    assert!(refused(&["base", "--labels", &labels, "--out", &out]).contains("MNIST has its own"));
    // Before the first of several trains for minutes, the last is looked at.
    let several = format!("{},{size}", fixture("mnist-64.idx3"));
    let message = refused(&["lora", "--base", &base, "--data", &several, "--fit", "none", "--out", &out]);
    assert!(message.contains("pictures are 16x16") && !Path::new(&out).exists(), "{message}");
    let message = refused(&["lora", "--base", &base, "--data", &format!("{size},{size}/"), "--out", &out]);
    assert!(message.contains("would both be written"), "{message}");
    let message = refused(&["lora", "--data", "outlin", "--out", &out]);
    assert!(message.contains("neither a style nor a folder") && message.contains("seven-segment"), "{message}");
}

#[test]
fn a_length_that_is_said_is_kept() {
    let folder = Folder::new();
    let (base, config) = (folder.path("base"), folder.path("length.toml"));
    done(&strs(&base_run(&base, "2")));
    fs::write(&config, "[train]\nepochs = 1\n").unwrap();
    let args = without(&lora_run(&base, &folder.path("message"), "2"), &["--max-train-steps"]);
    let message = done(&strs(&with(&args, &["--config", &config])));
    assert!(message.contains(", 4 steps of 12") && !message.contains("so few"), "{message}");
}

#[test]
fn latents_must_be_those_of_the_pictures() {
    let folder = Folder::new();
    let (base, latents, out) = (folder.path("base"), folder.path("latents.safetensors"), folder.path("x.png"));
    done(&strs(&base_run(&base, "2")));
    let draw = |label: &str| {
        let args = ["sample", "--base", &base, "--steps", "2", "--latents", &latents, "--out", &out, "--label", label];
        trainer(&args).output().unwrap()
    };
    let write = |shape: &[usize]| {
        let values = vec![0.5f32; shape.iter().product()];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), &bytes).unwrap();
        fs::write(&latents, safetensors::serialize([("latents", view)], None).unwrap()).unwrap();
    };
    for (shape, fits) in [([3, 4, 14, 14], true), ([2, 4, 14, 14], false), ([3, 1, 28, 28], false)] {
        write(&shape);
        let output = draw("1,2,3");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), fits, "{shape:?}: {message}");
        assert!(fits || message.contains("[3, 4, 14, 14] are needed"), "{message}");
    }
}

#[test]
fn adapters_travel_between_dialects() {
    let folder = Folder::new();
    let (base, adapter, kohya, back) =
        (folder.path("base"), folder.path("adapter"), folder.path("adapter.safetensors"), folder.path("back"));
    done(&strs(&base_run(&base, "2")));
    let mut args = lora_run(&base, &adapter, "3");
    args.extend(["--use-rslora", "--target-modules", "to_q,ff.net.2"].map(str::to_owned));
    done(&strs(&args));
    // In PEFT's list an entry is a name: patterns are written out.
    let patterns = folder.path("patterns");
    let mut args = lora_run(&base, &patterns, "2");
    args.extend(["--target-modules", r"mid_block.*to_q"].map(str::to_owned));
    done(&strs(&args));
    let config = fs::read_to_string(Path::new(&patterns).join("adapter_config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let targets = config["target_modules"].as_array().unwrap();
    assert!(targets.len() == 2 && targets.iter().all(|path| path.as_str().unwrap().ends_with("to_q")), "{config}");

    done(&["convert", "--base", &base, "--lora", &adapter, "--to", "kohya", "--out", &kohya]);
    done(&["convert", "--base", &base, "--lora", &kohya, "--to", "peft", "--out", &back]);
    let facts = |path: &str| -> serde_json::Value {
        serde_json::from_str(&done(&["inspect", "--base", &base, "--json", path])).unwrap()
    };
    let (original, as_kohya, again) = (facts(&adapter), facts(&kohya), facts(&back));
    assert_eq!(original["kind"], "LoRA adapter");
    assert_eq!(original["modules"].as_array().unwrap().len(), 7 * 3);
    // kohya's alpha is scaling times rank, and so the rank-stabilised one becomes another number.
    let effects = |facts: &serde_json::Value| -> Vec<[serde_json::Value; 3]> {
        let modules = facts["modules"].as_array().unwrap();
        modules.iter().map(|module| ["path", "rank", "norm"].map(|key| module[key].clone())).collect()
    };
    assert_eq!(effects(&original), effects(&as_kohya));
    assert_eq!(effects(&original), effects(&again));
    assert!(original["facts"]["base"].as_str().unwrap().contains("which is"), "{original}");

    // Without the base it can be looked at, too.
    let alone: serde_json::Value =
        serde_json::from_str(&done(&["inspect", "--base", "nowhere", "--json", &adapter])).unwrap();
    assert_eq!(alone["modules"], original["modules"]);
    assert!(original["modules"][0]["alpha"].as_f64().is_some_and(|alpha| (alpha - 8.0).abs() < 1e-5), "{original}");

    // A strength is baked in: twice is exact in floating point.
    let twice = folder.path("twice");
    done(&["convert", "--base", &base, "--lora", &format!("{adapter}:2"), "--to", "peft", "--out", &twice]);
    let drawn = |lora: &str, name: &str| {
        let (raw, sheet) = (folder.path(&format!("{name}.safetensors")), folder.path(&format!("{name}.png")));
        done(&["sample", "--base", &base, "--lora", lora, "--steps", "2", "--raw", &raw, "--out", &sheet]);
        std::fs::read(raw).unwrap()
    };
    let strong = drawn(&format!("{adapter}:2"), "strong");
    assert_eq!(drawn(&twice, "twice"), strong);
    assert_ne!(drawn(&adapter, "once"), strong);

    // Training continues from either, with its ranks and targets.
    let more = folder.path("more");
    let data = fixture("mnist-64.idx3");
    let args = ["lora", "--base", &base, "--data", &data, "--init", &kohya, "--batch-size", "12", "--out", &more];
    done(&[&args[..], &["--max-train-steps", "1", "--sample-every", "0"]].concat());
    let (more, before) = (facts(&more), original["modules"].as_array().unwrap().len());
    assert_eq!(more["modules"].as_array().unwrap().len(), before);
    assert_ne!(more["modules"], original["modules"]);
    assert!(refused(&[&args[..], &["--rank", "3"]].concat()).contains("cannot be used with"));
}

#[test]
fn what_is_read_is_not_written_over() {
    let folder = Folder::new();
    let (base, adapter) = (folder.path("base"), folder.path("adapter"));
    done(&strs(&base_run(&base, "2")));
    done(&strs(&lora_run(&base, &adapter, "2")));
    let weights = || fs::read(Path::new(&base).join(WEIGHTS)).unwrap();
    let before = weights();
    let message = refused(&["merge", "--base", &base, "--lora", &adapter, "--out", &base]);
    assert!(message.contains("already holds a base"), "{message}");
    assert_eq!(weights(), before);
    let adapter_bytes = || fs::read(Path::new(&adapter).join(ADAPTER)).unwrap();
    let adapter_before = adapter_bytes();
    let file = format!("{adapter}/{ADAPTER}");
    let over = |lora: &str, to: &str, out: &str| {
        let message = refused(&["convert", "--base", &base, "--lora", lora, "--to", to, "--out", out]);
        assert!(message.contains("would be written over"), "{message}");
    };
    over(&format!("{adapter}:0.5"), "peft", &adapter);
    over(&format!("{file}:0.5"), "peft", &adapter);
    over(&adapter, "kohya", &file);
    over(&adapter, "kohya", &format!("{base}/{WEIGHTS}"));
    assert_eq!((adapter_bytes(), weights()), (adapter_before, before));
    let message = refused(&["convert", "--base", &base, "--lora", &adapter, "--to", "peft", "--out", "x.safetensors"]);
    assert!(message.contains("must be a folder"), "{message}");
    let (models, trained) = (folder.path("models"), folder.path("models/lora/mine"));
    done(&strs(&lora_run(&base, &trained, "2")));
    let message = refused(&["export", "--base", &base, "--lora", &trained, "--out", &models]);
    assert!(message.contains("over the files that it is read from"), "{message}");
    assert!(!Path::new(&models).join("base").exists(), "and nothing else is written");
    // The weights file of a PEFT folder: its configuration is next to it.
    let config = Path::new(&adapter).join("adapter_config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("\"lora_alpha\": 8", "\"lora_alpha\": 2")).unwrap();
    assert!(done(&["inspect", "--base", &base, &file]).contains("alpha 2 "));
}

#[test]
fn a_base_that_has_learnt_no_null_class_is_drawn_without_guidance() {
    let folder = Folder::new();
    let base = folder.path("base");
    done(&strs(&with(&base_run(&base, "2"), &["--class-dropout", "0"])));
    let drawn = |guidance: &str| {
        let raw = folder.path(&format!("{guidance}.safetensors"));
        let common = ["sample", "--base", &base, "--steps", "4", "--raw", &raw, "--out", &folder.path("x.png")];
        let message = done(&[&common[..], &["--guidance", guidance]].concat());
        assert_eq!(message.contains("drawn without guidance"), guidance != "1", "{message}");
        fs::read(raw).unwrap()
    };
    assert_eq!(drawn("3"), drawn("1"));
}
