//! The weights of the least validation loss: kept, across kills and resumes, and left when nothing is measured.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::support::*;

const LAST: &str = "last/unet/diffusion_pytorch_model.safetensors";

fn read(dir: &str, name: &str) -> Vec<u8> {
    fs::read(Path::new(dir).join(name)).unwrap()
}

fn lines(dir: &str) -> Vec<serde_json::Value> {
    let text = String::from_utf8(read(dir, "metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A learning rate at which the loss rises again, so that the best weights are not the last.
fn rising(out: &str, steps: &str) -> Vec<String> {
    let more = ["--validate-every", "3", "--lr", "1", "--lr-floor", "1", "--ema-decay", "0", "--keep-every", "3"];
    with(&base_run(out, steps), &more)
}

#[test]
fn the_best_weights_are_the_runs_also_when_it_was_killed() {
    let folder = Folder::new();
    let (whole, killed, last) = (folder.path("whole"), folder.path("killed"), folder.path("last"));
    let message = done(&strs(&rising(&whole, "24")));
    let measured: Vec<(u64, f64)> =
        lines(&whole).iter().filter_map(|l| Some((l["step"].as_u64()?, l["val_loss"].as_f64()?))).collect();
    assert_eq!(measured.len(), 8);
    let best = measured.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0;
    assert!(best < 24, "the loss was to rise: {measured:?}");
    assert!(message.contains(&format!("the weights of step {best}, whose validation loss is the least")), "{message}");
    assert_eq!(read(&whole, WEIGHTS), read(&whole, &format!("step-{best:06}/{WEIGHTS}")));
    assert_eq!(read(&whole, LAST), read(&whole, &format!("step-000024/{WEIGHTS}")));
    assert_ne!(read(&whole, LAST), read(&whole, WEIGHTS));

    let mut args = rising(&killed, "24");
    for delay in [0, 40, 90] {
        let mut child = trainer(&strs(&args)).spawn().unwrap();
        wait_for(&Path::new(&killed).join(CHECKPOINT), &mut child);
        sleep(Duration::from_millis(delay));
        let _ = child.kill();
        child.wait().unwrap();
        args = vec!["base".into(), "--resume".into(), "--out".into(), killed.clone()];
    }
    done(&strs(&args));
    for name in [WEIGHTS, LAST, "config.toml"] {
        assert_eq!(read(&whole, name), read(&killed, name), "{name}");
    }

    done(&strs(&with(&rising(&last, "24"), &["--keep", "last"])));
    assert_eq!(read(&last, WEIGHTS), read(&whole, LAST));
    assert!(!Path::new(&last).join("last").exists());
}

#[test]
fn a_run_whose_loss_rises_can_end_early() {
    let folder = Folder::new();
    let (out, whole) = (folder.path("early"), folder.path("whole"));
    let message = done(&strs(&with(&rising(&out, "3000"), &["--early-stop", "3"])));
    assert!(message.contains("early, after"), "{message}");
    let steps = lines(&out).last().unwrap()["step"].as_u64().unwrap();
    assert!(steps < 3000, "{steps}");
    let message = done(&["base", "--resume", "--out", &out]);
    assert!(message.contains("ended early"), "{message}");
    // The same steps as those of a run that does not end early.
    let mut full = trainer(&strs(&rising(&whole, "3000"))).spawn().unwrap();
    wait_for(&Path::new(&whole).join(format!("step-{steps:06}/{WEIGHTS}")), &mut full);
    let _ = full.kill();
    full.wait().unwrap();
    let name = format!("step-{steps:06}/{WEIGHTS}");
    assert_eq!(read(&out, &name), read(&whole, &name));
}

#[test]
fn checkpoints_by_time_change_nothing() {
    let folder = Folder::new();
    let (steps, often) = (folder.path("steps"), folder.path("often"));
    done(&strs(&with(&without(&base_run(&steps, "9"), &["--save-every"]), &["--save-minutes", "0"])));
    done(&strs(&with(&without(&base_run(&often, "9"), &["--save-every"]), &["--save-minutes", "1e-9"])));
    for name in [WEIGHTS, LAST] {
        assert_eq!(read(&steps, name), read(&often, name), "{name}");
    }
}

#[test]
fn sheets_are_sized_to_the_run_and_events_are_lines_of_json() {
    let folder = Folder::new();
    let out = folder.path("run");
    let output =
        trainer(&strs(&with(&without(&base_run(&out, "50"), &["--sample-every"]), &["--json"]))).output().unwrap();
    assert!(output.status.success());
    let sheets = |dir: &str| -> Vec<String> {
        let files = fs::read_dir(Path::new(dir).join("samples")).unwrap();
        let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let expected = [1, 3, 5, 10, 20, 30, 40, 50].map(|step| format!("step-{step:06}.png"));
    assert_eq!(sheets(&out), expected);
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!((of("start"), of("step"), of("sheet"), of("done")), (1, 50, 8, 1), "{text}");
    assert_eq!(events.last().unwrap()["event"], "done");

    // Other seeds, other pictures.
    let other = folder.path("other");
    let seeds = ["--sample-seed", "5", "--sample-every", "50"];
    done(&strs(&with(&without(&base_run(&other, "50"), &["--sample-every"]), &seeds)));
    assert_eq!(sheets(&other), ["step-000050.png"]);
    assert_ne!(read(&out, "samples/step-000050.png"), read(&other, "samples/step-000050.png"));
    assert_eq!(read(&out, WEIGHTS), read(&other, WEIGHTS));
}
