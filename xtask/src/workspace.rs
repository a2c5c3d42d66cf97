//! Where things are.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::command::{command, output, say};

pub struct Workspace {
    pub root: PathBuf,
    pub target: PathBuf,
}

impl Workspace {
    pub fn find() -> Result<Self> {
        // Cargo's word at run time comes first: one target folder may serve several checkouts.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().context("xtask lies outside of a workspace")?.to_owned();
        let metadata =
            output(command(cargo()).args(["metadata", "--no-deps", "--format-version=1"]).current_dir(&root))?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
        let target = metadata["target_directory"].as_str().context("`cargo metadata` names no target folder")?.into();
        Ok(Self { root, target })
    }

    /// Waits until no other xtask builds here; none does until what this returns is dropped, or the process ends.
    pub fn hold(&self) -> Result<File> {
        let path = self.target.join("xtask.lock");
        let file = fs::create_dir_all(&self.target)
            .and_then(|()| File::options().append(true).create(true).open(&path))
            .with_context(|| format!("cannot write {}", path.display()))?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            say("waiting for another xtask that builds here");
            file.lock()?;
        }
        // Where the system has no locks, nobody holds anything.
        Ok(file)
    }

    pub fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    pub fn page_tests(&self) -> PathBuf {
        self.root.join("tests/page")
    }
}

/// The cargo that runs us.
pub fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}
