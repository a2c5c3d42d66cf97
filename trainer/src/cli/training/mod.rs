//! What `base` and `lora` share: flags, the run's folder, the loop with its saves and logs, Ctrl-C.

mod args;
mod follow;
mod interrupt;
mod run_folder;
mod run_loop;
mod unchanged;

pub use args::TrainArgs;
pub use interrupt::Interrupt;
pub use run_loop::{is_finished, train};
pub use unchanged::check_unchanged;
