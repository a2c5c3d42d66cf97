//! Names of tensors and of metadata in the dialects of PEFT, diffusers, kohya and LyCORIS.
//!
//! Tests: `tests/it/adapter_names.rs`, `tests/it/lora_files.rs`.

use crate::state::StateDict;

/// The name of the configuration in sentences.
pub(super) const CONFIG_FILE: &str = "adapter_config.json";

/// In front of every module in a file of PEFT.
pub(super) const PEFT_PREFIX: &str = "base_model.model.";
/// In front of every module of a UNet in a file of diffusers.
pub(super) const DIFFUSERS_PREFIX: &str = "unet.";
/// In front of every module of a UNet in a file of kohya.
pub(super) const KOHYA_PREFIX: &str = "lora_unet_";
/// The same in a file of LyCORIS.
pub(super) const LYCORIS_PREFIX: &str = "lycoris_";
/// Where diffusers looks for alpha; without it, it silently takes alpha = rank.
pub(super) const DIFFUSERS_METADATA: &str = "lora_adapter_metadata";
/// SHA-256 of the base weights that the adapter was trained on.
pub(super) const BASE_SHA256: &str = "digit_diffusion.base_sha256";
/// Guidance that the adapter is drawn with where nothing else is said.
pub(super) const GUIDANCE_SCALE: &str = "digit_diffusion.guidance_scale";
/// Where kohya notes the alpha it was asked for, beside the `.alpha` tensors, which alone count.
pub(super) const KOHYA_ALPHA: &str = "ss_network_alpha";

/// What may stand in front of the network's own names: PEFT's and diffusers' names of the whole.
const WHOLE: [&str; 4] = ["base_model", "model", "unet", "diffusion_model"];
/// What stands within, where the network or a part of it was compiled, or wrapped for several GPUs.
const WRAPPERS: [&str; 4] = ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// What a tensor is for its module: one of [`ROLES`], or one of [`LORA_A`] to [`BIAS`].
pub(super) type Role = &'static str;

pub(super) const LORA_A: Role = "lora_A";
pub(super) const LORA_B: Role = "lora_B";
pub(super) const LORA_B_BIAS: Role = "lora_B.bias";
pub(super) const ALPHA: Role = "alpha";
/// A layer's own tensors: of `modules_to_save`, and LyCORIS' name of (IA)³'s factors.
pub(super) const WEIGHT: Role = "weight";
pub(super) const BIAS: Role = "bias";

/// Words that stand behind a module's path, perhaps with an adapter's name and `.weight` behind them.
const ROLES: [(&str, Role); 65] = [
    // diffusers' training scripts.
    ("lora.down", LORA_A),
    ("lora.up", LORA_B),
    ("lora.alpha", ALPHA),
    // LoRA and DoRA: PEFT; kohya and LyCORIS.
    ("lora_A", LORA_A),
    ("lora_B", LORA_B),
    ("lora_magnitude_vector", "lora_magnitude_vector"),
    ("lora_down", LORA_A),
    ("lora_up", LORA_B),
    ("lora_mid", "lora_mid"),
    ("dora_scale", "dora_scale"),
    (ALPHA, ALPHA),
    ("scalar", "scalar"),
    // LoHa.
    ("hada_w1_a", "hada_w1_a"),
    ("hada_w1_b", "hada_w1_b"),
    ("hada_w2_a", "hada_w2_a"),
    ("hada_w2_b", "hada_w2_b"),
    ("hada_t1", "hada_t1"),
    ("hada_t2", "hada_t2"),
    // LoKr.
    ("lokr_w1", "lokr_w1"),
    ("lokr_w1_a", "lokr_w1_a"),
    ("lokr_w1_b", "lokr_w1_b"),
    ("lokr_w2", "lokr_w2"),
    ("lokr_w2_a", "lokr_w2_a"),
    ("lokr_w2_b", "lokr_w2_b"),
    ("lokr_t2", "lokr_t2"),
    // Rotations and reflections: PEFT; LyCORIS.
    ("oft_R", "oft_R"),
    ("boft_R", "boft_R"),
    ("boft_s", "boft_s"),
    ("hra_u", "hra_u"),
    ("oft_blocks", "oft_blocks"),
    ("rescale", "rescale"),
    // (IA)³.
    ("ia3_l", "ia3_l"),
    ("on_input", "on_input"),
    // HiRA, MiSS.
    ("hira_A", "hira_A"),
    ("hira_B", "hira_B"),
    ("miss_block", "miss_block"),
    // GLoRA: PEFT; LyCORIS.
    ("glora_A.Xd", "glora_A.Xd"),
    ("glora_A.Xu", "glora_A.Xu"),
    ("glora_A.X", "glora_A.X"),
    ("glora_A.zeros", "glora_A.zeros"),
    ("glora_B.Xd", "glora_B.Xd"),
    ("glora_B.Xu", "glora_B.Xu"),
    ("glora_B.X", "glora_B.X"),
    ("glora_B.zeros", "glora_B.zeros"),
    ("glora_C.Xd", "glora_C.Xd"),
    ("glora_C.Xu", "glora_C.Xu"),
    ("glora_C.X", "glora_C.X"),
    ("glora_C.zeros", "glora_C.zeros"),
    ("glora_D.Xd", "glora_D.Xd"),
    ("glora_D.Xu", "glora_D.Xu"),
    ("glora_D.X", "glora_D.X"),
    ("glora_D.zeros", "glora_D.zeros"),
    ("glora_E.Xd", "glora_E.Xd"),
    ("glora_E.Xu", "glora_E.Xu"),
    ("glora_E.X", "glora_E.X"),
    ("glora_E.zeros", "glora_E.zeros"),
    ("a1", "a1"),
    ("a2", "a2"),
    ("b1", "b1"),
    ("b2", "b2"),
    ("bm", "bm"),
    // Whole differences: of anything; of norms (LyCORIS).
    ("diff", "diff"),
    ("diff_b", "diff_b"),
    ("w_norm", "diff"),
    ("b_norm", "diff_b"),
];

/// A tensor of an adapter: which module's, and what for.
pub(super) struct Name {
    /// The module's path in the network; with underscores in place of dots where the dialect has them.
    pub path: String,
    /// The path as PEFT knows it, which patterns are matched against: wrappers are still in it.
    pub full: String,
    pub role: Role,
    /// Whether `path` has underscores for dots.
    pub flat: bool,
}

/// kohya's and diffusers' names of what Stable Diffusion reads prompts with.
pub(super) fn is_text_encoder(name: &str) -> bool {
    ["lora_te", "text_encoder"].iter().any(|prefix| name.starts_with(prefix))
}

/// The parts of a tensor's name; nothing where it is no factor and no alpha.
pub(super) fn split(name: &str) -> Option<Name> {
    let (stem, role) = split_ending(name)?;
    for prefix in [KOHYA_PREFIX, LYCORIS_PREFIX] {
        if let Some(mut path) = stem.strip_prefix(prefix) {
            while let Some(rest) = WRAPPERS.iter().find_map(|wrapper| path.strip_prefix(wrapper)?.strip_prefix('_')) {
                path = rest;
            }
            return Some(Name { path: path.to_owned(), full: path.to_owned(), role, flat: true });
        }
    }
    let full = [PEFT_PREFIX, DIFFUSERS_PREFIX].iter().find_map(|prefix| stem.strip_prefix(prefix)).unwrap_or(&stem);
    let mut segments: Vec<&str> = stem.split('.').filter(|segment| !WRAPPERS.contains(segment)).collect();
    let whole = segments.iter().take_while(|segment| WHOLE.contains(segment)).count();
    segments.drain(..whole);
    Some(Name { path: unprocessed(&segments), full: full.to_owned(), role, flat: false })
}

/// The name without its ending, and the role.
fn split_ending(name: &str) -> Option<(String, Role)> {
    // diffusers' old names: `attn1.processor.to_q_lora.down.weight`, `to_q.lora_linear_layer.up.weight`.
    const OLD: [(&str, Role); 5] = [
        (".lora_linear_layer.down.weight", LORA_A),
        (".lora_linear_layer.up.weight", LORA_B),
        ("_lora.down.weight", LORA_A),
        ("_lora.up.weight", LORA_B),
        ("_lora.alpha", ALPHA),
    ];
    if let Some((stem, role)) = OLD.iter().find_map(|(ending, role)| Some((name.strip_suffix(ending)?, *role))) {
        return Some((stem.to_owned(), role));
    }
    for (word, role) in ROLES {
        let Some((stem, rest)) = name.rsplit_once(&format!(".{word}")) else { continue };
        // Behind it an adapter's name, or the word of the tensor, or both.
        let tail: Vec<&str> = rest.split('.').collect();
        match tail[..] {
            ["", "bias"] | ["", _, "bias"] if role == LORA_B => return Some((stem.to_owned(), LORA_B_BIAS)),
            [""] | ["", _, "weight"] => return Some((stem.to_owned(), role)),
            ["", last] if last != "bias" => return Some((stem.to_owned(), role)),
            _ => {}
        }
    }
    let (stem, word) = name.rsplit_once('.')?;
    let role = [WEIGHT, BIAS].into_iter().find(|role| *role == word)?;
    // PEFT's wrapped layers keep their own tensors under a name of theirs.
    Some((stem.strip_suffix(".base_layer").unwrap_or(stem).to_owned(), role))
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

/// The base's module of a flat name: kohya and LyCORIS write "_" for ".", only the base tells which is which.
pub(super) fn flat_path<'a>(base: &'a StateDict, flat: &str) -> Option<&'a str> {
    let is_it = |path: &&str| {
        let underscored = path.bytes().map(|byte| if byte == b'.' { b'_' } else { byte });
        path.len() == flat.len() && underscored.eq(flat.bytes())
    };
    base.keys().filter_map(|key| key.strip_suffix(".weight")).find(is_it)
}
