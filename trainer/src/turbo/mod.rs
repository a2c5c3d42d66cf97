//! Teaching an adapter to draw in few steps: a teacher's runs are recorded once, and a network learns to cross their segments
//! in one step each (see `diffusion::training::Segments`).
//!
//! | file | what |
//! |---|---|
//! | `recorded` | the runs in memory, as what a training learns |
//! | `recording` | drawing them, a part at a time |
//! | `part` | a file of runs |

mod part;
mod recorded;
mod recording;

pub use recorded::Recorded;
pub use recording::{Recording, Told};
