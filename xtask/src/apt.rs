//! Debian's packages, where they can be installed without asking anybody.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command::{command, on_path, output, run, say};

/// Whether this is a Debian-like machine.
pub fn here() -> bool {
    cfg!(target_os = "linux") && on_path("apt-get").is_some()
}

/// The command that a person would type.
pub fn by_hand(packages: &[&str]) -> String {
    format!("sudo apt-get install {}", packages.join(" "))
}

/// Installs `packages`; `what_for` ends the sentence "… is installed for".
pub fn install(packages: &[&str], what_for: &str) -> Result<()> {
    let Some(sudo) = privilege() else {
        bail!(
            "{what_for} needs packages that only the administrator can install; run `{}`, then try again",
            by_hand(packages)
        );
    };
    say(format!("installing Debian's {} for {what_for}", packages.join(", ")));
    let apt = |words: &[&str]| {
        let mut apt = match sudo {
            Privilege::Root => command("apt-get"),
            Privilege::Sudo => sudo_command("apt-get"),
        };
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(words);
        apt
    };
    // --no-remove: a package that would push out another one is for its owner to decide.
    let words = ["install", "-y", "-qq", "--no-install-recommends", "--no-remove"];
    let words = [&words, packages].concat();
    // On a fresh machine there are no package lists yet, or old ones.
    if run(apt(&words).stdout(Stdio::null()).stderr(Stdio::null())).is_ok() {
        return Ok(());
    }
    run(apt(&["update", "-qq"]).stdout(Stdio::null()))
        .and_then(|()| run(apt(&words).stdout(Stdio::null())))
        .with_context(|| {
            format!("the packages for {what_for} could not be installed; run `{}`, then try again", by_hand(packages))
        })
}

#[derive(Clone, Copy)]
enum Privilege {
    Root,
    Sudo,
}

fn privilege() -> Option<Privilege> {
    if output(command("id").arg("-u")).is_ok_and(|id| id == "0") {
        return Some(Privilege::Root);
    }
    output(sudo_command("true").stderr(Stdio::null())).is_ok().then_some(Privilege::Sudo)
}

fn sudo_command(program: &str) -> Command {
    let mut sudo = command("sudo");
    sudo.args(["--non-interactive", program]);
    sudo
}
