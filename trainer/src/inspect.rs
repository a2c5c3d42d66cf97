//! What a file or folder is, for `trainer inspect`. Tests: here and in `trainer/tests/runs`.

mod facts;
mod files;
mod folders;

use std::collections::BTreeMap;
use std::path::Path;

use diffusion::Turbo;
use diffusion::adapter::{Adapter, Update, update_norm};
use diffusion::peft::{PeftConfig, implied_base, is_of_adapter};
use diffusion::quantize::origin;
use diffusion::state::StateDict;
use diffusion::tensors::{Metadata, read_tensors};
use safetensors::SafeTensors;

use crate::autoencoder::holds_autoencoder;
use crate::classifier::Card;
use crate::error::{Error, Result};
use crate::store::{AdapterFiles, base_sha256, base_weights, read_base, sha256, sha256_of};
use crate::train::Checkpoint;
pub use facts::{Facts, ModuleFacts, UnusedFacts};

/// Looks at a file or folder of any kind. `base` is only read for adapters, which can be looked at without it, too.
///
/// # Errors
/// Files that are not there, cannot be read, or are called safetensors and are none.
pub fn inspect(path: &Path, base: &Path) -> Result<Facts> {
    let mut facts = if path.join(diffusion::base::UNET_CONFIG).is_file() {
        base_folder(path)?
    } else if holds_autoencoder(path) {
        folders::autoencoder(path)?
    } else {
        other_than_base(path, base)?
    };
    let known = facts.facts.iter().any(|(name, _)| *name == "run");
    facts.facts.extend(folders::run(path).filter(|_| !known));
    Ok(facts)
}

fn other_than_base(path: &Path, base: &Path) -> Result<Facts> {
    let adapter_files = match AdapterFiles::read(path) {
        Err(Error::NoAdapter { .. }) if !folders::has_parts_of_an_adapter(path) => return folders::folder(path),
        files => files?,
    };
    let bytes = &adapter_files.bytes;
    let called_so = adapter_files.weights.extension().is_some_and(|extension| extension == "safetensors");
    if !called_so && !path.is_dir() && SafeTensors::read_metadata(bytes).is_err() {
        return Ok(files::file(path, bytes));
    }
    // What has no header that can be read is refused by `read_tensors`.
    let header = |key: &str| {
        let metadata = SafeTensors::read_metadata(bytes).ok()?.1.metadata().clone()?;
        metadata.get(key).cloned()
    };
    if header(crate::train::checkpoint::STEP).is_some() {
        return Ok(checkpoint(&Checkpoint::load(path)?));
    }
    if let Some(card) = header("card") {
        return Ok(classifier(path, &card));
    }
    let (tensors, metadata) =
        read_tensors(bytes).map_err(|source| Error::File { path: path.to_owned(), source: source.into() })?;
    let is_adapter = tensors.keys().any(|name| is_of_adapter(name));
    if !is_adapter {
        return Ok(other(bytes, &tensors, &metadata));
    }
    let shown = base.display();
    // Its own base need not be there to see what it is, as a whole or as far as its tensors are read.
    let alone = || {
        let implied = implied_base(bytes)?;
        adapter_files.adapter(&implied).or_else(|error| adapter_files.adapter_partially(&implied).map_err(|_| error))
    };
    let mut refused = None;
    let (adapter, state, misfit) = match read_base(base) {
        Ok(base) => match (adapter_files.adapter(&base.state), adapter_files.adapter_partially(&base.state)) {
            (Ok(adapter), _) => (adapter, base.state, None),
            (Err(error), Ok(adapter)) => {
                refused = Some(error);
                (adapter, base.state, None)
            }
            (Err(misfit), Err(_)) => match alone() {
                Ok(adapter) => (adapter, StateDict::new(), Some(misfit)),
                Err(_) => return Ok(unusable(&misfit, bytes, &tensors, &metadata)),
            },
        },
        Err(misfit) => match alone() {
            Ok(adapter) => (adapter, StateDict::new(), Some(misfit)),
            Err(error) => return Ok(unusable(&error, bytes, &tensors, &metadata)),
        },
    };
    let sum =
        adapter.base_sha256.as_ref().map_or_else(|| "not said in the file".to_owned(), |sum| format!("sha256 {sum}"));
    let belongs = match (&adapter.base_sha256, misfit) {
        (_, Some(misfit)) => format!("{sum}; does not fit {shown} ({misfit}): see --base"),
        (None, None) => sum,
        (Some(known), None) if *known == base_sha256(base)? => format!("{sum}, which is {shown}"),
        (Some(_), None) => format!("{sum}, which is not {shown}"),
    };
    let config = adapter_files.config(&adapter)?;
    let flat = tensors.keys().any(|name| ["lora_unet_", "lycoris_"].iter().any(|prefix| name.starts_with(prefix)));
    let needs = state.is_empty().then(|| facts::needs_the_base(&adapter, flat));
    let mut facts = adapter_facts(&adapter, &state, &config, belongs, (bytes, &metadata));
    facts.facts.extend(needs.map(|needs| ("needs the base", needs)));
    if let Some(error) = refused {
        let reason = reason(&error);
        facts.facts.push(("refused", format!("as a whole: {reason}; --partial uses what fits")));
    }
    Ok(facts)
}

fn base_folder(dir: &Path) -> Result<Facts> {
    let base = read_base(dir)?;
    let parameters: usize = base.state.values().map(|tensor| tensor.values.len()).sum();
    let weights = base_weights(dir)?;
    let bytes: usize = weights.iter().map(|(_, bytes)| bytes.len()).sum();
    let files = if weights.len() == 1 { String::new() } else { format!(" in {} shards", weights.len()) };
    let schedule = &base.schedule;
    let how = if base.autoencoder.is_some() { "encoded" } else { "folded" };
    let facts = vec![
        ("classes", base.info.labels.join(", ")),
        (
            "pictures",
            format!(
                "{0} x {0}{1}, {how} by {2}",
                base.info.image_size,
                facts::colour(base.info.channels),
                base.info.patch_size
            ),
        ),
        ("tokens", format!("{} per class, {} wide", base.info.tokens_per_class, base.unet.cross_attention_dim)),
        ("channels", join(&base.unet.block_out_channels)),
        ("parameters", format!("{parameters} in {} tensors", base.state.len())),
        ("schedule", format!("{:?}, {} timesteps", schedule.beta_schedule, schedule.num_train_timesteps)),
        ("prediction", format!("{:?}", schedule.prediction_type)),
        ("guidance", if base.info.null_class_trained { "learnt" } else { "not learnt: drawn without" }.to_owned()),
        (
            "weights",
            format!("{bytes} bytes{files}, sha256 {}", sha256_of(weights.iter().map(|(_, bytes)| bytes.as_slice()))),
        ),
    ];
    let quantized = weights.first().and_then(|(_, file)| quantized(file));
    let facts = facts.into_iter().chain(quantized).collect();
    Ok(Facts { kind: "base model (diffusers UNet2DConditionModel)", facts, modules: vec![], unused: vec![] })
}

fn checkpoint(checkpoint: &Checkpoint) -> Facts {
    let lora = checkpoint.model.keys().any(|name| name.contains(".lora."));
    let trains = match () {
        () if lora => "an adapter",
        () if checkpoint.model.keys().any(|name| name.starts_with("encoder.")) => "an autoencoder",
        () => "a base",
    };
    let config = &checkpoint.config;
    let facts = vec![
        ("step", checkpoint.step.to_string()),
        ("trains", trains.to_owned()),
        ("tensors", checkpoint.model.len().to_string()),
        ("batch", format!("{} x {}", config.batch_size, config.gradient_accumulation_steps)),
        ("learning rate", config.lr.to_string()),
        ("seed", config.seed.to_string()),
    ];
    Facts { kind: "checkpoint of a run", facts, modules: vec![], unused: vec![] }
}

fn classifier(path: &Path, card: &str) -> Facts {
    let facts = match serde_json::from_str::<Card>(card) {
        Ok(card) => vec![
            ("design", card.design.name().to_owned()),
            ("classes", card.class_names.join(", ")),
            ("pictures", format!("{0} x {0}{1}", card.image_size, facts::colour(card.channels))),
            ("trained on", format!("{} pictures, {} epochs", card.train_images, card.epochs)),
            (
                "test accuracy",
                card.test_accuracy.map_or("not measured".into(), |share| format!("{:.2} %", 100.0 * share)),
            ),
        ],
        Err(error) => vec![("card", format!("unreadable in {}: {error}", path.display()))],
    };
    Facts { kind: "classifier", facts, modules: vec![], unused: vec![] }
}

fn adapter_facts(
    adapter: &Adapter,
    base: &StateDict,
    config: &PeftConfig,
    belongs: String,
    (bytes, metadata): (&[u8], &Metadata),
) -> Facts {
    let mut ranks = BTreeMap::<usize, usize>::new();
    for rank in adapter.modules.values().filter_map(Update::rank) {
        *ranks.entry(rank).or_default() += 1;
    }
    let ranks: Vec<String> = ranks.iter().map(|(rank, count)| format!("{rank} ({count} modules)")).collect();
    let parameters: usize = adapter.modules.values().map(Update::parameters).sum();
    let scaled = adapter.modules.values().any(|update| update.scaling().is_some());
    let mut facts = vec![
        ("kind", adapter.kinds().join(", ")),
        ("tensors", format!("{} of {} used", adapter.used, adapter.used + adapter.unused.len())),
        ("rank", ranks.join(", ")),
        ("scaling", if config.use_rslora { "alpha / sqrt(rank), rank-stabilised" } else { "alpha / rank" }.to_owned()),
        ("parameters", parameters.to_string()),
        ("base", belongs),
        ("weights", format!("{} bytes, sha256 {}", bytes.len(), sha256(bytes))),
    ];
    facts.extend(quantized(bytes));
    facts.retain(|(name, _)| match *name {
        "rank" => !ranks.is_empty(),
        "scaling" => scaled,
        _ => true,
    });
    if let Some(Turbo { steps, sampler, timestep_spacing, with }) = &adapter.turbo {
        let (sampler, spacing) = (sampler.name(), timestep_spacing.name());
        let with = if with.is_empty() { String::new() } else { format!(", together with {}", with.join(", ")) };
        facts.push(("turbo", format!("drawn with {steps} steps of {sampler}, {spacing}, guidance is inside{with}")));
    }
    if let Some(scale) = adapter.guidance_scale {
        facts.push(("guidance", format!("drawn with {scale} where nothing else is said")));
    }
    if let Some(note) = adapter.note() {
        facts.push(("note", note));
    }
    if let Some(title) = metadata.get("modelspec.title") {
        facts.insert(0, ("title", title.clone()));
    }
    let modules = adapter.modules.iter().map(|(path, update)| {
        let divisor = |rank: usize| if config.use_rslora { (rank as f32).sqrt() } else { rank as f32 };
        let alpha = update.scaling().zip(update.rank()).map(|(scaling, rank)| rounded(scaling * divisor(rank)));
        let norm = update_norm(base, path, update);
        ModuleFacts { path: path.clone(), kind: update.kind(), rank: update.rank(), alpha, norm }
    });
    let kind = if adapter.kinds() == ["LoRA"] { "LoRA adapter" } else { "adapter" };
    Facts { kind, facts, modules: modules.collect(), unused: UnusedFacts::of(adapter) }
}

/// An adapter of a kind that is not supported, or for another kind of network.
fn unusable(error: &Error, bytes: &[u8], tensors: &StateDict, metadata: &Metadata) -> Facts {
    let mut facts = other(bytes, tensors, metadata).facts;
    facts.insert(0, ("not usable here", reason(error)));
    Facts { kind: "adapter", facts, modules: vec![], unused: vec![] }
}

/// Why, without the file's path.
fn reason(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn other(bytes: &[u8], tensors: &StateDict, metadata: &Metadata) -> Facts {
    let values: usize = tensors.values().map(|tensor| tensor.values.len()).sum();
    let mut facts = vec![
        ("tensors", tensors.len().to_string()),
        ("values", values.to_string()),
        ("bytes", format!("{}, sha256 {}", bytes.len(), sha256(bytes))),
    ];
    facts.extend(quantized(bytes));
    if !metadata.is_empty() {
        facts.push(("metadata", metadata.keys().cloned().collect::<Vec<_>>().join(", ")));
    }
    let is_network = tensors.contains_key("conv_in.weight") && tensors.contains_key("conv_out.weight");
    let kind = if is_network { "weights of a UNet2DConditionModel: its folder says more" } else { "safetensors file" };
    Facts { kind, facts, modules: vec![], unused: vec![] }
}

/// What quantized weights were made from, by which adapters and links know them.
fn quantized(file: &[u8]) -> Option<(&'static str, String)> {
    origin(file).map(|(precision, from)| ("quantized", format!("to {precision}, from sha256 {from}")))
}

/// To six digits: an alpha that was computed from a scaling is off by a rounding error.
fn rounded(value: f32) -> f32 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

fn join(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use crate::files;
    use diffusion::state::HostTensor;
    use diffusion::tensors::{Precision, write_tensors};
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn what_is_not_there_or_no_safetensors_file_is_refused() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        files::write_atomic(&path, b"not a safetensors file at all").unwrap();
        let base = Path::new("nowhere");
        assert!(matches!(inspect(&dir.path().join("none"), base), Err(Error::Io { .. })));
        assert_eq!(inspect(&path, base).unwrap().kind, "text file");
        let named_so = dir.path().join("notes.safetensors");
        std::fs::rename(&path, &named_so).unwrap();
        assert!(inspect(&named_so, base).unwrap_err().to_string().contains("notes.safetensors"));
        std::fs::remove_file(&named_so).unwrap();
        // What cannot be used is described all the same.
        let tensor = HostTensor { shape: vec![2, 4], values: vec![0.5; 8] };
        let state = StateDict::from([("base_model.model.up.to_q.lora_A.weight".to_owned(), tensor)]);
        let half = dir.path().join("half.safetensors");
        files::write_atomic(&half, &write_tensors(&state, Metadata::new(), Precision::F32).unwrap()).unwrap();
        let facts = inspect(&half, base).unwrap();
        assert_eq!((facts.kind, facts.facts[0].0), ("adapter", "not usable here"));
        assert!(facts.facts.contains(&("values", "8".to_owned())), "{facts:?}");
        // A folder's only safetensors file is the adapter, whatever its name; a folder without any is none.
        assert_eq!(inspect(dir.path(), base).unwrap().kind, "adapter");
        assert!(inspect(tempdir().unwrap().path(), base).unwrap().kind.starts_with("folder with no base"));
    }
}
