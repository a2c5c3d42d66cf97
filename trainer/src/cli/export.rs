//! `trainer export`: the folder that the page loads. Tests: in `trainer/tests/runs/resume.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use diffusion::base::{WEIGHTS, base_files};
use diffusion::tensors::Precision;
use serde_json::{Map, Value, json};
use trainer::files::{read, same_path, write_atomic};
use trainer::messages::say;
use trainer::store::{AdapterFiles, adapter_folder, base_sha256, read_base, sha256};
use trainer::styles::Style;

use super::precision::Float;

const MANIFEST: &str = "manifest.json";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "www/models/base", required_unless_present = "lora")]
    base: PathBuf,
    /// Adapter folders; each keeps its folder's name. Those that --out lists already stay, if they belong to this base
    #[arg(long, value_name = "DIR")]
    lora: Vec<PathBuf>,
    /// List no other adapters than these
    #[arg(long)]
    only: bool,
    /// The models folder of the page
    #[arg(long, default_value = "www/models")]
    out: PathBuf,
    /// Precision of the weights files
    #[arg(long, value_enum, default_value_t = Float::F16)]
    precision: Float,
    /// What the page calls the base [default: what --out calls it, or its classes]
    #[arg(long)]
    title: Option<String>,
}

/// A file that is to be written.
type File = (PathBuf, Vec<u8>);

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let precision = Precision::from(args.precision);
    let base = read_base(&args.base)?;
    let trained_on = base_sha256(&args.base)?;
    let mut files: Vec<File> = Vec::new();
    let mut base_list = Map::new();
    let mut shipped_as = None;
    for (name, bytes) in base_files(&base, precision)? {
        if name == WEIGHTS {
            shipped_as = Some(sha256(&bytes));
        }
        base_list.insert(name.to_owned(), entry(&bytes));
        files.push((args.out.join("base").join(name), bytes));
    }
    let shipped_as = shipped_as.context("the base has no weights file")?;
    if shipped_as != trained_on && same_path(&args.base, &args.out.join("base")) {
        anyhow::bail!(
            "--out {} would write the base over itself in another precision; choose another --out",
            args.out.display()
        );
    }

    // Everything is read and checked before the first file is written.
    let before = args.manifest()?;
    let mut adapters = args.kept(&before, &shipped_as)?;
    let title = args.title.as_deref().or(before["base"]["title"].as_str());
    let title = title.map_or_else(|| title_of(&base.info.labels), str::to_owned);
    let mut names = BTreeSet::new();
    for dir in &args.lora {
        let Some(name) = name_of(dir) else {
            anyhow::bail!("{} has no folder name to call the adapter by", dir.display());
        };
        if !names.insert(name) {
            anyhow::bail!("two --lora are called {name}; rename one of the folders");
        }
        let adapter_files = AdapterFiles::read(dir)?;
        let mut adapter = adapter_files.adapter(&base.state)?;
        // The exported base is the same weights in another precision: that is the base the page has.
        match adapter.base_sha256.as_deref() {
            Some(sum) if sum != trained_on && sum != shipped_as => anyhow::bail!(
                "{} was trained on another base than {}; train it with --base {}",
                dir.display(),
                args.base.display(),
                args.base.display()
            ),
            _ => adapter.base_sha256 = Some(shipped_as.clone()),
        }
        let config = adapter_files.config(&adapter)?;
        let (title, description) = match Style::named(name) {
            Ok(style) => (style.title.to_owned(), style.description.to_owned()),
            Err(_) => (name.to_owned(), String::new()),
        };
        let mut list = Map::new();
        for (file, bytes) in adapter_folder(&adapter, &config, &title, precision)? {
            list.insert(file.to_owned(), entry(&bytes));
            let target = args.out.join("lora").join(name).join(file);
            if same_path(&adapter_files.weights, &target) && bytes != adapter_files.bytes {
                anyhow::bail!(
                    "--out {} would write {name} over the files that it is read from; choose another --out",
                    args.out.display()
                );
            }
            files.push((target, bytes));
        }
        let exported = json!({
            "name": name,
            "title": title,
            "description": description,
            "path": format!("lora/{name}/"),
            "rank": config.r,
            "lora_alpha": config.lora_alpha,
            "base_sha256": shipped_as,
            "files": list,
        });
        match adapters.iter_mut().find(|kept| kept["name"] == name) {
            Some(kept) => *kept = exported,
            None => adapters.push(exported),
        }
    }
    let manifest = json!({
        "format": "digit-diffusion/1",
        "base": {
            "path": "base/",
            "title": title,
            "labels": base.info.labels,
            "image_size": base.info.image_size,
            "files": base_list,
        },
        "adapters": adapters,
    });
    for (path, bytes) in files {
        write_atomic(&path, &bytes)?;
    }
    write_atomic(&args.out.join(MANIFEST), format!("{manifest:#}\n").as_bytes())?;
    let names: Vec<&str> = adapters.iter().filter_map(|adapter| adapter["name"].as_str()).collect();
    say!("exported: {} with {} adapters {}", args.out.display(), names.len(), names.join(", "));
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// The manifest that is in `--out` already; null where there is none.
    fn manifest(&self) -> anyhow::Result<Value> {
        let path = self.out.join(MANIFEST);
        if !path.exists() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&read(&path)?)
            .map_err(|error| anyhow::anyhow!("{} is not JSON: {error}; mend or remove it", path.display()))
    }

    /// Adapters that this manifest lists and that belong to the same base. A message names those that are listed no more.
    fn kept(&self, manifest: &Value, base_sha256: &str) -> anyhow::Result<Vec<Value>> {
        if self.only || manifest.is_null() {
            return Ok(Vec::new());
        }
        let Some(listed) = manifest["adapters"].as_array() else {
            let path = self.out.join(MANIFEST);
            anyhow::bail!("{} has no list \"adapters\"; mend or remove it, or give --only", path.display());
        };
        let mut kept = Vec::new();
        for adapter in listed {
            let name = adapter["name"].as_str().unwrap_or("an adapter without a name");
            let replaced = self.lora.iter().any(|dir| name_of(dir) == Some(name));
            // A replaced one is kept for its position in the list.
            let reason = if replaced { None } else { self.why_not_kept(adapter, base_sha256) };
            match reason {
                None => kept.push(adapter.clone()),
                Some(reason) => say!("{name} is no longer listed: {reason}"),
            }
        }
        Ok(kept)
    }

    fn why_not_kept(&self, adapter: &Value, base_sha256: &str) -> Option<&'static str> {
        let (Some(path), Some(files)) = (adapter["path"].as_str(), adapter["files"].as_object()) else {
            return Some("its entry has no path or no files");
        };
        if adapter["base_sha256"] != base_sha256 {
            return Some("it belongs to another base, or to this one in another precision");
        }
        let folder = self.out.join(path);
        (!files.keys().all(|file| folder.join(file).is_file())).then_some("its files are gone")
    }
}

/// The name of an adapter: a folder's, which may have a dot in it, or a file's without its extension.
fn name_of(adapter: &Path) -> Option<&str> {
    let name = if adapter.is_dir() { adapter.file_name() } else { adapter.file_stem() };
    name?.to_str()
}

fn title_of(labels: &[String]) -> String {
    const SHOWN: usize = 4;
    match labels {
        labels if labels.iter().map(String::as_str).eq(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]) => {
            "Handwritten digits".to_owned()
        }
        [shown @ .., _] if shown.len() >= SHOWN => format!("{}, …", shown[..SHOWN].join(", ")),
        labels => labels.join(", "),
    }
}

fn entry(bytes: &[u8]) -> Value {
    json!({ "bytes": bytes.len(), "sha256": sha256(bytes) })
}
