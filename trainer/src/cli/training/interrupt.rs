//! Ctrl-C and SIGTERM. Tests: in `trainer/tests/runs/ends.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether Ctrl-C or SIGTERM came: the first one asks for an end with a checkpoint, the second one ends the program.
pub struct Interrupt(pub Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on: before that there is nothing to save, and Ctrl-C ends at once.
    pub fn listen() -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: at the first signal the flag is not set yet.
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self(stop))
    }

    /// Whether an end was asked for.
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
