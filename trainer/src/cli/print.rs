//! What a command prints to stdout.

use std::io::{ErrorKind, Write, stdout};

/// Prints to stdout. Its reader may stop reading, as `head` does: that is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    match stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
