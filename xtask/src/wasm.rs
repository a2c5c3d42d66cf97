//! The engine: crate `web`, compiled for the browser and bound to JavaScript. No wasm-opt: its -O3 took four minutes,
//! left the speed as it was and made the compressed engine larger (2.52 against 2.43 MB in brotli).

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    command::{run, say},
    toolchain::{TARGET, Toolchain},
    workspace::Workspace,
};

/// What the page loads; a folder of its own inside dist/.
pub const FILES: [&str; 3] = ["engine.js", "engine_bg.wasm", "engine.d.ts"];

/// Builds what is out of date and returns the folder that holds [`FILES`].
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = Toolchain::find_or_install()?;
    let target = workspace.target.join(toolchain.target_folder());
    let compiled = compile(workspace, &toolchain, &target)?;
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
    bind(&compiled, &engine)?;
    fs::write(recipe_file, recipe)?;
    Ok(engine)
}

fn compile(workspace: &Workspace, toolchain: &Toolchain, target: &Path) -> Result<PathBuf> {
    say("compiling the engine for the browser (minutes the first time)");
    let start = Instant::now();
    let mut cargo = toolchain.cargo_build();
    cargo
        .args(["--locked", "--package", "web"])
        .current_dir(&workspace.root)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    if let Some(flags) = anonymous_paths() {
        cargo.args(["--config", &flags]);
    }
    run(&mut cargo)?;
    took("compiled", start);
    Ok(target.join(TARGET).join("release/web.wasm"))
}

/// Panic messages name source files: leave the builder's home folder out of a public page.
fn anonymous_paths() -> Option<String> {
    let cargo_home = env::var_os("CARGO_HOME")
        .map_or_else(|| env::home_dir().map(|home| home.join(".cargo")), |home| Some(home.into()))?;
    let sources = cargo_home.join("registry").join("src");
    let flag = format!("--remap-path-prefix={}=crates", sources.display());
    // A JSON string is a TOML string too.
    let flag = serde_json::Value::from(flag);
    Some(format!("target.{TARGET}.rustflags=[{flag}]"))
}

fn bind(compiled: &Path, engine: &Path) -> Result<()> {
    let start = Instant::now();
    Bindgen::new()
        .input_path(compiled)
        .web(true)
        .and_then(|bindgen| {
            bindgen
                .out_name("engine")
                .typescript(true)
                .remove_name_section(true)
                .remove_producers_section(true)
                .generate(engine)
        })
        .context("wasm-bindgen cannot bind the engine to JavaScript")?;
    took("bound to JavaScript", start);
    Ok(())
}

/// All that decides what binding gives.
fn recipe(compiled: &Path) -> Result<String> {
    let wasm = fs::read(compiled).with_context(|| format!("cargo left no engine at {}", compiled.display()))?;
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!("{:x}\nxtask {version}\n", Sha256::digest(wasm)))
}

fn took(what: &str, start: Instant) {
    say(format!("engine {what} in {:.1} s", start.elapsed().as_secs_f64()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_follows_the_engine() {
        let folder = env::temp_dir().join(format!("xtask-recipe-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let wasm = folder.join("web.wasm");
        fs::write(&wasm, "one").unwrap();
        let one = recipe(&wasm).unwrap();
        assert_eq!(one, recipe(&wasm).unwrap());
        fs::write(&wasm, "two").unwrap();
        assert_ne!(one, recipe(&wasm).unwrap());
        fs::remove_dir_all(folder).unwrap();
    }
}
