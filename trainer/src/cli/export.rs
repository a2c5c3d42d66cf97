//! `trainer export`: what the page loads.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::diffusers::{INFO, SCHEDULER_CONFIG, UNET_CONFIG, WEIGHTS};
use diffusion::peft::{LoraConfig, read_adapter};
use diffusion::tensors::Precision;
use serde_json::{Map, Value, json};
use trainer::files::{read, write_atomic};
use trainer::store::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, base_sha256, read_adapter_files, read_base, sha256, write_adapter_folder,
    write_base,
};
use trainer::styles::Style;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "runs/base")]
    base: PathBuf,
    /// Adapter folders; each keeps its folder's name
    #[arg(long, value_name = "DIR")]
    lora: Vec<PathBuf>,
    /// The models folder of the page
    #[arg(long, default_value = "www/models")]
    out: PathBuf,
    /// Precision of the weights files
    #[arg(long, value_enum, default_value_t = Float::F16)]
    precision: Float,
    /// What the page calls the base
    #[arg(long, default_value = "MNIST digits")]
    title: String,
}

/// `--precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Float {
    /// 32 bits
    F32,
    /// 16 bits, half the download
    F16,
}

impl From<Float> for Precision {
    fn from(float: Float) -> Self {
        match float {
            Float::F32 => Self::F32,
            Float::F16 => Self::F16,
        }
    }
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let precision = Precision::from(args.precision);
    let base = read_base(&args.base)?;
    let trained_on = base_sha256(&args.base)?;
    let base_out = args.out.join("base");
    write_base(&base_out, &base, precision)?;
    let shipped_as = base_sha256(&base_out)?;

    let mut adapters = Vec::new();
    for dir in &args.lora {
        let Some(name) = dir.file_name().and_then(|name| name.to_str()) else {
            anyhow::bail!("{} has no folder name to call the adapter by", dir.display());
        };
        let (bytes, config) = read_adapter_files(dir)?;
        let mut adapter = read_adapter(&bytes, config.as_deref(), &base.state)?;
        // The exported base is the same weights in another precision: that is the base the page has.
        match adapter.base_sha256.as_deref() {
            Some(sum) if sum != trained_on && sum != shipped_as => {
                anyhow::bail!("{} was trained on another base than {}", dir.display(), args.base.display());
            }
            _ => adapter.base_sha256 = Some(shipped_as.clone()),
        }
        let config = match config {
            Some(text) => LoraConfig::from_json(&text)?,
            None => LoraConfig::describing(&adapter),
        };
        let relative = format!("lora/{name}/");
        let out = args.out.join("lora").join(name);
        let (title, description) = match Style::named(name) {
            Ok(style) => (style.title.to_owned(), style.description.to_owned()),
            Err(_) => (name.to_owned(), String::new()),
        };
        write_adapter_folder(&out, &adapter, &config, &title, precision)?;
        adapters.push(json!({
            "name": name,
            "title": title,
            "description": description,
            "path": relative,
            "rank": config.r,
            "lora_alpha": config.lora_alpha,
            "base_sha256": shipped_as,
            "files": file_list(&out, &[ADAPTER_CONFIG, ADAPTER_WEIGHTS])?,
        }));
    }
    let manifest = json!({
        "format": "digit-diffusion/1",
        "base": {
            "path": "base/",
            "title": args.title,
            "labels": base.info.labels,
            "image_size": base.info.image_size,
            "files": file_list(&base_out, &[INFO, UNET_CONFIG, SCHEDULER_CONFIG, WEIGHTS])?,
        },
        "adapters": adapters,
    });
    write_atomic(&args.out.join("manifest.json"), format!("{manifest:#}\n").as_bytes())?;
    eprintln!("exported: {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn file_list(dir: &Path, names: &[&str]) -> anyhow::Result<Value> {
    let mut files = Map::new();
    for name in names {
        let bytes = read(&dir.join(name))?;
        files.insert((*name).to_owned(), json!({ "bytes": bytes.len(), "sha256": sha256(&bytes) }));
    }
    Ok(Value::Object(files))
}
