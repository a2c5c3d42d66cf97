//! What scripts and shells meet: JSON, exit codes, completions, manual pages; and what people at a terminal are told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::*;

/// Exit code, the JSON documents on stdout, and stderr.
fn with_json(args: &[&str]) -> (i32, Vec<Value>, String) {
    let Output { status, stdout, stderr } = trainer(&[&["--json"], args].concat()).output().unwrap();
    let text = String::from_utf8(stdout).unwrap();
    let documents = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (status.code().unwrap(), documents, String::from_utf8_lossy(&stderr).into_owned())
}

/// The one document of a command that succeeds.
fn result(args: &[&str]) -> Value {
    let (code, mut documents, said) = with_json(args);
    assert!(code == 0 && documents.len() == 1, "{args:?}: {code} {documents:?} {said}");
    documents.remove(0)
}

/// A command line that people try: what is said of it, on how few lines, with which exit code.
fn usage(args: &[&str]) -> String {
    let Output { status, stderr, .. } = trainer(args).output().unwrap();
    assert_eq!(status.code(), Some(2), "{args:?}");
    String::from_utf8(stderr).unwrap()
}

#[test]
fn every_command_gives_its_result_as_json() {
    let folder = Folder::new();
    let (base, adapter) = (folder.path("base"), folder.path("adapter"));
    done(&strs(&base_run(&base, "2")));
    done(&strs(&lora_run(&base, &adapter, "2")));
    let (png, raw) = (folder.path("a.png"), folder.path("raw.safetensors"));
    let draw = ["sample", "--base", &base, "--steps", "2", "--label", "1,2", "--raw", &raw, "--out", &png];
    let drawn = result(&draw);
    assert!(drawn["pictures"] == 2 && drawn["out"] == png.as_str() && drawn["ms_per_step"].is_f64(), "{drawn}");
    let kohya = folder.path("kohya.safetensors");
    let converted = result(&["convert", "--base", &base, "--lora", &adapter, "--to", "kohya", "--out", &kohya]);
    assert_eq!(
        (&converted["to"], &converted["out"], &converted["rank"]),
        (&"kohya".into(), &kohya.as_str().into(), &2.into())
    );
    let merged = folder.path("merged");
    let merge = result(&["merge", "--base", &base, "--lora", &adapter, "--out", &merged]);
    assert_eq!(merge["base_sha256"].as_str().map(str::len), Some(64));
    assert_eq!(result(&["inspect", "--base", &base, &kohya])["kind"], "LoRA adapter");
    assert!(result(&["inspect", &png])["facts"]["size"].is_string());
    assert!(result(&["inspect", "--base", &base, &adapter])["facts"]["run"].as_str().unwrap().contains("step 2"));
    assert!(result(&["completions", "fish"])["script"].as_str().unwrap().contains("trainer"));
    assert_eq!(result(&["man", "lora"])["page"], "trainer-lora");
    assert!(result(&["--version"])["features"].is_array());
    // Warnings travel with the result.
    let other =
        result(&["sample", "--base", &merged, "--lora", &adapter, "--steps", "2", "--label", "1", "--out", &png]);
    assert!(other["warnings"][0].as_str().unwrap().contains("another base"), "{other}");
}

#[test]
fn errors_are_json_too_and_have_their_codes() {
    let (code, documents, said) = with_json(&["sample", "--base", "nowhere"]);
    assert!(code == 1 && documents.len() == 1, "{documents:?}");
    let error = &documents[0]["error"];
    assert_eq!(said, format!("error: {}\n", error["message"].as_str().unwrap()), "the same sentence");
    assert_eq!(error["exit_code"], 1);
    let (code, documents, said) = with_json(&["sample", "--xyzzy"]);
    assert!(code == 2 && documents[0]["error"]["exit_code"] == 2 && said.contains("Usage"), "{documents:?}");
    assert!(!documents[0]["error"]["message"].as_str().unwrap().contains("Usage"), "{documents:?}");
}

#[test]
fn quiet_leaves_warnings_and_errors() {
    let folder = Folder::new();
    let (base, png) = (folder.path("base"), folder.path("a.png"));
    let Output { stdout, stderr, status } =
        trainer(&strs(&with(&base_run(&base, "2"), &["--quiet"]))).output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert!(status.success() && stdout.is_empty(), "{told}");
    assert!(told.starts_with("warning: 1 class has few") && told.lines().count() == 1, "{told}");
    let draw = ["sample", "-q", "--base", &base, "--steps", "2", "--label", "1", "--out", &png];
    let Output { stdout, stderr, status } = trainer(&draw).output().unwrap();
    assert!(status.success() && stdout.is_empty() && stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    assert!(refused(&["sample", "--quiet", "--base", "nowhere"]).starts_with("error: "));
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let folder = Folder::new();
    // A harmless colour, a line end, and a sign that turns the direction of what follows.
    let evil = "ev\x1b[31mil\r\n\u{202e}gnp";
    let (base, dir) = (folder.path("base"), folder.path(evil));
    done(&strs(&base_run(&base, "2")));
    fs::create_dir_all(&dir).unwrap();
    let clean = |args: &[&str]| {
        for json in [false, true] {
            let args = if json { [&["--json"], args].concat() } else { args.to_vec() };
            let Output { stdout, stderr, .. } = trainer(&args).output().unwrap();
            let text = String::from_utf8([stdout, stderr].concat()).unwrap();
            let obeyed = |sign: char| sign == '\u{202e}' || (sign.is_control() && sign != '\n');
            assert!(
                // clap leaves a terminal's commands out of what it quotes.
                !text.contains(obeyed)
                    && ["\\u{1b}", "\\u001b", "try '--help'"].iter().any(|shown| text.contains(shown)),
                "{args:?}: {text:?}"
            );
            if !json && text.starts_with("error") && !text.contains("Usage") {
                assert!(!text.contains("panicked"), "{text}");
            }
        }
    };
    clean(&["inspect", &dir]);
    clean(&["sample", "--base", &dir]);
    clean(&["sample", "--base", &base, "--steps", "1", "--lora", &dir]);
    clean(&["sample", "--base", &base, "--steps", "1", "--label", evil]);
    clean(&["sample", "--base", &base, "--steps", "2", "--label", "1", "--out", &format!("{dir}/a.png")]);
    clean(&["merge", "--base", &base, "--lora", &dir, "--out", &folder.path("m")]);
    clean(&["convert", "--base", &base, "--lora", &dir, "--to", "kohya", "--out", &folder.path("k")]);
    clean(&["lora", "--base", &base, "--data", &dir, "--out", &folder.path("l")]);
    clean(&["base", "--data", &dir, "--out", &folder.path("b")]);
    clean(&["export", "--base", &dir, "--out", &folder.path("e")]);
    clean(&["man", "--dir", &dir]);
    clean(&["sample", &format!("--{evil}")]);
    clean(&["completions", evil]);
    clean(&[evil]);
    // In what is read: a class's name, an adapter's metadata.
    let info = Path::new(&base).join("digit_diffusion.json");
    let text = fs::read_to_string(&info).unwrap();
    fs::write(&info, text.replacen("\"7\"", "\"\\u001b[2J\\u202e\"", 1)).unwrap();
    clean(&["inspect", &base]);
    clean(&["sample", "--base", &base, "--label", "nobody"]);
}

#[test]
fn flags_and_names_that_people_try_are_answered() {
    let says = |args: &[&str], part: &str| {
        let message = usage(args);
        assert!(message.contains(part), "{args:?}: {message}");
    };
    says(&["lora", "--data", "bold", "--steps", "5"], "there is --max-train-steps");
    says(&["lora", "--data", "bold", "-r", "5"], "there is --rank N");
    says(&["sample", "--prompt", "a seven"], "there is --label");
    says(&["sample", "--n=5"], "there is --count N");
    says(&["sample", "7"], "write --label 7");
    says(&["lora", "outline"], "write --data outline");
    says(&["sample", "--guidanec", "2"], "a similar flag is --guidance");
    says(&["train"], "'base' trains a base model");
    says(&["smaple"], "sample");
    says(&["sample", "--sampler", "eular"], "did you mean euler?");
    says(&["sample", "--device", "vulcan"], "vulkan");
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models/base").display().to_string();
    let message = refused(&["lora", "--base", &base, "--data", "outlne"]);
    assert!(message.contains("did you mean outline?"), "{message}");
    // Taken as ours: the run fails for another reason.
    let message = refused(&["sample", "--pretrained_model_name_or_path", "nowhere", "--num_inference_steps", "5"]);
    assert!(message.contains("nowhere is no base folder"), "{message}");
}

#[test]
fn strengths_are_told_from_folders() {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models/base").display().to_string();
    let message = |lora: &str| refused(&["sample", "--base", &base, "--lora", lora]);
    let adapter = fixture("lora/plain");
    for (end, told) in [
        (":abc", "must be a number"),
        (":", "no strength behind it"),
        (":1:2", "two strengths"),
        (":nan", "not nan"),
        (":1,5", ":1.5"),
    ] {
        let message = message(&format!("{adapter}{end}"));
        assert!(message.contains(told) && message.lines().count() == 1, "{message}");
    }
    assert!(message("outline:abc").contains("the strength in outline:abc must be a number"));
    assert!(message("a,b").contains("several flags"));
}

#[test]
fn places_that_cannot_be_written_are_named_before_the_work() {
    let folder = Folder::new();
    let (base, file, adapter) = (folder.path("base"), folder.path("file"), folder.path("adapter"));
    done(&strs(&base_run(&base, "2")));
    done(&strs(&lora_run(&base, &adapter, "2")));
    fs::write(&file, "mine").unwrap();
    let taken = folder.path("taken.png");
    fs::create_dir_all(Path::new(&taken).join("x")).unwrap();
    let one_line = |args: &[&str], part: &str| {
        let message = refused(args);
        assert!(message.contains(part) && message.lines().count() == 1, "{args:?}: {message}");
    };
    let under = format!("{file}/a");
    one_line(&["sample", "--base", &base, "--out", &taken], "it is a folder, not a file");
    one_line(&["sample", "--base", &base, "--out", &format!("{under}.png")], "a file is in the place of a folder");
    one_line(&["sample", "--base", &base, "--out", &folder.path("b.png"), "--raw", &under], "a file is in the place");
    one_line(&["merge", "--base", &base, "--lora", &adapter, "--out", &file], "file");
    one_line(
        &["convert", "--base", &base, "--lora", &adapter, "--to", "peft", "--out", &file],
        "a file of this name is in its place",
    );
    one_line(
        &["convert", "--base", &base, "--lora", &adapter, "--to", "kohya", "--out", &format!("{under}.safetensors")],
        "file",
    );
    one_line(&["man", "--dir", &file], "a file of this name is in its place");
    one_line(&["inspect", &folder.path("none")], "cannot read");
    one_line(&["sample", "--base", &file], "it is a file");
    one_line(&["sample", "--base", &adapter], "it holds an adapter, which --lora names");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    // Root may write everywhere.
    let locked = folder.path("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(Path::new(&locked).join("probe"), "").is_err() {
        one_line(&["sample", "--base", &base, "--out", &format!("{locked}/a.png")], "cannot write to");
        one_line(&["man", "--dir", &locked], "cannot write");
    }
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    // A disk without room.
    if Path::new("/dev/full").exists() {
        for args in [vec!["completions", "bash"], vec!["man"], vec!["inspect", &file], vec!["--json", "inspect", &file]]
        {
            let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
            let Output { status, stderr, .. } = trainer(&args).stdout(full).output().unwrap();
            let message = String::from_utf8(stderr).unwrap();
            assert!(
                status.code() == Some(1) && message.contains("cannot write to stdout: No space left"),
                "{args:?}: {message}"
            );
        }
    }
}

#[test]
fn configurations_that_are_something_else_are_named() {
    let folder = Folder::new();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models/base").display().to_string();
    let adapter = folder.path("adapter");
    fs::create_dir(&adapter).unwrap();
    fs::copy(fixture("lora/plain/adapter_model.safetensors"), Path::new(&adapter).join(ADAPTER)).unwrap();
    let config = Path::new(&adapter).join("adapter_config.json");
    let original = fs::read_to_string(fixture("lora/plain/adapter_config.json")).unwrap();
    let message = |text: &[u8]| {
        fs::write(&config, text).unwrap();
        refused(&[
            "convert",
            "--base",
            &base,
            "--lora",
            &adapter,
            "--to",
            "kohya",
            "--out",
            &folder.path("k.safetensors"),
        ])
    };
    let changed = |key: &str, value: Value| {
        let mut json: Value = serde_json::from_str(&original).unwrap();
        json[key] = value;
        json.to_string()
    };
    for (key, value) in [
        ("r", "four".into()),
        ("lora_alpha", Value::Bool(true)),
        ("use_rslora", "yes".into()),
        ("rank_pattern", 3.into()),
    ] {
        let message = message(changed(key, value).as_bytes());
        assert!(message.contains(key), "{key}: {message}");
    }
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 700\n";
    assert!(message(pointer).contains("git lfs pull"));
    assert!(message(b"<!DOCTYPE html><html></html>").contains("web page"));
}

#[test]
fn manual_pages_and_completions_know_every_command_and_flag() {
    let folder = Folder::new();
    let dir = folder.path("man");
    done(&["man", "--dir", &dir]);
    let mut pages: Vec<String> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    let commands = [
        "autoencoder",
        "base",
        "completions",
        "convert",
        "data",
        "eval",
        "export",
        "extract",
        "inspect",
        "lora",
        "man",
        "merge",
        "reconstruct",
        "sample",
        "turbo",
    ];
    let expected: Vec<String> =
        commands.iter().map(|name| format!("trainer-{name}.1")).chain(["trainer.1".into()]).collect();
    assert_eq!(pages, expected);
    let page = fs::read_to_string(Path::new(&dir).join("trainer-sample.1")).unwrap();
    for part in ["\\-\\-filmstrip", "\\-\\-json", "\\-\\-quiet", "Examples", "trainer\\-sample"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(refused(&["man", "nothing"]).contains("the commands are"));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = done(&["completions", shell]);
        for word in ["json", "quiet", "filmstrip", "man"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    for names in ["dpm++2m ddim euler ddpm", "few shipped small seed", "outline seven-segment"] {
        assert!(done(&["completions", "bash"]).contains(names), "{names}");
    }
    // Every command's help has examples, and its flags stand in groups.
    for command in commands {
        let help = done(&["help", command]);
        assert!(help.contains("Examples:") && help.contains("Messages:"), "{help}");
    }
    assert!(done(&["help", "sample"]).contains("Sampling:"));
    assert!(done(&["--version"]).contains("(features: "));
}
