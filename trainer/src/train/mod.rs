//! Training of base models and adapters, by one loop.
//!
//! | file | what |
//! |---|---|
//! | `trainer` | the loop |
//! | `batch` | pictures, labels, timesteps and noise of a step |
//! | `augment` | small changes of the pictures, for small sets |
//! | `loss` | target, loss and weight of each timestep |
//! | `trained` | what is trained, as one vector: |
//! | `network_parameters` | a network's own parameters |
//! | `adapter_parameters` | those of an adapter of any kind on a frozen base |
//! | `layout` | where each parameter lies in the vector |
//! | `adapter` | the adapter that training begins with, and the trained one |
//! | `input_dropout` | dropout of the adapted modules' inputs |
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
mod adapter_parameters;
pub mod augment;
mod batch;
mod best;
pub mod checkpoint;
mod ema;
pub(crate) mod gradients;
mod input_dropout;
mod layout;
mod loss;
mod network_parameters;
mod optimizer;
mod progress;
mod together;
mod trained;
mod trainer;
mod validation;

pub use crate::config::{LossKind, TrainConfig};
pub use best::Validated;
pub use checkpoint::{AdapterOrigin, Checkpoint, Origin};
pub use trainer::{StepReport, Trainer};
pub use validation::draws_on;
