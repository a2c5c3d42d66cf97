//! The factors that the training of an adapter begins with, or goes on with. Tests: in `trainer/tests/runs`.

use std::path::Path;

use diffusion::Base;
use diffusion::adapter::{Adapter, Update};
use diffusion::peft::{PeftConfig, read_adapter};
use diffusion::tensors::Precision;
use trainer::config::LoraSettings;
use trainer::messages::say;
use trainer::store::{AdapterFiles, adapter_folder};
use trainer::train::AdapterOrigin;
use trainer::train::adapter::{initial_adapter, peft_targets};

use super::training::check_unchanged;

/// The factors that training begins with, and their `adapter_config.json`. With `--init`, the settings become those of
/// that adapter.
pub fn initial(
    init: Option<&Path>,
    lora: &mut LoraSettings,
    (base, base_dir, base_sha256): (&Base, &Path, &str),
    seed: u64,
) -> anyhow::Result<(Adapter, PeftConfig)> {
    let Some(path) = init else {
        lora.check()?;
        let adapter = initial_adapter(&base.state, &lora.target_modules, lora.rank, lora.scaling(), seed)?;
        let config = PeftConfig {
            r: lora.rank,
            lora_alpha: lora.alpha,
            lora_dropout: lora.dropout,
            target_modules: serde_json::json!(peft_targets(&base.state, &lora.target_modules)?),
            use_rslora: lora.use_rslora,
            ..PeftConfig::default()
        };
        return Ok((adapter, config));
    };
    let files = AdapterFiles::read(path)?;
    let adapter = files.adapter(&base.state)?;
    if let Some(note) = adapter.note() {
        say!("note: {}: {note}", path.display());
    }
    let trains = |update: &Update| update.lora().is_some_and(|factors| factors.a.shape.len() == 2);
    if let Some((path, update)) = adapter.modules.iter().find(|(_, update)| !trains(update)) {
        if update.lora().is_some() {
            anyhow::bail!("--init has factors of {path}, a convolution; only those of Linears can be trained on");
        }
        anyhow::bail!("--init changes {path} by {}; only LoRA of Linears can be trained on", update.kind());
    }
    if adapter.base_sha256.as_ref().is_some_and(|sum| sum != base_sha256) {
        say!("{} was trained on another base than {}; it goes on on this one", path.display(), base_dir.display());
    }
    let config = PeftConfig { lora_dropout: lora.dropout, ..files.config(&adapter)? };
    *lora = LoraSettings {
        rank: config.r,
        alpha: config.lora_alpha,
        use_rslora: config.use_rslora,
        target_modules: adapter.modules.keys().cloned().collect(),
        dropout: lora.dropout,
    };
    // Exactly as it will be read when the run is resumed: the scaling that an alpha gives is off by a rounding error.
    let [(_, text), (_, weights)] = adapter_folder(&adapter, &config, "", Precision::F32)?;
    let adapter = read_adapter(&weights, Some(std::str::from_utf8(&text)?), &base.state)?;
    Ok((adapter, config))
}

/// The factors and configuration of a resumed run, as it has written them.
pub fn resumed(
    has_init: bool,
    out: &Path,
    base: &Base,
    AdapterOrigin { settings: started, adapter_config, .. }: &AdapterOrigin,
    now: &mut LoraSettings,
) -> anyhow::Result<(Adapter, PeftConfig)> {
    if has_init {
        // The adapter's own settings, whatever a configuration says.
        *now = LoraSettings { dropout: now.dropout, ..started.clone() };
    }
    check_unchanged(started, now, &[])?;
    let mut files = AdapterFiles::read(out)?;
    // The file in the folder may have been edited since.
    if !adapter_config.is_empty() {
        files.config = Some(adapter_config.clone());
    }
    let adapter = files.adapter(&base.state)?;
    let config = files.config(&adapter)?;
    Ok((adapter, config))
}
