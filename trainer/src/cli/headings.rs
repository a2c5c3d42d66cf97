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
