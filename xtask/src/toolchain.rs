//! A Rust compiler for the browser: the active one if it can, or else what can be had on this machine.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    apt,
    command::{command, on_path, output, run_within, say},
    workspace::cargo,
};

pub const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "libstd-rust-web-dev", "lld-19"];
const BY_HAND: &str = "rustup target add wasm32-unknown-unknown";

/// Which compiler makes the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Toolchain {
    /// The one that builds everything else; it has the target's standard library.
    Active,
    /// Debian's, in addition to the active one. It compiles the standard library from source.
    Debian { linker: PathBuf },
}

impl Toolchain {
    pub fn find_or_install() -> Result<Self> {
        if active_has_target() {
            return Ok(Self::Active);
        }
        if let Some(debian) = debian() {
            return Ok(debian);
        }
        if on_path("rustup").is_some() {
            say(format!("installing the Rust target {TARGET}, to compile the engine for the browser"));
            let add = run_within(command("rustup").args(["target", "add", TARGET]), Duration::from_secs(120));
            match add {
                Ok(()) if active_has_target() => return Ok(Self::Active),
                Ok(()) => say("the active toolchain still lacks it"),
                Err(error) => say(format!("{error:#}")),
            }
        }
        let by_hand = format!("no Rust compiler here builds for the browser; run `{BY_HAND}`, then try again");
        if !apt::here() {
            bail!(by_hand);
        }
        apt::install(
            &DEBIAN_PACKAGES,
            "compiling the engine for the browser (a Rust compiler with the standard library's source, and a linker)",
        )
        .context(by_hand)?;
        match debian() {
            Some(debian) => Ok(debian),
            None => bail!(
                "Debian's Rust compiler is older than {}, which this project needs; run `{BY_HAND}`, then try again",
                env!("CARGO_PKG_RUST_VERSION")
            ),
        }
    }

    /// Two compilers in one folder rebuild each other's work.
    pub fn target_folder(&self) -> &'static str {
        match self {
            Self::Active => "wasm",
            Self::Debian { .. } => "wasm-debian",
        }
    }

    /// `cargo build` for the browser, but for what to build.
    pub fn cargo_build(&self) -> Command {
        self.cargo("build")
    }

    /// As [`Toolchain::cargo_build`], for lints. Debian has no clippy for its compiler: there the compiler's own warnings count.
    pub fn cargo_lint(&self) -> Command {
        let mut lint = self.cargo(if *self == Self::Active { "clippy" } else { "check" });
        lint.args(["--config", &format!("target.{TARGET}.rustflags=[\"--deny=warnings\"]")]);
        lint
    }

    fn cargo(&self, task: &str) -> Command {
        let mut build = match self {
            Self::Active => command(cargo()),
            Self::Debian { .. } => command(DEBIAN_CARGO),
        };
        forget_outer_cargo(&mut build);
        build.args([task, "--release", "--target", TARGET]);
        if let Self::Debian { linker } = self {
            build
                .args(["-Z", "build-std=std,panic_abort"])
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", DEBIAN_RUSTC)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                // The libraries of the active toolchain, put here by the outer `cargo run`.
                .env_remove("LD_LIBRARY_PATH")
                .env_remove("RUSTUP_TOOLCHAIN");
        }
        build
    }
}

/// What the outer `cargo run` says about xtask, and flags meant for native code, would mislead the inner cargo.
fn forget_outer_cargo(command: &mut Command) {
    const OTHERS: [&str; 7] = [
        "CARGO",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
        "RUSTC",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
    ];
    for (name, _) in env::vars_os() {
        let known = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || name.starts_with("CARGO_BIN_")
                || name.starts_with("CARGO_CRATE_")
                || OTHERS.contains(&name)
        });
        if known {
            command.env_remove(name);
        }
    }
}

fn active_has_target() -> bool {
    output(command("rustc").args(["--print", "target-libdir", "--target", TARGET]))
        .is_ok_and(|folder| has_std(Path::new(&folder)))
}

fn has_std(libraries: &Path) -> bool {
    libraries
        .read_dir()
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

/// Debian's compiler, if it is whole and new enough.
fn debian() -> Option<Toolchain> {
    if !cfg!(target_os = "linux") || !Path::new(DEBIAN_CARGO).is_file() {
        return None;
    }
    let rustc = |words: &[&str]| output(command(DEBIAN_RUSTC).env_remove("LD_LIBRARY_PATH").args(words));
    let version = rustc(&["--version"]).ok()?;
    if minor_version(&version)? < minor_version(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION")))? {
        return None;
    }
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"]).ok()?);
    if !sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file() {
        return None;
    }
    let linker = ["wasm-ld-19", "wasm-ld-20", "wasm-ld-21", "wasm-ld"].into_iter().find_map(on_path)?;
    Some(Toolchain::Debian { linker })
}

/// 95 of "rustc 1.95.0 (…)".
fn minor_version(version: &str) -> Option<u32> {
    version.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(minor_version("rustc 1.95.0 (59807616e1 2026-04-14)"), Some(95));
        assert_eq!(minor_version("rustc 1.96"), Some(96));
        assert_eq!(minor_version("clang 19"), None);
    }

    #[test]
    fn a_folder_without_std_is_not_a_target() {
        assert!(!has_std(Path::new("no/such/folder")));
    }

    #[test]
    fn debian_builds_the_standard_library_with_its_own_compiler() {
        let debian = Toolchain::Debian { linker: "/usr/bin/wasm-ld-19".into() };
        let build = debian.cargo_build();
        assert_eq!(build.get_program(), DEBIAN_CARGO);
        assert!(build.get_args().any(|word| word == "build-std=std,panic_abort"));
        assert!(build.get_envs().any(|(name, value)| name == "RUSTC" && value == Some(DEBIAN_RUSTC.as_ref())));
        assert!(build.get_envs().any(|(name, value)| name == "LD_LIBRARY_PATH" && value.is_none()));
        assert_ne!(debian.target_folder(), Toolchain::Active.target_folder());
    }
}
