//! One build of burn: whatever people build natively asks for the same features of third-party crates, so that nothing is compiled
//! twice. Cargo unites features only among the packages of one command; the crate `workspace-hack` makes up the difference.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::Command,
};

use serde_json::Value;

use crate::files::root;

/// What all tests, and so everything, are compiled from.
const TESTS: &[&str] = &["test", "--workspace"];
/// The same for checks, which need no machine code.
const CHECKS: &[&str] = &["check", "--workspace", "--all-targets"];
/// Lints and documentation, with all that can be switched on.
const LINTS: &[&str] =
    &["check", "--workspace", "--all-targets", "--features", "trainer/wgpu,diffusion/wgpu,trainer/mpi"];
const DOCS: &[&str] = &["doc", "--workspace", "--no-deps", "--features", "trainer/wgpu,diffusion/wgpu,trainer/mpi"];
const TRAINER: &[&str] = &["build", "--package", "trainer"];

/// A compilation of a third-party crate: two equal ones are done once.
#[derive(PartialEq)]
struct Unit {
    /// Name and version.
    package: String,
    /// The library, or the build script.
    target: String,
    mode: String,
    /// Optimisation and the like; procedural macros and build scripts have another one than what is shipped.
    profile: String,
    features: BTreeSet<String>,
}

/// What a command compiles of third parties.
struct Build {
    words: &'static [&'static str],
    units: Vec<Unit>,
}

#[test]
fn one_set_of_features() {
    let (tests, trainer) = (Build::by(TESTS), Build::by(TRAINER));
    // MPI's own crates are only there.
    let mut mpi = Build::by(&["test", "--package", "trainer", "--features", "mpi"]);
    mpi.units.retain(|unit| tests.units.iter().any(|other| unit.is_of(other)));
    let mut missing: BTreeMap<String, String> = BTreeMap::new();
    for (narrow, wide) in [
        (&trainer, &tests),
        (&Build::by(&["test", "--package", "trainer"]), &tests),
        (&mpi, &tests),
        (&Build::by(&["test", "--package", "tests"]), &tests),
        (&Build::by(&["check", "--package", "trainer"]), &Build::by(CHECKS)),
        (&Build::by(DOCS), &Build::by(LINTS)),
    ] {
        missing.extend(narrow.differences(wide));
    }
    // `cargo xtask demo` is often the first command. What the trainer needs of it, too, is compiled then.
    let mut xtask = Build::by(&["build", "--package", "xtask"]);
    xtask.units.retain(|unit| trainer.units.iter().any(|other| other.package == unit.package));
    missing.extend(xtask.differences(&tests));
    assert!(
        missing.is_empty(),
        "burn, or what it depends on, would be compiled more than once:\n{}",
        missing.into_values().collect::<Vec<_>>().join("\n")
    );
}

impl Unit {
    /// Whether it is the same crate, for the same purpose, with whatever features.
    fn is_of(&self, other: &Self) -> bool {
        (&self.package, &self.target, &self.mode, &self.profile)
            == (&other.package, &other.target, &other.mode, &other.profile)
    }
}

impl Build {
    /// Asks cargo what the command would compile; nothing is compiled.
    fn by(words: &'static [&'static str]) -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(words)
            .args(["--release", "--locked", "-Zunstable-options", "--unit-graph"])
            .current_dir(root())
            // The only way to ask is not stable yet. The compiler's version is pinned in rust-toolchain.toml.
            .env("RUSTC_BOOTSTRAP", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "cargo {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        let graph: Value = serde_json::from_slice(&output.stdout).unwrap();
        let units: Vec<Unit> = graph["units"].as_array().unwrap().iter().filter_map(unit).collect();
        assert!(units.len() > 50, "cargo {words:?} compiles next to nothing");
        Self { words, units }
    }

    /// What is compiled otherwise than in `wide`, by crate, each with what is to be done.
    fn differences(&self, wide: &Self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for unit in self.units.iter().filter(|unit| !wide.units.contains(unit)) {
            let told = match wide.units.iter().find(|other| other.is_of(unit)) {
                Some(other) => format!(
                    "{} has {:?} in `{}`, but {:?} in `{}`: {}",
                    unit.package,
                    unit.features,
                    self.shown(),
                    other.features,
                    wide.shown(),
                    advice(unit, other)
                ),
                None => format!("{}: `{}` has it not, or with another profile", unit.package, wide.shown()),
            };
            found.insert(unit.package.clone(), told);
        }
        found
    }

    fn shown(&self) -> String {
        format!("cargo {} --release", self.words.join(" "))
    }
}

/// What makes `narrow` the same as `wide`.
fn advice(narrow: &Unit, wide: &Unit) -> String {
    if !narrow.features.is_subset(&wide.features) {
        return "let the crate that asks for it depend on workspace-hack".to_owned();
    }
    let (name, version) = narrow.package.split_once(' ').unwrap_or((&narrow.package, "*"));
    let lacking: Vec<_> = wide.features.difference(&narrow.features).collect();
    // Procedural macros and what they depend on are not optimised, whatever the profile.
    let table = if narrow.profile.contains("\"opt_level\":\"0\"") { "build-dependencies" } else { "dependencies" };
    format!(
        "add `{name} = {{ version = \"{version}\", features = {lacking:?} }}` to [{table}] of workspace-hack/Cargo.toml"
    )
}

/// None for the workspace's own crates.
fn unit(of: &Value) -> Option<Unit> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (source, package) = of["pkg_id"].as_str()?.split_once('#')?;
    if source.starts_with("path+") {
        return None;
    }
    Some(Unit {
        package: package.replace('@', " "),
        target: text(&of["target"]["name"]),
        mode: text(&of["mode"]),
        profile: of["profile"].to_string(),
        features: of["features"].as_array().unwrap().iter().map(text).collect(),
    })
}

#[test]
fn a_difference_is_told_with_what_to_do() {
    let build = |word: &'static [&'static str], features: &[&str]| Build {
        words: word,
        units: vec![Unit {
            package: "memchr 2.8.3".to_owned(),
            target: "memchr".to_owned(),
            mode: "build".to_owned(),
            profile: String::new(),
            features: features.iter().map(|&name| name.to_owned()).collect(),
        }],
    };
    let (narrow, wide) = (build(&["build"], &["std"]), build(&["test"], &["default", "std"]));
    assert_eq!(
        narrow.differences(&wide)["memchr 2.8.3"],
        "memchr 2.8.3 has {\"std\"} in `cargo build --release`, but {\"default\", \"std\"} in `cargo test --release`: \
         add `memchr = { version = \"2.8.3\", features = [\"default\"] }` to [dependencies] of workspace-hack/Cargo.toml"
    );
    assert!(narrow.differences(&narrow).is_empty());
}
