//! The engine, crate `web`, and what teaches, crate `web-training`: compiled for the browser and bound to JavaScript, each in two
//! builds. No wasm-opt: -Oz makes the files 7 % smaller and the compressed ones not at all.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    command::{run, say},
    toolchain::{TARGET, Toolchain},
    workspace::Workspace,
};

/// What the page loads; a folder of its own inside dist/.
pub const FILES: [&str; 8] = [
    "engine.d.ts",
    "engine.js",
    "engine_bg.wasm",
    "engine-relaxed_bg.wasm",
    "training.d.ts",
    "training.js",
    "training_bg.wasm",
    "training-relaxed_bg.wasm",
];

/// A crate, and the script that starts either build of it.
struct Module {
    krate: &'static str,
    script: &'static str,
}

const MODULES: [Module; 2] =
    [Module { krate: "web", script: "engine" }, Module { krate: "web-training", script: "training" }];

/// One way to compile a module.
struct Build {
    /// At the end of the file's name.
    ending: &'static str,
    what: &'static str,
    /// Features of the crate, all others off.
    features: &'static str,
    /// For `-C target-feature`, in addition to .cargo/config.toml's.
    target_features: Option<&'static str>,
}

const BUILDS: [Build; 2] = [
    Build { ending: "", what: "for every browser", features: "", target_features: None },
    Build {
        ending: "-relaxed",
        what: "with fused multiply-add",
        features: "relaxed-simd",
        target_features: Some("+relaxed-simd"),
    },
];

/// What `module` is called in `build`.
fn named(module: &Module, build: &Build) -> String {
    format!("{}{}", module.script, build.ending)
}

/// Compiled to be fast; everything else to be small, which a visitor waits for too.
const FAST: &str = "cpu-kernels";

/// Crates that read a few small files, or hand on to the fast one: as small as can be. A step is as fast as with "s".
const SMALL: [&str; 11] = [
    "diffusion",
    "js-sys",
    "libm",
    "safetensors",
    "serde",
    "serde_core",
    "serde_json",
    "wasm-bindgen",
    "web-training",
    "web-values",
    "zmij",
];

/// Builds what is out of date and returns the folder that holds [`FILES`].
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = Toolchain::find_or_install()?;
    let target = workspace.target.join(toolchain.target_folder());
    let mut compiled = Vec::new();
    for (module, build) in pairs() {
        compiled.push(compile(workspace, &toolchain, &target, module, build)?);
    }
    let engine = target.join("engine");
    let recipe = recipe(&compiled)?;
    let recipe_file = engine.join("recipe");
    if fs::read_to_string(&recipe_file).is_ok_and(|old| old == recipe)
        && FILES.iter().all(|file| engine.join(file).is_file())
    {
        return Ok(engine);
    }
    // The recipe goes first and comes last: a build that was cut short has none.
    if engine.exists() {
        fs::remove_dir_all(&engine)?;
    }
    for ((module, build), compiled) in pairs().zip(&compiled) {
        add(module, build, compiled, &engine)?;
    }
    fs::write(recipe_file, recipe)?;
    Ok(engine)
}

fn pairs() -> impl Iterator<Item = (&'static Module, &'static Build)> {
    MODULES.iter().flat_map(|module| BUILDS.iter().map(move |build| (module, build)))
}

/// Binds a build and puts it into `engine`. The builds differ in instructions alone: one script serves both.
fn add(module: &Module, build: &Build, compiled: &Path, engine: &Path) -> Result<()> {
    let (name, script) = (named(module, build), module.script);
    let bound = engine.join(format!("{name}.new"));
    bind(compiled, script, &bound)?;
    fs::rename(bound.join(format!("{script}_bg.wasm")), engine.join(format!("{name}_bg.wasm")))?;
    for ending in ["js", "d.ts"] {
        let file = format!("{script}.{ending}");
        let (new, there) = (bound.join(&file), engine.join(&file));
        if there.exists() && fs::read(&there)? != fs::read(&new)? {
            bail!("{file} and the build {} need different scripts; they must come from one source", build.what);
        }
        fs::rename(new, there)?;
    }
    Ok(fs::remove_dir_all(bound)?)
}

fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    target: &Path,
    module: &Module,
    build: &Build,
) -> Result<PathBuf> {
    let script = module.script;
    say(format!("compiling the module {script} {} (the first time takes minutes)", build.what));
    let start = Instant::now();
    let mut cargo = toolchain.cargo_build();
    // Other flags in another folder: in one, each build would undo the other's.
    let target = match build.target_features {
        Some(_) => target.join(format!("engine{}", build.ending)),
        None => target.to_owned(),
    };
    cargo
        .args(["--locked", "--package", module.krate, "--no-default-features", "--features", build.features])
        .current_dir(&workspace.root)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "fat");
    let flags: Vec<String> = build
        .target_features
        .map(|features| format!("-Ctarget-feature={features}"))
        .into_iter()
        .chain(anonymous_paths())
        .collect();
    cargo.args(["--config", "profile.release.opt-level=\"s\""]);
    cargo.args(["--config", &format!("profile.release.package.{FAST}.opt-level=3")]);
    for name in SMALL {
        cargo.args(["--config", &format!("profile.release.package.{name}.opt-level=\"z\"")]);
    }
    // A JSON array is a TOML array too.
    cargo.args(["--config", &format!("target.{TARGET}.rustflags={}", serde_json::Value::from(flags))]);
    run(&mut cargo)?;
    took(script, "compiled", start);
    // The next build writes to the same place.
    let kept = target.join(format!("{}.wasm", named(module, build)));
    let made = format!("release/{}.wasm", module.krate.replace('-', "_"));
    fs::copy(target.join(TARGET).join(made), &kept)
        .with_context(|| format!("cargo left no module in {}", target.display()))?;
    Ok(kept)
}

/// Panic messages name source files: leave the builder's home folder out of a public page.
fn anonymous_paths() -> Option<String> {
    let cargo_home = env::var_os("CARGO_HOME")
        .map_or_else(|| env::home_dir().map(|home| home.join(".cargo")), |home| Some(home.into()))?;
    let sources = cargo_home.join("registry").join("src");
    Some(format!("--remap-path-prefix={}=crates", sources.display()))
}

fn bind(compiled: &Path, name: &str, folder: &Path) -> Result<()> {
    let start = Instant::now();
    let mut output = Bindgen::new()
        .input_path(compiled)
        .web(true)
        .and_then(|bindgen| {
            bindgen
                .out_name(name)
                .typescript(true)
                .remove_name_section(true)
                .remove_producers_section(true)
                .generate_output()
        })
        .context("wasm-bindgen cannot bind a module to JavaScript")?;
    let script = output.js().to_owned();
    let imports = output.wasm_mut().imports.iter_mut().map(|import| &mut import.name).collect();
    let script = shorten(imports, &script)?;
    output.emit(folder)?;
    fs::write(folder.join(format!("{name}.js")), script)?;
    took(name, "bound to JavaScript", start);
    Ok(())
}

/// Gives a module's imports short names, and gives back the script with these: wasm-bindgen's end in a hash each, which
/// compression cannot shorten, 6 KB in the engine and its worker together.
fn shorten(mut imports: Vec<&mut String>, script: &str) -> Result<String> {
    let mut names: Vec<String> = imports.iter().map(|name| (**name).clone()).collect();
    names.sort();
    names.dedup();
    let short = |name: &str| Some(format!("${}", names.binary_search_by(|known| known.as_str().cmp(name)).ok()?));
    for name in &mut imports {
        **name = short(name).unwrap_or_default();
    }
    let mut shortened = String::with_capacity(script.len());
    let is_of_word = |letter: char| letter.is_alphanumeric() || ['_', '$'].contains(&letter);
    // Words, and what stands between them.
    for part in script.split_inclusive(|letter| !is_of_word(letter)) {
        let word = part.trim_end_matches(|letter| !is_of_word(letter));
        if word.strip_prefix('$').is_some_and(|number| number.parse::<usize>().is_ok()) {
            bail!("the script of wasm-bindgen has a name {word}, which imports would get");
        }
        shortened += &short(word).unwrap_or_else(|| word.to_owned());
        shortened += &part[word.len()..];
    }
    Ok(shortened)
}

/// All that decides what binding gives.
fn recipe(compiled: &[PathBuf]) -> Result<String> {
    let mut recipe = format!("xtask {}, short names\n", env!("CARGO_PKG_VERSION"));
    for path in compiled {
        let wasm = fs::read(path).with_context(|| format!("cargo left no module at {}", path.display()))?;
        recipe += &format!("{:x}\n", Sha256::digest(wasm));
    }
    Ok(recipe)
}

fn took(script: &str, what: &str, start: Instant) {
    say(format!("{script} {what} in {:.1} s", start.elapsed().as_secs_f64()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_get_short_names_in_the_script_too() {
        let mut names = ["__wbg_new_1f", "__wbg_new_1f2", "__wbg_get_9a"].map(str::to_owned);
        let script = "{ __wbg_new_1f: function(a) {}, __wbg_new_1f2: (__wbg_get_9a), my__wbg_get_9a: 1 }";
        let shortened = shorten(names.iter_mut().collect(), script).unwrap();
        assert_eq!(names, ["$1", "$2", "$0"]);
        assert_eq!(shortened, "{ $1: function(a) {}, $2: ($0), my__wbg_get_9a: 1 }");
        assert!(shorten(names.iter_mut().collect(), "let $7 = 1").is_err());
    }

    #[test]
    fn the_recipe_follows_the_modules() {
        let folder = tempfile::tempdir().unwrap();
        let wasm = folder.path().join("web.wasm");
        fs::write(&wasm, "one").unwrap();
        let of = || recipe(std::slice::from_ref(&wasm)).unwrap();
        let one = of();
        assert_eq!(one, of());
        fs::write(&wasm, "two").unwrap();
        assert_ne!(one, of());
    }
}
