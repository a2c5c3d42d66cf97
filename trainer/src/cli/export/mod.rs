//! `trainer export`: the folder that the page loads, and diffusers; `beside` lists it for a page that has one; `names` are
//! those that it can carry, `card` is its model card, `pipeline` what diffusers draws with, `words` are those of the page.
//! Tests: in `trainer/tests/runs/resume.rs` and `own.rs`.

mod beside;
mod card;
mod names;
mod pipeline;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use diffusion::base::{QUANTIZED_WEIGHTS, WEIGHTS, base_files};
use diffusion::peft::PeftConfig;
use diffusion::quantize::quantize;
use serde_json::{Map, Value, json};
use trainer::files::{read, same_path, write_atomic};
use trainer::messages::{emit, say, shown, warn};
use trainer::store::{
    ADAPTER_WEIGHTS, AdapterFiles, QUANTIZED_ADAPTER, adapter_folder, base_sha256, read_base, sha256,
};

use super::load::{self, split_scale};
use super::precision::Exported;
use beside::MANIFEST;
pub use card::are_digits;
use card::card;
use words::{title_of, words_of};

const CARD: &str = "README.md";

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
    /// Use what of an adapter fits the base, and say what is left out; else such an adapter is refused
    #[arg(long)]
    partial: bool,
    /// The models folder of the page
    #[arg(long, default_value = "www/models")]
    out: PathBuf,
    /// A models folder, with --out in it, whose page offers this base as a further one
    #[arg(long, value_name = "DIR")]
    beside: Option<PathBuf>,
    /// Precision of the weights files. int8 and int6: f16, and beside it a quantized file, which the page takes
    #[arg(long, value_enum, default_value = "int6")]
    precision: Exported,
    /// The page's heading, such as "Capital letters" [default: what --out says for the same classes, or their names]
    #[arg(long)]
    title: Option<String>,
    /// What one picture shows, for the page's words: letter, or one and many as in "leaf,leaves" [default: what --out says
    /// for the same classes; the page then says digit for the classes 0 to 9, else picture]
    #[arg(long, value_name = "ONE[,MANY]")]
    noun: Option<String>,
    /// Guidance that the base is drawn with where nothing else is said [default: what it says itself, or 1.6]
    #[arg(long, value_name = "SCALE")]
    guidance: Option<f64>,
    /// The same of the adapters given by --lora [default: what they say themselves, or the base's]
    #[arg(long, value_name = "SCALE", requires = "lora", value_parser = finite)]
    lora_guidance: Option<f64>,
}

/// A file that is to be written, or without bytes, removed.
type File = (PathBuf, Option<Vec<u8>>);

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (precision, quantization) = args.precision.parts();
    let quantized =
        |bytes: &[u8]| quantization.map(|quantization| quantize(bytes, &sha256(bytes), quantization)).transpose();
    if let Some(title) = &args.title {
        names::check_text("--title", title)?;
    }
    let noun = args.noun.as_deref().map(names::noun).transpose()?;
    args.check_names()?;
    let listing = args.beside.as_ref().map(|beside| beside::Listing::new(beside, &args.out)).transpose()?;
    let mut base = read_base(&args.base)?;
    base.info.guidance_scale = args.guidance.or(base.info.guidance_scale);
    base.info.validate()?;
    names::check_classes(&base.info.labels)?;
    let trained_on = base_sha256(&args.base)?;
    let mut files: Vec<File> = Vec::new();
    let mut base_list = Map::new();
    let mut shipped_as = None;
    for (name, bytes) in base_files(&base, precision)? {
        if name == WEIGHTS {
            shipped_as = Some(sha256(&bytes));
            let path = args.out.join("base").join(QUANTIZED_WEIGHTS);
            let quantized = quantized(&bytes)?;
            base_list
                .extend(quantized.as_deref().map(|bytes| (QUANTIZED_WEIGHTS.to_owned(), in_place_of(WEIGHTS, bytes))));
            files.push((path, quantized));
        }
        base_list.insert(name.to_owned(), entry(&bytes));
        files.push((args.out.join("base").join(name), Some(bytes)));
    }
    // Not listed: the page does not take them.
    files.extend(pipeline::files(&base.info).map(|(name, bytes)| (args.out.join("base").join(name), Some(bytes))));
    let shipped_as = shipped_as.context("the base has no weights file")?;
    if shipped_as != trained_on && same_path(&args.base, &args.out.join("base")) {
        anyhow::bail!(
            "--out {} would write the base over itself in another precision; choose another --out",
            shown(args.out.display())
        );
    }

    // Everything is read and checked before the first file is written.
    let before = args.manifest()?;
    let (mut adapters, dropped) = args.kept(&before, &shipped_as)?;
    // Words for other classes would be wrong ones.
    let same_classes = before["base"]["labels"] == json!(base.info.labels);
    let words = if same_classes { &before["base"] } else { &Value::Null };
    let title = args.title.as_deref().or(words["title"].as_str());
    let title = title.map_or_else(|| title_of(&base.info.labels), str::to_owned);
    let noun = noun.map(|[one, many]| json!({ "one": one, "many": many })).or_else(|| words.get("noun").cloned());
    let noun = noun.filter(|noun| noun["one"].is_string() && noun["many"].is_string());
    for dir in &args.lora {
        let name = name_of(dir).unwrap_or_default();
        let adapter_files = AdapterFiles::read(dir)?;
        let adapter = load::read(&adapter_files, &dir.display().to_string(), &base, args.partial)?;
        // What began as a part of the base becomes LoRA of twice the rank, which has another configuration.
        let was_taken = adapter.modules.values().any(|update| update.taken.is_some());
        let mut adapter = adapter.untaken();
        // The exported base is the same weights in another precision: that is the base the page has.
        match adapter.base_sha256.as_deref() {
            Some(sum) if sum != trained_on && sum != shipped_as => anyhow::bail!(
                "{} was trained on another base than {}; name its own with --base, or train it with --base {}",
                shown(dir.display()),
                shown(args.base.display()),
                shown(args.base.display())
            ),
            _ => adapter.base_sha256 = Some(shipped_as.clone()),
        }
        adapter.guidance_scale = args.lora_guidance.or(adapter.guidance_scale);
        let config = if was_taken { PeftConfig::describing(&adapter) } else { adapter_files.config(&adapter)? };
        let (title, description) = words_of(name, &adapter_files);
        let mut list = Map::new();
        let folder = args.out.join("lora").join(name);
        for (file, bytes) in adapter_folder(&adapter, &config, &title, precision)? {
            list.insert(file.to_owned(), entry(&bytes));
            let target = folder.join(file);
            if same_path(&adapter_files.weights, &target) && bytes != adapter_files.bytes {
                anyhow::bail!(
                    "--out {} would write {name} over the files that it is read from; choose another --out",
                    shown(args.out.display())
                );
            }
            if file == ADAPTER_WEIGHTS {
                let quantized = quantized(&bytes)?;
                list.extend(quantized.as_deref().map(|bytes| (QUANTIZED_ADAPTER.to_owned(), in_place_of(file, bytes))));
                files.push((folder.join(QUANTIZED_ADAPTER), quantized));
            }
            files.push((target, Some(bytes)));
        }
        let mut exported = json!({
            "name": name,
            "title": title,
            "description": description,
            "path": format!("lora/{name}/"),
            "rank": config.r,
            "lora_alpha": config.lora_alpha,
            "base_sha256": shipped_as,
            "files": list,
        });
        if let Some(turbo) = &adapter.turbo {
            exported["turbo"] = serde_json::from_str(&turbo.to_json())?;
        }
        if let Some(scale) = adapter.guidance_scale {
            exported["guidance_scale"] = json!(scale);
        }
        match adapters.iter_mut().find(|kept| kept["name"] == name) {
            Some(kept) => *kept = exported,
            None => adapters.push(exported),
        }
    }
    let mut listed = json!({
        "path": "base/",
        "title": title,
        "labels": base.info.labels,
        "image_size": base.info.image_size,
        "files": &base_list,
    });
    if let Some(noun) = noun {
        listed["noun"] = noun;
    }
    let mut manifest = json!({ "format": "digit-diffusion/1", "base": listed, "adapters": adapters });
    if let Some(bases) = before.get(beside::BASES) {
        manifest[beside::BASES] = bases.clone();
    }
    let about = args.out.join(CARD);
    if !about.exists() {
        let parameters = base.state.values().map(|tensor| tensor.values.len()).sum();
        files.push((about.clone(), Some(card(&title, &base, parameters).into_bytes())));
        say!("a model card to fill in: {}", shown(about.display()));
    }
    for (path, bytes) in files {
        match bytes {
            Some(bytes) => write_atomic(&path, &bytes)?,
            // Of an earlier export: the page would take it for these weights.
            None if path.exists() => {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", shown(path.display())))?
            }
            None => {}
        }
    }
    write_atomic(&args.out.join(MANIFEST), format!("{manifest:#}\n").as_bytes())?;
    if let (Some(listing), Some(beside)) = (listing, &args.beside) {
        listing.write(beside, &base.info, &base_list)?;
    }
    let names: Vec<&str> = adapters.iter().filter_map(|adapter| adapter["name"].as_str()).collect();
    emit(json!({
        "out": args.out.display().to_string(),
        "base": { "title": title, "sha256": shipped_as },
        "adapters": names,
        "dropped": dropped,
    }))?;
    say!("exported: {} with {} adapters {}", shown(args.out.display()), names.len(), names.join(", "));
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// Checks the names that the adapters will have.
    fn check_names(&self) -> anyhow::Result<()> {
        let mut names: Vec<&str> = Vec::new();
        for dir in &self.lora {
            let given = dir.display().to_string();
            let named = shown(&given);
            if let (path, scale) = split_scale(&given)
                && path.len() < given.len()
            {
                anyhow::bail!(
                    "{named} has a strength, which the page's visitor sets; leave it out, or bake it in with `trainer convert --lora {}:{scale} --to peft`",
                    shown(path)
                );
            }
            let Some(name) = name_of(dir) else {
                anyhow::bail!("{named} has no folder name to call the adapter by; rename its folder");
            };
            names::check_adapter(name)?;
            match names.iter().find(|known| names::collide(known, name)) {
                Some(known) if *known == name => {
                    anyhow::bail!("two --lora are called {name}; rename one of the folders")
                }
                Some(known) => anyhow::bail!(
                    "the adapters {known} and {name} would be one folder on disks that know no upper and lower case; rename one of them"
                ),
                None => names.push(name),
            }
        }
        Ok(())
    }

    /// The manifest that is in `--out` already; null where there is none.
    fn manifest(&self) -> anyhow::Result<Value> {
        let path = self.out.join(MANIFEST);
        if !path.exists() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&read(&path)?)
            .map_err(|error| anyhow::anyhow!("{} is not JSON: {error}; mend or remove it", shown(path.display())))
    }

    /// Adapters that this manifest lists and that belong to the same base, and names of those that are listed no more, which a
    /// message tells.
    fn kept(&self, manifest: &Value, base_sha256: &str) -> anyhow::Result<(Vec<Value>, Vec<String>)> {
        if self.only || manifest.is_null() {
            return Ok((Vec::new(), Vec::new()));
        }
        let Some(listed) = manifest["adapters"].as_array() else {
            let path = self.out.join(MANIFEST);
            anyhow::bail!("{} has no list \"adapters\"; mend or remove it, or give --only", shown(path.display()));
        };
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        for adapter in listed {
            let name = adapter["name"].as_str().unwrap_or("an adapter without a name");
            let replaced = self.lora.iter().any(|dir| name_of(dir) == Some(name));
            // A replaced one is kept for its position in the list.
            let reason = if replaced { None } else { self.why_not_kept(adapter, base_sha256) };
            let mut given = self.lora.iter().filter_map(|dir| name_of(dir));
            if let (None, false, Some(new)) = (reason, replaced, given.find(|new| names::collide(new, name))) {
                anyhow::bail!(
                    "{} lists the adapter {name}, which would be one folder with {new} on disks that know no upper and lower case; rename {new}, or give --only",
                    shown(self.out.join(MANIFEST).display())
                );
            }
            match reason {
                None => kept.push(adapter.clone()),
                Some(reason) => {
                    dropped.push(name.to_owned());
                    warn!("{} is no longer listed: {reason}", shown(name));
                }
            }
        }
        Ok((kept, dropped))
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

fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|scale| f64::is_finite(*scale)).ok_or_else(|| "it must be a finite number".to_owned())
}

fn entry(bytes: &[u8]) -> Value {
    json!({ "bytes": bytes.len(), "sha256": sha256(bytes) })
}

/// The entry of a quantized file, which the page takes in another's place.
fn in_place_of(file: &str, bytes: &[u8]) -> Value {
    json!({ "bytes": bytes.len(), "sha256": sha256(bytes), "in_place_of": file })
}
