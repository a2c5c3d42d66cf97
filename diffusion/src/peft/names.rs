//! Names of tensors and of metadata in the dialects of PEFT, diffusers and kohya.
//!
//! Tests: `tests/it/lora_files.rs`.

use std::collections::BTreeSet;

use crate::state::StateDict;

/// In front of every module in a file of PEFT.
pub(super) const PEFT_PREFIX: &str = "base_model.model.";
/// In front of every module of a UNet in a file of kohya.
pub(super) const KOHYA_PREFIX: &str = "lora_unet_";
/// Where diffusers looks for alpha; without it, it silently takes alpha = rank.
pub(super) const DIFFUSERS_METADATA: &str = "lora_adapter_metadata";
/// SHA-256 of the base weights that the adapter was trained on.
pub(super) const BASE_SHA256: &str = "digit_diffusion.base_sha256";
/// Where kohya says what alpha is, beside the `.alpha` tensors.
pub(super) const KOHYA_ALPHA: &str = "ss_network_alpha";

/// What a tensor is for its module.
#[derive(Clone, Copy)]
pub(super) enum Part {
    A,
    B,
    Alpha,
}

/// kohya's and diffusers' names of what Stable Diffusion reads prompts with.
pub(super) fn is_text_encoder(name: &str) -> bool {
    ["lora_te", "text_encoder"].iter().any(|prefix| name.starts_with(prefix))
}

/// Module path and role of a tensor, in any of the three dialects.
pub(super) fn split_name(name: &str, base: &StateDict) -> Option<(String, Part)> {
    let (stem, part) = split_stem(name)?;
    let Some(flat) = stem.strip_prefix(KOHYA_PREFIX) else {
        return (!is_text_encoder(stem)).then(|| (stem.to_owned(), part));
    };
    // kohya writes the path with "_" for "." : only the base's own names tell which is which.
    let known: BTreeSet<&str> = base.keys().filter_map(|key| key.strip_suffix(".weight")).collect();
    known.into_iter().find(|path| path.replace('.', "_") == flat).map(|path| (path.to_owned(), part))
}

/// The name without what stands around a module's path, and the role.
pub(super) fn split_stem(name: &str) -> Option<(&str, Part)> {
    const ENDINGS: [(&str, Part); 9] = [
        (".lora_A.weight", Part::A),
        (".lora_B.weight", Part::B),
        (".lora_A.default.weight", Part::A),
        (".lora_B.default.weight", Part::B),
        (".lora_down.weight", Part::A),
        (".lora_up.weight", Part::B),
        (".lora.down.weight", Part::A),
        (".lora.up.weight", Part::B),
        (".alpha", Part::Alpha),
    ];
    let (stem, part) = ENDINGS.iter().find_map(|(ending, part)| Some((name.strip_suffix(ending)?, *part)))?;
    Some(([PEFT_PREFIX, "unet."].iter().fold(stem, |s, prefix| s.strip_prefix(prefix).unwrap_or(s)), part))
}
