//! What a command prints to stdout.

use trainer::messages;

/// Prints for people, see [`messages::print`].
pub fn print(text: &str) -> anyhow::Result<()> {
    Ok(messages::print(text)?)
}
