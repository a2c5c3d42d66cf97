//! Ctrl-C, SIGTERM and a closed terminal (SIGHUP). Tests: in `trainer/tests/runs/ends.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether a signal came: while a run trains, the first one asks for an end with a checkpoint, the second one ends the
/// program. Between runs the first one ends it.
pub struct Interrupt {
    stop: Arc<AtomicBool>,
    /// Nothing is there to be saved.
    at_once: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on: before that there is nothing to save, and a signal ends the program as it does any other.
    pub fn listen() -> anyhow::Result<Self> {
        let (stop, at_once) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut signals = vec![SIGINT, SIGTERM];
        #[cfg(unix)]
        if !hangup_is_ignored() {
            signals.push(signal_hook::consts::SIGHUP);
        }
        for signal in signals {
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&at_once))?;
            // In this order: at the first signal the flag is not set yet.
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self { stop, at_once })
    }

    /// From now on there is (`true`), or is not, something to be saved before the program ends.
    pub fn saves(&self, saves: bool) {
        self.at_once.store(!saves, Ordering::Relaxed);
    }

    /// Is set when an end was asked for.
    pub fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Whether an end was asked for.
    pub fn came(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Whether the program was started to outlive its terminal, as `nohup` does it.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let mut before = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, the present one is only written to `before`, which is as large as it says.
    let known = unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), before.as_mut_ptr()) } == 0;
    // SAFETY: all zeros are a valid `sigaction`, and the call above has written another one or nothing.
    known && unsafe { before.assume_init() }.sa_sigaction == libc::SIG_IGN
}
