//! Training on the host, without a tensor library: what the trainer and a browser share. Nothing here knows of threads or
//! workers: a step is cut into jobs, which anybody may compute, and their results are summed in the jobs' order.
//!
//! ```
//! use std::sync::Arc;
//!
//! use diffusion::adapter::initial::Start;
//! use diffusion::training::{AdapterRun, JobGradients, Kept, Pictures, Recipe};
//!
//! # fn train(base: Arc<diffusion::Base>, pictures: Pictures) -> diffusion::Result<()> {
//! let to_q = |path: &str| path.ends_with("to_q").then_some((4, 2.0));
//! let adapter = Start::Lora { dora: false }.adapter(&base.state, 0, to_q);
//! let mut run = AdapterRun::new(Arc::clone(&base), &adapter, pictures, None, Recipe::default())?;
//! let mut network = JobGradients::new(base, &adapter)?;
//! while run.step() < run.total() {
//!     network.set_parameters(run.parameters())?;
//!     let results = run.jobs().iter().map(|job| network.gradients(job)).collect::<Result<Vec<_>, _>>()?;
//!     let loss = run.advance(&results)?.loss;
//! }
//! let trained = run.adapter(Kept::Best)?;
//! # Ok(())
//! # }
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `recipe` | the numbers that decide what a run comes to; the learning rate |
//! | `shape` | the adapter that is trained, where nobody says otherwise |
//! | `pictures` | pictures with their classes |
//! | `hold_out` | which of them are held out |
//! | `streams` | which random numbers are drawn for what |
//! | `batch` | the pictures of a step or of a validation, with timesteps and noise |
//! | `augment` | small changes of the pictures, for small sets |
//! | `noising` | the network's input and target at a timestep; the timestep's weight |
//! | `segments` | a teacher's runs in segments, each of which is to be crossed in one step |
//! | `loss` | the loss, and its gradient at the network's output |
//! | `job` | a part of a batch, as numbers that can be sent to another thread or worker |
//! | `layout` | where each trained parameter lies in the one vector of all |
//! | `adapter_parameters` | an adapter's parameters as that vector, and their gradients |
//! | `input_dropout` | dropout of the adapted modules' inputs |
//! | `job_gradients` | loss and gradients of a job |
//! | `sum` | the sum of the jobs' gradients, and its norm |
//! | `optimizer` | AdamW, and the moving average (EMA) of the weights |
//! | `validation` | the least validation loss, and when to stop |
//! | `adapter_run` | a whole run of an adapter |
//! | `beginning`, `checkpoint` | going on with it later |
//! | `bits` | numbers of 64 bits among f32 values |
//!
//! Tests: in each file, `tests/it/training.rs`, `tests/it/adapter_run.rs`.

mod adapter_parameters;
mod adapter_run;
pub mod augment;
mod batch;
mod beginning;
mod bits;
mod checkpoint;
mod hold_out;
mod input_dropout;
mod job;
mod job_gradients;
mod layout;
mod loss;
mod noising;
pub mod optimizer;
mod pictures;
mod recipe;
mod segments;
mod shape;
pub mod streams;
pub mod sum;
mod validation;

pub use adapter_parameters::AdapterParameters;
pub use adapter_run::{AdapterRun, Kept, StepReport, Verdict};
pub use batch::Batch;
pub use hold_out::{hold_out, most_held_out, usual_share};
pub use input_dropout::{Dropout, Masks};
pub use job::{Job, JobResult};
pub use job_gradients::{AdapterNetwork, JobGradients};
pub use layout::{ALIGNMENT, Layout, Slot};
pub use loss::{LossKind, weighted_loss};
pub use noising::{Noising, Noisy};
pub use pictures::Pictures;
pub use recipe::Recipe;
pub use segments::{Segments, Trajectories};
pub use shape::Shape;
pub use validation::{VALIDATIONS, Validated, draws_on, is_due};
