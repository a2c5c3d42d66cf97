//! `trainer turbo`: recorded, trained, resumed exactly, and what other commands make of the adapter.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::support::*;

/// Part 0 of the recorded runs.
const PART: &str = "teacher/runs-00000.safetensors";

fn turbo_run(base: &str, out: &str, steps: &str) -> Vec<String> {
    let args = ["turbo", "--base", base, "--steps", "2", "--runs", "24", "--held-out", "6", "--teacher-steps", "4"];
    let more = ["--batch-size", "12", "--micro-batch", "6", "--max-train-steps", steps, "--rank", "2"];
    let saving = ["--save-every", "2", "--sample-every", "0", "--log-every", "1", "--out", out];
    args.into_iter().chain(more).chain(saving).map(str::to_owned).collect()
}

fn read(dir: &str, name: &str) -> Vec<u8> {
    fs::read(Path::new(dir).join(name)).unwrap()
}

fn made_base(folder: &Folder) -> String {
    let base = folder.path("base");
    done(&strs(&base_run(&base, "6")));
    base
}

#[test]
fn a_run_resumes_to_the_same_bytes_and_its_config_repeats_it() {
    let folder = Folder::new();
    let base = made_base(&folder);
    // The folder's name is the adapter's title.
    let [whole, killed, again] = ["whole", "killed", "again"].map(|name| folder.path(&format!("{name}/turbo")));
    let message = done(&strs(&turbo_run(&base, &whole, "16")));
    assert!(message.contains("24 runs of the teacher in 2 segments, 16 steps of 12"), "{message}");
    assert!(message.contains("it takes about"), "{message}");

    let mut args = turbo_run(&base, &killed, "16");
    for delay in [0, 40, 90] {
        let mut child = trainer(&strs(&args)).spawn().unwrap();
        wait_for(&Path::new(&killed).join(CHECKPOINT), &mut child);
        sleep(Duration::from_millis(delay));
        let _ = child.kill();
        child.wait().unwrap();
        args = vec!["turbo".into(), "--resume".into(), "--out".into(), killed.clone()];
    }
    done(&strs(&args));
    for name in [ADAPTER, "adapter_config.json", PART] {
        assert_eq!(read(&whole, name), read(&killed, name), "{name}");
    }
    let config = format!("{whole}/config.toml");
    done(&["turbo", "--config", &config, "--out", &again]);
    for name in [ADAPTER, PART] {
        assert_eq!(read(&whole, name), read(&again, name), "{name}");
    }

    // The teacher's guidance is what its base says.
    let info = Path::new(&base).join("digit_diffusion.json");
    let said = fs::read_to_string(&info).unwrap();
    fs::write(&info, said.replacen('{', "{\n  \"guidance_scale\": 2.2,", 1)).unwrap();
    let printed = done(&strs(&with(&turbo_run(&base, &folder.path("guided"), "2"), &["--print-config"])));
    assert!(printed.contains("guidance = 2.2"), "{printed}");
    fs::write(&info, said).unwrap();

    let message = refused(&["turbo", "--resume", "--out", &whole, "--guidance", "2"]);
    assert!(message.contains("guidance 1.6, not 2"), "{message}");
    let message = done(&["turbo", "--resume", "--out", &whole]);
    assert!(message.contains("nothing is left to do"), "{message}");
    // What is recorded already serves fewer steps of the same teacher, and is left as it is.
    let one = folder.path("one");
    let cache = format!("{whole}/teacher");
    let before = read(&whole, PART);
    done(&strs(&with(&without(&turbo_run(&base, &one, "2"), &["--steps"]), &["--steps", "1", "--cache", &cache])));
    assert_eq!(read(&whole, PART), before);
    assert!(!Path::new(&one).join("teacher").exists());
}

#[test]
fn others_draw_with_its_steps_sampler_and_spacing() {
    let folder = Folder::new();
    let base = made_base(&folder);
    let out = folder.path("turbo-2");
    done(&strs(&turbo_run(&base, &out, "4")));
    let drawn = |name: &str, more: &[&str]| {
        let raw = folder.path(&format!("{name}.safetensors"));
        let png = folder.path(&format!("{name}.png"));
        let args = ["sample", "--base", &base, "--lora", &out, "--label", "1", "--raw", &raw, "--out", &png];
        done(&[&args[..], more].concat());
        fs::read(&raw).unwrap()
    };
    let said = ["--steps", "2", "--sampler", "ddim", "--timestep-spacing", "trailing", "--guidance", "1"];
    let unsaid = drawn("unsaid", &[]);
    assert_eq!(unsaid, drawn("said", &said));
    assert_eq!(unsaid, drawn("merged", &["--merge"]), "the same weights, composed before");
    for (name, flag, value) in [
        ("steps", "--steps", "4"),
        ("sampler", "--sampler", "euler"),
        ("spacing", "--timestep-spacing", "linspace"),
        ("guidance", "--guidance", "2"),
    ] {
        assert_ne!(unsaid, drawn(name, &[flag, value]), "{flag} {value} counts");
    }
    let facts = done(&["inspect", &out, "--base", &base]);
    assert!(facts.contains("drawn with 2 steps of ddim, trailing, guidance is inside"), "{facts}");
    // In every dialect, and in fewer bits.
    let kohya = folder.path("kohya.safetensors");
    done(&["convert", "--base", &base, "--lora", &out, "--to", "kohya", "--out", &kohya]);
    let facts = done(&["inspect", &kohya, "--base", &base]);
    assert!(facts.contains("drawn with 2 steps of ddim"), "{facts}");
    let models = folder.path("models");
    done(&["export", "--base", &base, "--lora", &out, "--out", &models]);
    let manifest: serde_json::Value = serde_json::from_slice(&read(&models, "manifest.json")).unwrap();
    let turbo = &manifest["adapters"][0]["turbo"];
    assert_eq!((turbo["steps"].as_u64(), turbo["timestep_spacing"].as_str()), (Some(2), Some("trailing")));
    let merged = folder.path("merged");
    let message = done(&["merge", "--base", &base, "--lora", &out, "--out", &merged]);
    assert!(message.contains("--steps 2 --sampler ddim --timestep-spacing trailing --guidance 1"), "{message}");
}

#[test]
fn a_second_training_begins_where_the_adapter_stands_itself() {
    let folder = Folder::new();
    let base = made_base(&folder);
    let (first, second) = (folder.path("first"), folder.path("second"));
    done(&strs(&turbo_run(&base, &first, "4")));
    let args = without(&turbo_run(&base, &second, "6"), &["--rank"]);
    let own = ["--init", &first, "--own-states", "--cache", &format!("{first}/teacher")];
    done(&strs(&with(&args, &own)));
    assert!(Path::new(&second).join("own/runs-00000.safetensors").exists());
    let before = read(&second, ADAPTER);
    let message = done(&["turbo", "--resume", "--out", &second, "--max-train-steps", "8"]);
    assert!(message.contains("done"), "{message}");
    assert_ne!(read(&second, ADAPTER), before);
    let message = refused(&["turbo", "--base", &base, "--own-states", "--out", &folder.path("none")]);
    assert!(message.contains("--init"), "{message}");
}

#[test]
fn a_styled_teacher_is_named() {
    let folder = Folder::new();
    let base = made_base(&folder);
    let (style, out) = (folder.path("mine"), folder.path("styled"));
    done(&strs(&lora_run(&base, &style, "4")));
    done(&strs(&with(&turbo_run(&base, &out, "2"), &["--lora", &format!("{style}:0.5")])));
    let facts = done(&["inspect", &out, "--base", &base]);
    assert!(facts.contains("guidance is inside, together with mine:0.5"), "{facts}");
    let png = folder.path("a.png");
    let args = ["sample", "--base", &base, "--label", "1", "--out", &png, "--lora", &out];
    assert!(done(&args).contains("was taught with mine:0.5 on"));
    let with_style = done(&[&args[..], &["--lora", &style]].concat());
    assert!(!with_style.contains("was taught with"), "{with_style}");
    // Another teacher's runs are told from these.
    let plain = folder.path("plain");
    let cache = folder.path("styled/teacher");
    let message = refused(&strs(&with(&turbo_run(&base, &plain, "2"), &["--cache", &cache])));
    assert!(message.contains("runs of another teacher"), "{message}");
}

#[test]
fn what_cannot_work_is_told_before_anything_is_drawn() {
    let folder = Folder::new();
    let base = made_base(&folder);
    let out = folder.path("out");
    let told = |flags: &[&str]| {
        let args = [&["turbo", "--base", &base, "--out", &out], flags].concat();
        let message = refused(&args);
        assert!(!Path::new(&out).exists(), "{flags:?}");
        message
    };
    for (flags, part) in [
        (&["--steps", "3"][..], "3 steps do not divide the 1000 timesteps"),
        (&["--steps", "4", "--teacher-steps", "10"], "does not pass timestep 749"),
        (&["--teacher-spacing", "linspace"], "a multiple of 4 steps"),
        (&["--teacher-spacing", "trailling"], "did you mean trailing"),
        (&["--teacher-sampler", "ddpm"], "without fresh noise"),
        (&["--runs", "0"], "runs must be 1 to"),
        (&["--augment", "1"], "--augment is about pictures"),
        (&["--class-dropout", "0.1"], "--class-dropout is about pictures"),
        (&["--lora", "nowhere"], "there is no adapter nowhere"),
        (&["--target-modules", "nothing"], "matches no Linear"),
    ] {
        let message = told(flags);
        assert!(message.contains(part), "{flags:?}: {message}");
    }
}
