//! Machines that lack something: xtask in an environment made up for it, in which cargo, Node and apt-get are scripts.
#![cfg(target_os = "linux")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

const NODE: (&str, &str) = ("node", "echo v22.0.0");
const NPM: (&str, &str) = ("npm", "echo 10.0.0");

/// A folder with programs, which are all on PATH, and a target folder.
struct Machine(TempDir);

impl Machine {
    fn new(programs: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(machine.bin()).unwrap();
        fs::create_dir_all(machine.target()).unwrap();
        // Asked for metadata it answers, and of tests it runs none.
        let cargo = format!("echo '{{\"target_directory\": \"{}\"}}'", machine.target().display());
        for (name, script) in [&[("cargo", &*cargo)], programs].concat() {
            let path = machine.bin().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        machine
    }

    fn bin(&self) -> PathBuf {
        self.0.path().join("bin")
    }

    fn target(&self) -> PathBuf {
        self.0.path().join("target")
    }

    fn xtask(&self, words: &[&str]) -> Command {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let bin = self.bin();
        xtask.args(words).env("CARGO", bin.join("cargo")).env("PATH", bin).stderr(Stdio::piped());
        for name in ["CHROME", "VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            xtask.env_remove(name);
        }
        xtask
    }
}

/// What it says on stderr, failing as it must.
fn complaint(xtask: &mut Command) -> String {
    let output = xtask.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn tests_ask_for_node_before_they_run_anything() {
    for node in [&[][..], &[("node", "echo v18.0.0"), NPM], &[NODE]] {
        let machine = Machine::new(node);
        let said = complaint(&mut machine.xtask(&["test"]));
        assert!(said.contains("Node.js 20.19 or newer"), "{said}");
        assert!(!said.contains("running"), "{said}");
    }
}

#[test]
fn lints_ask_for_node_too() {
    let machine = Machine::new(&[]);
    let said = complaint(&mut machine.xtask(&["lint"]));
    assert!(said.contains("linting JavaScript needs Node.js 20.19 or newer"), "{said}");
}

#[test]
fn tests_ask_for_a_browser_before_they_run_anything() {
    let machine = Machine::new(&[NODE, NPM]);
    for words in [&["test"][..], &["test", "shaders"]] {
        let said = complaint(machine.xtask(words).env("CHROME", "no/such/browser"));
        assert!(said.contains("CHROME names no/such/browser"), "{said}");
        assert!(!said.contains("running"), "{said}");
    }
}

#[test]
fn native_tests_need_neither() {
    let machine = Machine::new(&[]);
    let said = complaint(&mut machine.xtask(&["test", "native"]));
    assert!(said.contains("ran no test"), "{said}");
}

/// Ubuntu has packages of other names, and many a user no right to install any.
const APTS: [&[(&str, &str)]; 2] = [
    &[("apt-get", "echo E: Unable to locate package >&2; exit 100"), ("id", "echo 0")],
    &[("apt-get", ""), ("id", "echo 1000"), ("sudo", "exit 1")],
];

#[test]
fn where_apt_gives_no_browser_another_way_is_told() {
    for apt in APTS {
        let machine = Machine::new(&[apt, &[NODE, NPM]].concat());
        let said = complaint(&mut machine.xtask(&["test", "page"]));
        assert!(said.contains("install one, or name it in CHROME"), "{said}");
        assert!(said.contains("sudo apt-get install chromium"), "{said}");
    }
}

#[test]
fn where_apt_gives_no_compiler_another_way_is_told() {
    for apt in APTS {
        let machine = Machine::new(apt);
        let said = complaint(&mut machine.xtask(&["build"]));
        assert!(said.contains("`rustup target add wasm32-unknown-unknown`"), "{said}");
        assert!(said.contains("sudo apt-get install rustc-web"), "{said}");
    }
}

#[test]
fn one_build_waits_for_another() {
    let machine = Machine::new(&[]);
    let other = File::create(machine.target().join("xtask.lock")).unwrap();
    other.lock().unwrap();
    let mut xtask = machine.xtask(&["build"]).spawn().unwrap();
    let mut said = BufReader::new(xtask.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.next().unwrap(), "xtask: waiting for another xtask that builds here");
    assert!(xtask.try_wait().unwrap().is_none());
    drop(other);
    assert!(said.next().unwrap().contains("no Rust compiler here"));
    assert!(!xtask.wait().unwrap().success());
}
