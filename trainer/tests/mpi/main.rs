//! Whole runs by several MPI ranks on this machine, compared with runs of one process. Built with the feature `mpi`; needs
//! `mpirun`. `cargo xtask test` runs them where both can be had.

#[path = "../runs/support.rs"]
#[allow(dead_code)]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::*;

/// The program as so many ranks.
fn ranks(count: usize, args: &[String]) -> Command {
    let mut command = mpirun();
    command.args(["-n", &count.to_string(), env!("CARGO_BIN_EXE_trainer")]).args(args);
    command
}

fn mpirun() -> Command {
    let mut command = Command::new("mpirun");
    let settings = [
        // Open MPI's; others do not know them. In a container people are root, and cores are few.
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_hwloc_base_binding_policy", "none"),
        // Other tests run beside these: a rank that waits leaves them its core.
        ("OMPI_MCA_mpi_yield_when_idle", "1"),
        // Time to save: the tests' machine may be busy. Open MPI 4 also waits so long before SIGTERM.
        ("OMPI_MCA_odls_base_sigkill_timeout", "3"),
        // No network, and no copying between processes by the kernel, which containers forbid.
        ("OMPI_MCA_btl", "self,vader"),
        ("OMPI_MCA_btl_vader_single_copy_mechanism", "none"),
    ];
    command.envs(settings).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to its end; whether it succeeded, and what it printed.
fn outcome(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn done_by(count: usize, args: &[String]) -> String {
    let (success, message) = outcome(&mut ranks(count, args));
    assert!(success, "{count} ranks, {args:?}: {message}");
    message
}

fn read(dir: &str, name: &str) -> Vec<u8> {
    fs::read(Path::new(dir).join(name)).unwrap_or_else(|error| panic!("{dir}/{name}: {error}"))
}

/// A file; a checkpoint without its header, whose entries come in any order.
fn content(dir: &str, name: &str) -> Vec<u8> {
    let file = read(dir, name);
    if name != CHECKPOINT {
        return file;
    }
    let header = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    file[8 + header..].to_vec()
}

/// Step, loss and norm of every line.
fn losses(dir: &str) -> Vec<String> {
    let text = String::from_utf8(read(dir, "metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        ["step", "loss", "val_loss", "grad_norm"].map(|key| line[key].to_string()).join(" ")
    };
    text.lines().map(line).collect()
}

fn threads(args: &[String]) -> Vec<String> {
    with(args, &["--threads", "1"])
}

#[test]
fn any_number_of_ranks_writes_the_bytes_of_one_process() {
    let folder = Folder::new();
    let more = ["--hold-out", "10", "--validate-every", "3", "--threads", "1"];
    let cut = ["--micro-batch", "4"];
    let base = |out: &str| {
        with(&without(&base_run(&folder.path(out), "6"), &["--micro-batch"]), &[&cut[..], &more[..]].concat())
    };
    done(&strs(&base("one")));
    let message = done_by(2, &base("two"));
    assert_eq!(message.matches("done:").count(), 1, "one rank alone talks: {message}");
    done_by(3, &base("three"));
    let one = folder.path("one");
    for out in ["two", "three"] {
        let out = folder.path(out);
        for name in [WEIGHTS, CHECKPOINT, "config.toml"] {
            assert!(content(&one, name) == content(&out, name), "{name} of {out}");
        }
        assert_eq!(losses(&one), losses(&out));
    }
    let lora = |out: &str| with(&lora_run(&one, &folder.path(out), "6"), &more);
    done(&strs(&lora("lora-one")));
    done_by(2, &lora("lora-two"));
    for name in [ADAPTER, CHECKPOINT, "adapter_config.json"] {
        assert!(content(&folder.path("lora-one"), name) == content(&folder.path("lora-two"), name), "{name}");
    }

    // Pictures, too.
    let sample = |out: &str| {
        let (png, raw) = (folder.path(&format!("{out}.png")), folder.path(&format!("{out}.safetensors")));
        let args = ["sample", "--base", &one, "--count", "3", "--steps", "3", "--raw", &raw, "--out", &png];
        args.map(str::to_owned).to_vec()
    };
    done(&strs(&sample("a")));
    done_by(2, &sample("b"));
    for kind in ["png", "safetensors"] {
        let read = |name: &str| fs::read(folder.path(&format!("{name}.{kind}"))).unwrap();
        assert!(read("a") == read("b"), "{kind}");
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let folder = Folder::new();
    let run = |out: &str| threads(&base_run(&folder.path(out), "200"));
    done(&strs(&run("whole")));
    // Stopped, from two to one.
    let out = folder.path("stopped");
    let mut child = ranks(2, &run("stopped")).spawn().unwrap();
    wait_for(&Path::new(&out).join(CHECKPOINT), &mut child);
    wait_for_step(&out, &mut child);
    signal(&child, "-TERM");
    let stopped = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert!(!stopped.status.success() && message.contains("with a checkpoint"), "{message}");
    done(&strs(&with(&run("stopped"), &["--resume"])));
    assert!(read(&folder.path("whole"), WEIGHTS) == read(&out, WEIGHTS), "stopped by SIGTERM");

    // Killed, from one to two.
    let out = folder.path("killed");
    let mut child = trainer(&strs(&run("killed"))).spawn().unwrap();
    wait_for_step(&out, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    done_by(2, &with(&run("killed"), &["--resume"]));
    assert!(read(&folder.path("whole"), WEIGHTS) == read(&out, WEIGHTS), "killed");
}

#[test]
fn a_lost_rank_ends_the_run_with_its_checkpoint() {
    let folder = Folder::new();
    let run = |out: &str| threads(&base_run(&folder.path(out), "200"));
    done(&strs(&run("whole")));
    for lost in [0, 1] {
        let out = folder.path(&format!("lost-{lost}"));
        let args = run(&format!("lost-{lost}"));
        let mut child = ranks(2, &args).spawn().unwrap();
        wait_for_step(&out, &mut child);
        assert!(Command::new("kill").args(["-9", &pid_of_rank(&child, lost).to_string()]).status().unwrap().success());
        let start = Instant::now();
        assert!(!child.wait().unwrap().success());
        assert!(start.elapsed() < Duration::from_secs(60), "the other rank was not ended");
        done_by(2, &with(&args, &["--resume"]));
        assert!(read(&folder.path("whole"), WEIGHTS) == read(&out, WEIGHTS), "rank {lost} was lost");
    }
}

#[test]
fn what_is_wrong_is_said_once() {
    let folder = Folder::new();
    let args = threads(&base_run(&folder.path("run"), "4"));
    // On all ranks.
    let missing = with(&without(&args, &["--data"]), &["--data", "/no/such/folder"]);
    let (success, message) = outcome(&mut ranks(2, &missing));
    assert!(!success && message.matches("error:").count() == 1, "{message}");
    assert!(message.contains("/no/such/folder") && !message.contains("panicked"), "{message}");
    // On one of them, before and after the ranks have met.
    let other = with(&args, &["--seed", "5"]);
    for (other, expected) in [(&missing, "/no/such/folder"), (&other, "has other settings than rank 0 on ")] {
        let mut command = mpirun();
        let program = env!("CARGO_BIN_EXE_trainer");
        command.args(["-n", "1", program]).args(&args).args([":", "-n", "1", program]).args(other);
        let (success, message) = outcome(&mut command);
        assert!(!success && message.contains(expected), "{message}");
        assert_eq!(message.matches("error: rank 1 on ").count(), 1, "{message}");
        assert_eq!(message.matches("error:").count(), 1, "{message}");
    }
    let (success, message) = outcome(&mut ranks(3, &args));
    assert!(!success && message.contains("too few for 3 ranks") && message.contains("--micro-batch"), "{message}");
    assert!(!Path::new(&folder.path("run")).exists(), "nothing was begun");
}

/// Waits for the first step after the first checkpoint.
fn wait_for_step(out: &str, child: &mut Child) {
    wait_for(&Path::new(out).join("metrics.jsonl"), child);
    while read(out, "metrics.jsonl").is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended too soon");
        sleep(Duration::from_millis(2));
    }
}

/// The process of a rank among those that `mpirun` has started.
fn pid_of_rank(mpirun: &Child, rank: usize) -> u32 {
    let names = [format!("OMPI_COMM_WORLD_RANK={rank}"), format!("PMI_RANK={rank}")];
    let out_of = |pid: &str, file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let is_it = |pid: &u32| {
        let environment = out_of(&pid.to_string(), "environ");
        environment.split(|&byte| byte == 0).any(|entry| names.iter().any(|name| name.as_bytes() == entry))
    };
    let below = |pid: u32| -> Vec<u32> {
        let text = out_of(&pid.to_string(), &format!("task/{pid}/children"));
        String::from_utf8_lossy(&text).split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    };
    let children = below(mpirun.id());
    let all = children.iter().copied().chain(children.iter().flat_map(|&child| below(child)));
    all.into_iter().find(is_it).unwrap_or_else(|| panic!("there is no rank {rank} among {children:?}"))
}
