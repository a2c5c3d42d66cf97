//! A GPU for the tests of the shaders, which use Vulkan: the machine's own through its driver, or SwiftShader, the software GPU that
//! Chrome brings along.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{apt, browser, command::say};

/// Where Vulkan's loader looks for drivers, if these are set.
const DRIVER_VARIABLES: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
const SWIFTSHADER: &str = "vk_swiftshader_icd.json";
const LOADER: &str = "libvulkan.so.1";

/// Sets the environment in which `tests` finds a GPU. On Linux that is SwiftShader unless a driver was named, so that every machine
/// tests the same; other systems bring one.
pub fn provide(tests: &mut Command) -> Result<()> {
    if !cfg!(target_os = "linux") || DRIVER_VARIABLES.into_iter().any(|name| env::var_os(name).is_some()) {
        return Ok(());
    }
    let browser = browser::find_or_install()?;
    let Some(driver) = swiftshader_of(&browser) else {
        say("the browser brings no SwiftShader: the shaders are tested on the GPU that wgpu finds");
        return Ok(());
    };
    say(format!("the shaders are tested on {}", driver.display()));
    let bundled = driver.parent().map(|folder| folder.join(LOADER)).filter(|loader| loader.is_file());
    match bundled.as_deref().and_then(Path::parent) {
        Some(folder) => {
            let others = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
            let folders = [folder.to_owned()].into_iter().chain(env::split_paths(&others));
            tests.env("LD_LIBRARY_PATH", env::join_paths(folders)?);
        }
        None if apt::here() && !loader_is_here() => apt::install(&["libvulkan1"], "testing the shaders")?,
        None => {}
    }
    tests.env("VK_ICD_FILENAMES", driver);
    Ok(())
}

/// In the browser's folder, or where Debian and Google put it when the browser's command is a script.
fn swiftshader_of(browser: &Path) -> Option<PathBuf> {
    let real = browser.canonicalize().ok()?;
    let folders = [real.parent()?.to_owned(), "/usr/lib/chromium".into(), "/opt/google/chrome".into()];
    folders.into_iter().map(|folder| folder.join(SWIFTSHADER)).find(|driver| driver.is_file())
}

fn loader_is_here() -> bool {
    ["/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib"]
        .into_iter()
        .any(|folder| Path::new(folder).join(LOADER).exists())
}
