//! What `base`, `lora` and others share: flags, the run's folder, the loop with its saves and logs, Ctrl-C.

mod args;
mod drawing;
mod estimate;
mod interrupt;
mod plan;
mod presets;
mod run_folder;
mod run_loop;
mod sheet;
mod unchanged;

pub use args::{Given, TrainArgs};
pub use drawing::Drawing;
pub use estimate::{passes, say_estimate};
pub use interrupt::Interrupt;
pub use plan::Plan;
pub use presets::{list_presets, print_config};
pub use run_folder::{stored_config, stored_settings};
pub use run_loop::{Run, Work, is_finished};
pub use unchanged::check_unchanged;
