//! How much a visitor downloads.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    iter::Sum,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::service_worker;

/// Builds that only browsers without fused multiply-add fetch.
const PLAIN: [&str; 1] = ["engine/training_bg.wasm"];

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    pub raw: u64,
    pub gzip: u64,
    pub brotli: u64,
}

impl Sum for Size {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), |a, b| Self {
            raw: a.raw + b.raw,
            gzip: a.gzip + b.gzip,
            brotli: a.brotli + b.brotli,
        })
    }
}

/// The sizes of `dist`'s folder `engine` without what teaches, of what a visitor who teaches fetches in addition, and of the whole.
/// Compressing takes long and is remembered in `cache`.
pub fn of_site(dist: &Path, engine: &str, cache: &Path) -> Result<BTreeMap<String, Size>> {
    let sizes = measure(dist, cache)?;
    let of = |wanted: &dyn Fn(&str) -> bool| -> Size {
        let name = |path: &Path| path.strip_prefix(dist).map(|path| path.to_string_lossy().replace('\\', "/"));
        sizes.iter().filter(|(path, _)| name(path).is_ok_and(|name| wanted(&name))).map(|(_, size)| *size).sum()
    };
    let parts = [
        (engine, of(&|name| name.starts_with(engine) && !service_worker::is_for_teaching(name))),
        ("to teach", of(&|name| service_worker::is_for_teaching(name) && !PLAIN.contains(&name))),
        ("dist", of(&|_| true)),
    ];
    Ok(parts.map(|(name, size)| (name.to_owned(), size)).into())
}

/// Shows sizes as a table.
pub fn print(sizes: &BTreeMap<String, Size>) {
    println!("{:<8}{:>16}{:>16}{:>16}", "bytes", "raw", "gzip -9", "brotli -11");
    for (name, Size { raw, gzip, brotli }) in sizes {
        println!("{name:<8}{raw:>16}{gzip:>16}{brotli:>16}");
    }
}

/// The size of every file in `folder`, each compressed by itself, as a host sends it.
fn measure(folder: &Path, cache: &Path) -> Result<BTreeMap<PathBuf, Size>> {
    let known = recall(cache);
    let mut sizes = BTreeMap::new();
    let mut hashes = BTreeMap::new();
    for path in files(folder)? {
        let bytes = fs::read(&path)?;
        let hash = format!("{:x}", Sha256::digest(&bytes));
        let size = match known.get(&hash) {
            Some(size) => *size,
            None => compress(&bytes).with_context(|| format!("cannot compress {}", path.display()))?,
        };
        hashes.insert(hash, size);
        sizes.insert(path, size);
    }
    remember(cache, &hashes)?;
    Ok(sizes)
}

fn compress(bytes: &[u8]) -> io::Result<Size> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes)?;
    let mut brotli = Vec::new();
    brotli::BrotliCompress(
        &mut &*bytes,
        &mut brotli,
        &brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 24, size_hint: bytes.len(), ..Default::default() },
    )?;
    Ok(Size { raw: bytes.len() as u64, gzip: gzip.finish()?.len() as u64, brotli: brotli.len() as u64 })
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.append(&mut files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn recall(cache: &Path) -> BTreeMap<String, Size> {
    let text = fs::read(cache).unwrap_or_default();
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let entries = json.as_object().into_iter().flatten();
    entries
        .filter_map(|(hash, size)| {
            let number = |name: &str| size[name].as_u64();
            let size = Size { raw: number("raw")?, gzip: number("gzip")?, brotli: number("brotli")? };
            Some((hash.clone(), size))
        })
        .collect()
}

fn remember(cache: &Path, sizes: &BTreeMap<String, Size>) -> Result<()> {
    let entries = sizes.iter().map(|(hash, Size { raw, gzip, brotli })| {
        (hash.clone(), json!({ "raw": raw, "gzip": gzip, "brotli": brotli }))
    });
    let json: serde_json::Map<_, _> = entries.collect();
    fs::write(cache, serde_json::to_vec_pretty(&json)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_measured_once_and_add_up() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        fs::create_dir_all(folder.join("dist/engine")).unwrap();
        fs::write(folder.join("dist/engine/a"), [7; 10_000]).unwrap();
        fs::write(folder.join("dist/b"), "short").unwrap();
        let cache = folder.join("sizes.json");

        let first = measure(&folder.join("dist"), &cache).unwrap();
        let total: Size = first.values().copied().sum();
        assert_eq!(total.raw, 10_005);
        assert!(total.brotli < total.gzip && total.gzip < 150, "{total:?}");
        assert_eq!(recall(&cache).len(), 2);
        assert_eq!(measure(&folder.join("dist"), &cache).unwrap(), first);
    }
}
