//! Runs that are killed or interrupted, diverge, or run out of disk space.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::support::*;

/// Kills a run some time after its first checkpoint, several times, and resumes it until its end.
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
    let folder = Folder::new();
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
    let folder = Folder::new();
    let (whole, out) = (folder.path("whole"), folder.path("interrupted"));
    done(&strs(&base_run(&whole, "100")));
    let mut args = base_run(&out, "100");
    args.extend(["--report-to", "tensorboard"].map(str::to_owned));
    let mut child = trainer(&strs(&args)).spawn().unwrap();
    // After its first step: before that there is nothing to be kept from a new start.
    wait_for(&Path::new(&out).join("metrics.jsonl"), &mut child);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("with a checkpoint; go on with --resume"), "{message}");
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
    let folder = Folder::new();
    let out = folder.path("run");
    // The first step's loss is finite whatever the learning rate: a checkpoint after it is there to be kept.
    let mut args: Vec<String> = base_run(&out, "200");
    let every = args.iter().position(|arg| arg == "--save-every").unwrap();
    args[every + 1] = "1".into();
    args.extend(["--lr", "1e18", "--warmup-steps", "100", "--max-grad-norm", "0"].map(str::to_owned));
    let message = refused(&strs(&args));
    assert!(message.contains("so training stopped; lower the learning rate"), "{message}");
    assert!(message.contains("is intact"), "{message}");
    let facts = done(&["inspect", &format!("{out}/{CHECKPOINT}")]);
    assert!(facts.contains("checkpoint of a run") && facts.contains("step"), "{facts}");

    // Weights that are no numbers are not saved over those that are.
    let lost = folder.path("lost");
    let message = refused(&strs(&with(&base_run(&lost, "1"), &["--lr", "1e39", "--warmup-steps", "0"])));
    assert!(message.contains("the weights are no numbers any more after step 1"), "{message}");
    assert!(done(&["inspect", &lost]).contains("base model"));
}

#[test]
fn sigterm_and_a_closed_terminal_end_as_ctrl_c_does() {
    let folder = Folder::new();
    for name in ["-TERM", "-HUP"] {
        let out = folder.path(name);
        let mut run = trainer(&strs(&base_run(&out, "100000")));
        // The tests themselves may have been started by nohup.
        let hears = || {
            // SAFETY: one call that a signal handler may make, too; nothing is shared.
            unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
            Ok(())
        };
        // SAFETY: what runs between fork and exec is that call alone.
        let mut child = unsafe { run.pre_exec(hears) }.spawn().unwrap();
        wait_for(&Path::new(&out).join("metrics.jsonl"), &mut child);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{message}");
        assert!(message.contains("with a checkpoint; go on with --resume"), "{message}");
    }
    // Started by nohup, it outlives its terminal.
    let out = folder.path("nohup");
    let mut run = Command::new("sh");
    run.args(["-c", r#"trap "" HUP; exec "$0" "$@""#, env!("CARGO_BIN_EXE_trainer")]);
    let mut child = run.args(base_run(&out, "100000")).stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_for(&Path::new(&out).join("metrics.jsonl"), &mut child);
    signal(&child, "-HUP");
    sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_folder_is_one_runs_at_a_time() {
    let folder = Folder::new();
    let out = folder.path("run");
    let args = base_run(&out, "100000");
    let mut child = trainer(&strs(&args)).spawn().unwrap();
    wait_for(&Path::new(&out).join(CHECKPOINT), &mut child);
    for more in [&[][..], &["--resume"]] {
        let message = refused(&strs(&with(&args, more)));
        assert!(message.contains("another run is writing to"), "{message}");
    }
    assert!(child.try_wait().unwrap().is_none(), "the first goes on");
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_run_outlives_its_terminal() {
    let folder = Folder::new();
    let out = folder.path("run");
    let mut child = trainer(&strs(&base_run(&out, "4"))).spawn().unwrap();
    drop((child.stderr.take(), child.stdout.take()));
    assert!(child.wait().unwrap().success());
    let message = done(&strs(&with(&base_run(&out, "4"), &["--resume"])));
    assert!(message.contains("nothing is left to do: 4 steps are done"), "{message}");
}

#[test]
fn a_disk_that_is_full_or_not_to_be_written_is_reported_and_loses_nothing() {
    let folder = Folder::new();
    let out = folder.path("run");
    // A limit on the size of files stands in for a full disk: writing fails in the middle of the weights. Open MPI, where the
    // trainer is built with it, is to keep what it shares in memory: it writes a file otherwise, and ends where it cannot.
    let limited = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 16; exec "$0" "$@""#, env!("CARGO_BIN_EXE_trainer")])
        .env("PMIX_MCA_gds", "hash")
        .args(base_run(&out, "4"))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&limited.stderr).into_owned();
    assert!(!limited.status.success() && message.contains("cannot write") && message.contains(WEIGHTS), "{message}");
    let litter: Vec<_> =
        fs::read_dir(Path::new(&out).join("unet")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(litter.iter().all(|name| name == "config.json"), "{litter:?}");

    // Room for the weights but not for the checkpoint: nothing stands in the way of a new start.
    let tight = folder.path("tight");
    let limited = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 800; exec "$0" "$@""#, env!("CARGO_BIN_EXE_trainer")])
        .env("PMIX_MCA_gds", "hash")
        .args(base_run(&tight, "4"))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&limited.stderr).into_owned();
    assert!(!limited.status.success() && message.contains("cannot write") && message.contains(CHECKPOINT), "{message}");
    done(&strs(&base_run(&tight, "2")));

    // Half way, the weights can no longer be written.
    let args = base_run(&folder.path("half"), "4000");
    let half = PathBuf::from(folder.path("half"));
    let mut child = trainer(&strs(&args)).spawn().unwrap();
    wait_for(&half.join(CHECKPOINT), &mut child);
    fs::remove_file(half.join(WEIGHTS)).unwrap();
    fs::create_dir(half.join(WEIGHTS)).unwrap();
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("cannot write") && message.contains("is intact"), "{message}");
    fs::remove_dir(half.join(WEIGHTS)).unwrap();
    let facts = done(&["inspect", "--json", &half.join(CHECKPOINT).display().to_string()]);
    assert!(facts.contains("checkpoint of a run"), "{facts}");
    let message = refused(&strs(&base_run("/proc/not/here", "4")));
    assert!(message.contains("cannot create /proc/not"), "{message}");
}
