//! Whole runs of the program, ended in every way a run can end.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";
const ADAPTER: &str = "adapter_model.safetensors";
const CHECKPOINT: &str = "checkpoint.safetensors";

/// A folder of its own for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("digit-diffusion-runs-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name).display().to_string()
}

fn trainer(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end; answers what it said.
fn done(args: &[&str]) -> String {
    let Output { status, stdout, stderr } = trainer(args).output().unwrap();
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert!(status.success(), "{args:?}: {said}");
    said
}

/// Runs into an error; answers its sentence.
fn refused(args: &[&str]) -> String {
    let Output { status, stderr, .. } = trainer(args).output().unwrap();
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert!(!status.success(), "{args:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// A tiny network on the 64 digits of the fixture; a checkpoint after every second step.
fn base_run(out: &str, steps: &str) -> Vec<String> {
    let data = fixture("mnist-64.idx3");
    let args = ["base", "--data", &data, "--channels", "8,16", "--batch-size", "12", "--micro-batch", "6"];
    let more =
        ["--max-train-steps", steps, "--save-every", "2", "--sample-every", "0", "--log-every", "1", "--out", out];
    args.into_iter().chain(more).map(str::to_owned).collect()
}

fn lora_run(base: &str, out: &str, steps: &str) -> Vec<String> {
    let data = fixture("mnist-64.idx3");
    let args = ["lora", "--base", base, "--data", &data, "--batch-size", "12", "--micro-batch", "6"];
    let more = ["--max-train-steps", steps, "--lora-dropout", "0.1", "--rank", "2"];
    let saving = ["--save-every", "2", "--sample-every", "0", "--log-every", "1", "--out", out];
    args.into_iter().chain(more).chain(saving).map(str::to_owned).collect()
}

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn wait_for(path: &Path, child: &mut Child) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(300), "{} never came", path.display());
        assert!(child.try_wait().unwrap().is_none(), "the run ended before {} came", path.display());
        sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Kills a run some time after its first checkpoint, again and again, and resumes it until it comes to its end.
fn killed_again_and_again(args: &[String], out: &Path) {
    let mut resumed: Vec<String> = args.to_vec();
    for delay in [0, 30, 75] {
        let mut child = trainer(&strs(&resumed)).spawn().unwrap();
        wait_for(&out.join(CHECKPOINT), &mut child);
        sleep(Duration::from_millis(delay));
        // It may have come to its end by now: then there is nothing to kill, and nothing lost.
        let _ = child.kill();
        child.wait().unwrap();
        if resumed.len() == args.len() {
            resumed.push("--resume".into());
        }
    }
    done(&strs(&resumed));
}

#[test]
fn killed_runs_resume_to_the_same_bytes() {
    let folder = Folder::new("kill");
    let (whole, killed) = (folder.path("whole"), folder.path("killed"));
    done(&strs(&base_run(&whole, "30")));
    killed_again_and_again(&base_run(&killed, "30"), Path::new(&killed));
    let read = |dir: &str, name: &str| fs::read(Path::new(dir).join(name)).unwrap();
    assert_eq!(read(&whole, WEIGHTS), read(&killed, WEIGHTS), "the base's weights");
    assert_eq!(read(&whole, "config.toml"), read(&killed, "config.toml"));
    let steps = |dir: &str| -> Vec<u64> {
        let text = String::from_utf8(read(dir, "metrics.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(steps(&killed), (1..=30).collect::<Vec<u64>>(), "no step is logged twice or never");

    let (lora_whole, lora_killed) = (folder.path("lora-whole"), folder.path("lora-killed"));
    done(&strs(&lora_run(&whole, &lora_whole, "30")));
    killed_again_and_again(&lora_run(&whole, &lora_killed, "30"), Path::new(&lora_killed));
    assert_eq!(read(&lora_whole, ADAPTER), read(&lora_killed, ADAPTER), "the adapter's weights");
}

#[test]
fn ctrl_c_leaves_a_checkpoint_and_resumes_to_the_same_bytes() {
    let folder = Folder::new("interrupt");
    let (whole, out) = (folder.path("whole"), folder.path("interrupted"));
    done(&strs(&base_run(&whole, "100")));
    let mut args = base_run(&out, "100");
    args.extend(["--report-to", "tensorboard"].map(str::to_owned));
    let mut child = trainer(&strs(&args)).spawn().unwrap();
    wait_for(&Path::new(&out).join(CHECKPOINT), &mut child);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("with a checkpoint; go on with --resume"), "{said}");
    let again = refused(&strs(&args));
    assert!(again.contains("already holds a run"), "{again}");
    args.push("--resume".into());
    done(&strs(&args));
    let read = |dir: &str| fs::read(Path::new(dir).join(WEIGHTS)).unwrap();
    assert_eq!(read(&whole), read(&out));
    let events = fs::read_dir(Path::new(&out).join("logs")).unwrap();
    assert_eq!(events.count(), 2, "one event file for each part of the run");
}

#[test]
fn a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint() {
    let folder = Folder::new("nan");
    let out = folder.path("run");
    // The first step's loss is finite whatever the learning rate: a checkpoint after it is there to be kept.
    let mut args: Vec<String> = base_run(&out, "200");
    let every = args.iter().position(|arg| arg == "--save-every").unwrap();
    args[every + 1] = "1".into();
    args.extend(["--lr", "1e18", "--warmup-steps", "100", "--max-grad-norm", "0"].map(str::to_owned));
    let said = refused(&strs(&args));
    assert!(said.contains("so training stopped; lower the learning rate"), "{said}");
    assert!(said.contains("is intact"), "{said}");
    let facts = done(&["inspect", &format!("{out}/{CHECKPOINT}")]);
    assert!(facts.contains("checkpoint of a run") && facts.contains("step"), "{facts}");
}

#[test]
fn a_disk_that_is_full_or_not_to_be_written_is_said_and_loses_nothing() {
    let folder = Folder::new("disk");
    let out = folder.path("run");
    // A limit on the size of files stands in for a full disk: writing fails in the middle of the weights.
    let limited = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 16; exec "$0" "$@""#, env!("CARGO_BIN_EXE_trainer")])
        .args(base_run(&out, "4"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&limited.stderr).into_owned();
    assert!(!limited.status.success() && said.contains("cannot write") && said.contains(WEIGHTS), "{said}");
    let litter: Vec<_> =
        fs::read_dir(Path::new(&out).join("unet")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(litter.iter().all(|name| name == "config.json"), "{litter:?}");

    // Half way, the weights can no longer be written.
    let args = base_run(&folder.path("half"), "4000");
    let half = PathBuf::from(folder.path("half"));
    let mut child = trainer(&strs(&args)).spawn().unwrap();
    wait_for(&half.join(CHECKPOINT), &mut child);
    fs::remove_file(half.join(WEIGHTS)).unwrap();
    fs::create_dir(half.join(WEIGHTS)).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("cannot write") && said.contains("is intact"), "{said}");
    fs::remove_dir(half.join(WEIGHTS)).unwrap();
    let facts = done(&["inspect", "--json", &half.join(CHECKPOINT).display().to_string()]);
    assert!(facts.contains("checkpoint of a run"), "{facts}");
    let said = refused(&strs(&base_run("/proc/not/here", "4")));
    assert!(said.contains("cannot create /proc/not"), "{said}");
}

#[test]
fn bad_input_is_answered_with_a_sentence() {
    let folder = Folder::new("input");
    let out = folder.path("run");
    let with = |more: &[&str]| {
        let mut args = base_run(&out, "2");
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        refused(&strs(&args))
    };
    assert!(with(&["--config", "nowhere.toml"]).contains("the presets are seed, small, shipped"));
    assert!(with(&["--only-cross-attention", "true"]).contains("only_cross_attention needs 2 values"));
    assert!(with(&["--ema-decay", "1"]).contains("ema_decay must be"));
    assert!(with(&["--device", "cuda"]).contains("cuda"));
    assert!(with(&["--resume"]).contains("no checkpoint"));
    assert!(!Path::new(&out).exists(), "nothing is left behind");
    let said = refused(&["base", "--data", &folder.path("none")]);
    assert!(said.contains("a folder <class name>/*.png or an IDX file"), "{said}");
    let said = refused(&["lora", "--data", "outlin", "--out", &out]);
    assert!(said.contains("neither a style nor a folder") && said.contains("seven-segment"), "{said}");
}

#[test]
fn adapters_travel_between_dialects() {
    let folder = Folder::new("dialects");
    let (base, adapter, kohya, back) =
        (folder.path("base"), folder.path("adapter"), folder.path("adapter.safetensors"), folder.path("back"));
    done(&strs(&base_run(&base, "2")));
    let mut args = lora_run(&base, &adapter, "3");
    args.extend(["--use-rslora", "--target-modules", "to_q,ff.net.2"].map(str::to_owned));
    done(&strs(&args));

    done(&["convert", "--base", &base, "--lora", &adapter, "--to", "kohya", "--out", &kohya]);
    done(&["convert", "--base", &base, "--lora", &kohya, "--to", "peft", "--out", &back]);
    let facts = |path: &str| -> serde_json::Value {
        serde_json::from_str(&done(&["inspect", "--base", &base, "--json", path])).unwrap()
    };
    let (original, as_kohya, again) = (facts(&adapter), facts(&kohya), facts(&back));
    assert_eq!(original["kind"], "LoRA adapter");
    assert_eq!(original["modules"].as_array().unwrap().len(), 7 * 3);
    assert_eq!(original["modules"], as_kohya["modules"]);
    assert_eq!(original["modules"], again["modules"]);
    assert!(original["facts"]["base"].as_str().unwrap().contains("which is"), "{original}");

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

    // Training goes on from either, with the ranks and targets that are there.
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
fn completions_are_printed() {
    assert!(done(&["completions", "bash"]).contains("_trainer"));
}
