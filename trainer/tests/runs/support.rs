//! Running the program, and the arguments of small runs.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";
pub const ADAPTER: &str = "adapter_model.safetensors";
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// A temporary folder of one test, removed at its end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("digit-diffusion-runs-").tempdir().unwrap())
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

pub fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name).display().to_string()
}

pub fn trainer(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end; returns what it printed.
pub fn done(args: &[&str]) -> String {
    let Output { status, stdout, stderr } = trainer(args).output().unwrap();
    let message = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert!(status.success(), "{args:?}: {message}");
    message
}

/// Runs into an error; returns its message.
pub fn refused(args: &[&str]) -> String {
    let Output { status, stderr, .. } = trainer(args).output().unwrap();
    let message = String::from_utf8_lossy(&stderr).into_owned();
    assert!(!status.success(), "{args:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// A tiny network on the 64 digits of the fixture; a checkpoint after every second step.
pub fn base_run(out: &str, steps: &str) -> Vec<String> {
    let data = fixture("mnist-64.idx3");
    let args = ["base", "--data", &data, "--channels", "8,16", "--batch-size", "12", "--micro-batch", "6"];
    let more =
        ["--max-train-steps", steps, "--save-every", "2", "--sample-every", "0", "--log-every", "1", "--out", out];
    args.into_iter().chain(more).map(str::to_owned).collect()
}

pub fn lora_run(base: &str, out: &str, steps: &str) -> Vec<String> {
    let data = fixture("mnist-64.idx3");
    let args = ["lora", "--base", base, "--data", &data, "--batch-size", "12", "--micro-batch", "6"];
    let more = ["--max-train-steps", steps, "--lora-dropout", "0.1", "--rank", "2", "--alpha", "8"];
    let saving = ["--save-every", "2", "--sample-every", "0", "--log-every", "1", "--out", out];
    args.into_iter().chain(more).chain(saving).map(str::to_owned).collect()
}

pub fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

pub fn wait_for(path: &Path, child: &mut Child) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(300), "{} never came", path.display());
        assert!(child.try_wait().unwrap().is_none(), "the run ended before {} came", path.display());
        sleep(Duration::from_millis(2));
    }
}

pub fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// `args` without a flag and its value.
pub fn without(args: &[String], flags: &[&str]) -> Vec<String> {
    let mut kept = args.to_vec();
    for flag in flags {
        let at = kept.iter().position(|arg| arg == flag).unwrap();
        kept.drain(at..at + 2);
    }
    kept
}

pub fn with(args: &[String], more: &[&str]) -> Vec<String> {
    args.iter().map(String::as_str).chain(more.iter().copied()).map(str::to_owned).collect()
}
