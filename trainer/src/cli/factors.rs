//! The values that the training of an adapter begins with, or goes on with. Tests: in `trainer/tests/runs`.

use std::path::Path;

use anyhow::Context;
use diffusion::Base;
use diffusion::adapter::Adapter;
use diffusion::peft::{PeftConfig, PeftType, read_adapter};
use diffusion::tensors::Precision;
use serde_json::json;
use trainer::config::{AdapterKind, LoraSettings};
use trainer::messages::{say, shown};
use trainer::store::{AdapterFiles, adapter_folder};
use trainer::train::AdapterOrigin;
use trainer::train::adapter::{initial_adapter, peft_targets};

use super::training::check_unchanged;

/// The adapter that training begins with, and its `adapter_config.json`. With `--init`, the settings become those of
/// that adapter.
pub fn initial(
    init: Option<&Path>,
    lora: &mut LoraSettings,
    (base, base_dir, base_sha256): (&Base, &Path, &str),
    seed: u64,
) -> anyhow::Result<(Adapter, PeftConfig)> {
    let Some(path) = init else {
        let adapter = initial_adapter(&base.state, lora, seed)?;
        let config = new_config(base, lora)?.fitting(&adapter);
        return Ok((adapter, config));
    };
    let files = AdapterFiles::read(path)?;
    let adapter = files.adapter(&base.state)?;
    if let Some(note) = adapter.note() {
        say!("note: {}: {note}", shown(path.display()));
    }
    if adapter.modules.values().any(|update| update.taken.is_some()) {
        say!("{} began as a part of the base: it goes on as LoRA of twice its rank", shown(path.display()));
    }
    let mut adapter = adapter.untaken();
    if adapter.base_sha256.as_ref().is_some_and(|sum| sum != base_sha256) {
        say!(
            "{} was trained on another base than {}; it goes on on this one",
            shown(path.display()),
            shown(base_dir.display())
        );
    }
    let mut config = PeftConfig { lora_dropout: lora.dropout, ..files.config(&adapter)? };
    let mut settings = LoraSettings {
        kind: kind(config.peft_type),
        rank: config.r.max(1),
        alpha: if config.lora_alpha == 0.0 { lora.alpha } else { config.lora_alpha },
        use_rslora: config.use_rslora,
        dora: config.use_dora,
        dropout: lora.dropout,
        ..LoraSettings::default()
    };
    if !lora.add_modules.is_empty() {
        // Rank and alpha are those of the further modules, as given.
        settings = LoraSettings {
            kind: settings.kind,
            use_rslora: settings.use_rslora,
            dora: settings.dora,
            target_modules: lora.add_modules.clone(),
            ..lora.clone()
        };
        for (path, update) in initial_adapter(&base.state, &settings, seed)?.modules {
            adapter.modules.entry(path).or_insert(update);
        }
        config = config.fitting(&adapter);
    }
    *lora = LoraSettings { target_modules: adapter.modules.keys().cloned().collect(), ..settings };
    // Exactly as it will be read when the run is resumed: the scaling that an alpha gives is off by a rounding error.
    let folder = adapter_folder(&adapter, &config, "", Precision::F32);
    let [(_, text), (_, weights)] = folder.with_context(|| {
        format!(
            "{} cannot be trained on as it is; make LoRA of it first (trainer convert --rank N)",
            shown(path.display())
        )
    })?;
    let adapter = read_adapter(&weights, Some(std::str::from_utf8(&text)?), &base.state)?;
    Ok((adapter, config))
}

/// The `adapter_config.json` of an adapter from nothing.
fn new_config(base: &Base, lora: &LoraSettings) -> anyhow::Result<PeftConfig> {
    let (peft_type, settings) = match lora.kind {
        AdapterKind::Loha => {
            (PeftType::Loha, json!({ "init_weights": true, "rank_dropout": 0.0, "module_dropout": 0.0 }))
        }
        AdapterKind::Lokr => {
            let factor = if lora.decompose_factor == 0 { json!(-1) } else { json!(lora.decompose_factor) };
            let settings = json!({
                "init_weights": true, "rank_dropout": 0.0, "module_dropout": 0.0, "rank_dropout_scale": false,
                "decompose_both": false, "decompose_factor": factor,
            });
            (PeftType::Lokr, settings)
        }
        _ => (PeftType::Lora, json!({})),
    };
    Ok(PeftConfig {
        peft_type,
        r: lora.rank,
        lora_alpha: lora.alpha,
        lora_dropout: lora.dropout,
        rank_pattern: lora.ranks()?,
        alpha_pattern: lora.alphas()?,
        target_modules: json!(peft_targets(&base.state, &lora.target_modules)?),
        use_rslora: lora.use_rslora,
        use_dora: lora.dora,
        settings: settings.as_object().cloned().unwrap_or_default(),
        ..PeftConfig::default()
    })
}

fn kind(peft_type: PeftType) -> AdapterKind {
    match peft_type {
        PeftType::Lora => AdapterKind::Lora,
        PeftType::Loha => AdapterKind::Loha,
        PeftType::Lokr => AdapterKind::Lokr,
        PeftType::Oft => AdapterKind::Oft,
        PeftType::Boft => AdapterKind::Boft,
        PeftType::Hra => AdapterKind::Hra,
        PeftType::Ia3 => AdapterKind::Ia3,
        PeftType::Glora => AdapterKind::Glora,
        PeftType::Hira => AdapterKind::Hira,
        PeftType::Miss => AdapterKind::Miss,
    }
}

/// The adapter and configuration of a resumed run, as it has written them.
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
