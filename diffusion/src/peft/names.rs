//! Names of tensors and of metadata in the dialects of PEFT, diffusers, kohya and LyCORIS.
//!
//! Tests: `tests/it/adapter_names.rs`, `tests/it/lora_files.rs`.

use std::collections::BTreeMap;

use crate::state::StateDict;

/// The name of the configuration in sentences.
pub(super) const CONFIG_FILE: &str = "adapter_config.json";

/// In front of every module in a file of PEFT.
pub(super) const PEFT_PREFIX: &str = "base_model.model.";
/// In front of every module of a UNet in a file of kohya.
pub(super) const KOHYA_PREFIX: &str = "lora_unet_";
/// The same in a file of LyCORIS.
const LYCORIS_PREFIX: &str = "lycoris_";
/// Where diffusers looks for alpha; without it, it silently takes alpha = rank.
pub(super) const DIFFUSERS_METADATA: &str = "lora_adapter_metadata";
/// SHA-256 of the base weights that the adapter was trained on.
pub(super) const BASE_SHA256: &str = "digit_diffusion.base_sha256";
/// Where kohya notes the alpha it was asked for, beside the `.alpha` tensors, which alone count.
pub(super) const KOHYA_ALPHA: &str = "ss_network_alpha";

/// What may stand in front of the network's own names: PEFT's and diffusers' names of the whole.
const WHOLE: [&str; 4] = ["base_model", "model", "unet", "diffusion_model"];
/// What stands within, where the network or a part of it was compiled, or wrapped for several GPUs.
const WRAPPERS: [&str; 4] = ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// What a tensor is for its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    A,
    B,
    Alpha,
}

/// A tensor of an adapter: which module's, and what for.
pub(super) struct Name {
    /// The module's path in the network; with underscores in place of dots where the dialect has them.
    pub path: String,
    /// The path as PEFT knows it, which patterns are matched against: wrappers are still in it.
    pub full: String,
    pub part: Part,
    /// Whether `path` has underscores for dots.
    pub flat: bool,
}

/// kohya's and diffusers' names of what Stable Diffusion reads prompts with.
pub(super) fn is_text_encoder(name: &str) -> bool {
    ["lora_te", "text_encoder"].iter().any(|prefix| name.starts_with(prefix))
}

/// The parts of a tensor's name; nothing where it is no factor and no alpha.
pub(super) fn split(name: &str) -> Option<Name> {
    let (stem, part) = split_ending(name)?;
    for prefix in [KOHYA_PREFIX, LYCORIS_PREFIX] {
        if let Some(mut path) = stem.strip_prefix(prefix) {
            while let Some(rest) = WRAPPERS.iter().find_map(|wrapper| path.strip_prefix(wrapper)?.strip_prefix('_')) {
                path = rest;
            }
            return Some(Name { path: path.to_owned(), full: path.to_owned(), part, flat: true });
        }
    }
    let full = [PEFT_PREFIX, "unet."].iter().find_map(|prefix| stem.strip_prefix(prefix)).unwrap_or(&stem);
    let mut segments: Vec<&str> = stem.split('.').filter(|segment| !WRAPPERS.contains(segment)).collect();
    let whole = segments.iter().take_while(|segment| WHOLE.contains(segment)).count();
    segments.drain(..whole);
    Some(Name { path: unprocessed(&segments), full: full.to_owned(), part, flat: false })
}

/// The name without its ending, and the role.
fn split_ending(name: &str) -> Option<(String, Part)> {
    const ENDINGS: [(&str, Part); 8] = [
        (".lora_down.weight", Part::A),
        (".lora_up.weight", Part::B),
        (".lora.down.weight", Part::A),
        (".lora.up.weight", Part::B),
        (".lora_linear_layer.down.weight", Part::A),
        (".lora_linear_layer.up.weight", Part::B),
        // diffusers before 0.20: `attn1.processor.to_q_lora.down.weight`.
        ("_lora.down.weight", Part::A),
        ("_lora.up.weight", Part::B),
    ];
    if let Some(stem) = name.strip_suffix(".alpha") {
        let stem = [".lora", "_lora"].iter().find_map(|ending| stem.strip_suffix(ending)).unwrap_or(stem);
        return Some((stem.to_owned(), Part::Alpha));
    }
    // PEFT, perhaps with the adapter's name.
    for (marker, part) in [(".lora_A.", Part::A), (".lora_B.", Part::B)] {
        if let Some((stem, rest)) = name.rsplit_once(marker)
            && (rest == "weight" || rest.strip_suffix(".weight").is_some_and(|adapter| !adapter.contains('.')))
        {
            return Some((stem.to_owned(), part));
        }
    }
    ENDINGS.iter().find_map(|(ending, part)| Some((name.strip_suffix(ending)?.to_owned(), *part)))
}

/// The path of the module that an attention processor's factors belong to: those of `attn1.processor.to_out` are
/// `attn1.to_out.0`'s, which is a list with the dropout behind it.
fn unprocessed(segments: &[&str]) -> String {
    match segments {
        [attention @ .., "processor", "to_out"] => format!("{}.to_out.0", attention.join(".")),
        [attention @ .., "processor", module] => format!("{}.{module}", attention.join(".")),
        _ => segments.join("."),
    }
}

/// The base's modules by their flat names: kohya and LyCORIS write "_" for ".", only the base tells which is which.
pub(super) fn flat_paths(base: &StateDict) -> BTreeMap<String, &str> {
    base.keys().filter_map(|key| key.strip_suffix(".weight")).map(|path| (path.replace('.', "_"), path)).collect()
}
