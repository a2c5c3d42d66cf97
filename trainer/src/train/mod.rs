//! Training of base models and adapters; an autoencoder's shares its steps. Batches, noise, weights of timesteps, augmentation, schedules and what
//! else needs no device are those of [`diffusion::training`], which a browser trains by, too.
//!
//! | file | what |
//! |---|---|
//! | `training` | a run of steps, whatever it trains |
//! | `trainer` | that of a base or an adapter |
//! | `loss` | the loss of a job in burn's graph |
//! | `source` | what is learnt: rows of pictures, or of a teacher's runs |
//! | `trained` | what is trained, as one vector: |
//! | `network_parameters` | a network's own parameters |
//! | `adapter_parameters` | those of an adapter of any kind on a frozen base |
//! | `tensors` | that vector on burn's devices |
//! | `adapter` | the adapter that training begins with, and the trained one |
//! | `input_dropout` | dropout of the adapted modules' inputs |
//! | `gradients` | gradients of a step's jobs in burn's graph, and their sum |
//! | `host` | the same of an adapter on the CPU, without burn |
//! | `optimizer` | AdamW, and the moving average of the weights |
//! | `validation` | the loss on held-out pictures, and the weights that had the least |
//! | `progress` | how far a run is, and going on from a checkpoint |
//! | `together` | a step of several ranks |
//! | `checkpoint` | what a run needs to go on later |
//!
//! Its settings are [`crate::config::TrainConfig`].

pub mod adapter;
mod adapter_parameters;
pub mod checkpoint;
pub(crate) mod gradients;
mod host;
mod input_dropout;
mod loss;
pub(crate) mod network_parameters;
pub(crate) mod optimizer;
pub(crate) mod progress;
mod source;
pub(crate) mod tensors;
mod together;
mod trained;
mod trainer;
mod training;
mod validation;

pub use crate::config::{LossKind, TrainConfig};
pub use checkpoint::{AdapterOrigin, Checkpoint, Origin};
pub use diffusion::training::StepReport;
pub use progress::Progress;
pub use source::Source;
pub use trainer::Trainer;
pub use training::Training;
