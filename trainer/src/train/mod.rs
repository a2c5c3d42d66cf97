//! Training of base models and adapters, by one loop.
//!
//! | file | what |
//! |---|---|
//! | `trainer` | the loop |
//! | `batch` | pictures, labels, timesteps and noise of a step |
//! | `augment` | small changes of the pictures, for small sets |
//! | `loss` | target, loss and weight of each timestep |
//! | `adapter` | LoRA factors on a frozen base |
//! | `lora_dropout` | dropout of the factors' inputs |
//! | `parameter_vector` | all trained parameters as one vector |
//! | `gradients` | gradients of a step's jobs, and their sum |
//! | `optimizer` | AdamW |
//! | `ema` | the moving average of the weights |
//! | `validation` | the loss on held-out pictures, and the weights that had the least |
//! | `progress` | going on from a checkpoint; the weights to be saved |
//! | `together` | a step of several ranks |
//! | `checkpoint` | what a run needs to go on later |
//!
//! Its settings are [`crate::config::TrainConfig`].

pub mod adapter;
pub mod augment;
mod batch;
mod best;
pub mod checkpoint;
mod ema;
pub(crate) mod gradients;
mod lora_dropout;
mod loss;
mod optimizer;
mod parameter_vector;
mod progress;
mod together;
mod trainer;
mod validation;

pub use crate::config::{LossKind, TrainConfig};
pub use best::Validated;
pub use checkpoint::{AdapterOrigin, Checkpoint, Origin};
pub use trainer::{StepReport, Trainer};
pub use validation::draws_on;
