//! Headings of groups of flags in the help, the same words in all commands.

/// What computes: base, adapters, device.
pub const MODEL: &str = "Model";
/// What is drawn or measured.
pub const PICTURES: &str = "Pictures";
/// How it is drawn.
pub const SAMPLING: &str = "Sampling";
/// What is written, and where.
pub const OUTPUT: &str = "Output";
/// How a command speaks.
pub const MESSAGES: &str = "Messages";

/// Groups of the flags of `eval` and `export`, whose `Args` have other things to say: command, heading, flags.
const GROUPS: [(&str, &str, &[&str]); 8] = [
    ("eval", MODEL, &["base", "lora", "partial", "each", "device"]),
    ("eval", PICTURES, &["count", "seed"]),
    (
        "eval",
        SAMPLING,
        &["steps", "sampler", "timestep_spacing", "guidance", "guidance_start", "guidance_stop", "guidance_eta"],
    ),
    ("eval", "Measures", &["measure", "judges", "judge_epochs", "data", "mnist"]),
    ("eval", OUTPUT, &["out", "card"]),
    ("export", MODEL, &["base", "lora", "only", "partial"]),
    ("export", "Page", &["title", "noun"]),
    ("export", OUTPUT, &["out", "precision"]),
];

/// The heading of a command's flag, where it has none of its own.
pub fn of(command: &str, flag: &str) -> Option<&'static str> {
    let group = GROUPS.iter().find(|(name, _, flags)| *name == command && flags.contains(&flag));
    group.map(|(_, heading, _)| *heading)
}
