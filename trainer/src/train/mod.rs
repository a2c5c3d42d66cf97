//! Training of base models and adapters, by one loop.
//!
//! | file | what |
//! |---|---|
//! | `trainer` | the loop |
//! | `batch` | pictures, labels, timesteps and noise of a step |
//! | `loss` | target, loss and weight of each timestep |
//! | `adapter` | LoRA factors on a frozen base |
//! | `lora_dropout` | dropout of the factors' inputs |
//! | `parameter_vector` | all trained parameters as one vector |
//! | `gradients` | gradients of a step's jobs, and their sum |
//! | `optimizer` | AdamW |
//! | `ema` | the moving average of the weights |
//! | `together` | a step of several ranks |
//! | `checkpoint` | what a run needs to go on later |
//!
//! Its settings are [`crate::config::TrainConfig`].

pub mod adapter;
mod batch;
pub mod checkpoint;
mod ema;
pub(crate) mod gradients;
mod lora_dropout;
mod loss;
mod optimizer;
mod parameter_vector;
mod together;
mod trainer;

pub use crate::config::{LossKind, TrainConfig};
pub use checkpoint::{AdapterOrigin, Checkpoint, Origin};
pub use trainer::{StepReport, Trainer};
