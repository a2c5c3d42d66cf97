//! What comes from others: its licences, where it is fetched from, and the compiler that builds it.

use std::{env, process::Command};

use spdx::{Expression, LicenseReq, ParseMode};
use toml::Table;

use crate::files::{read, root};

fn table(file: &str) -> Table {
    read(&root().join(file)).parse().unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_crate_has_a_licence_that_may_be_used() {
    let deny = table("deny.toml");
    let allowed: Vec<Expression> = deny["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|licence| Expression::parse(licence.as_str().unwrap()).unwrap())
        .collect();
    let may_be_used =
        |asked: &LicenseReq| allowed.iter().any(|one| one.requirements().any(|allowed| &allowed.req == asked));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--workspace", "--edges", "normal,build,dev", "--prefix", "none"])
        .args(["--format", "{p}|{l}|"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let mut refused: Vec<&str> = tree
        .lines()
        .filter(|line| {
            let licence = line.split('|').nth(1).unwrap_or_default();
            !line.is_empty()
                && !Expression::parse_mode(licence, ParseMode::LAX).is_ok_and(|licence| licence.evaluate(may_be_used))
        })
        .collect();
    refused.sort_unstable();
    refused.dedup();
    assert!(refused.is_empty(), "licences that deny.toml does not allow:\n{}", refused.join("\n"));
}

#[test]
fn all_crates_come_from_one_registry() {
    let lock = table("Cargo.lock");
    for package in lock["package"].as_array().unwrap() {
        if let Some(source) = package.get("source") {
            let source = source.as_str().unwrap();
            assert!(source.starts_with("registry+") && source.ends_with("/crates.io-index"), "{package}");
            assert!(package.get("checksum").is_some(), "{package}");
        }
    }
}

#[test]
fn the_compiler_is_the_one_that_crates_ask_for() {
    let (toolchain, workspace) = (table("rust-toolchain.toml"), table("Cargo.toml"));
    let toolchain = toolchain["toolchain"].as_table().unwrap();
    let (channel, oldest) = (&toolchain["channel"], &workspace["workspace"]["package"]["rust-version"]);
    assert!(channel.as_str().unwrap().starts_with(oldest.as_str().unwrap()), "{channel} is not {oldest}");
    // Components and targets would be downloaded by every command, and fail it where they cannot be.
    assert_eq!(toolchain.len(), 1, "rust-toolchain.toml names a channel only");
}

#[test]
fn every_crate_says_what_it_is() {
    let workspace = table("Cargo.toml");
    for member in workspace["workspace"]["members"].as_array().unwrap() {
        let member = member.as_str().unwrap();
        let manifest = table(&format!("{member}/Cargo.toml"));
        let description = manifest["package"].get("description").and_then(|text| text.as_str());
        assert!(description.is_some_and(|text| text.len() > 20), "{member}/Cargo.toml has no description");
    }
}
