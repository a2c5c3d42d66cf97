//! Where things are.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::command::{command, output};

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
