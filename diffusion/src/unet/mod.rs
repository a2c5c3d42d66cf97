//! The network: one description of it, and three implementations that tests hold together.
//!
//! | module | what it is |
//! |---|---|
//! | [`topology`] | the layers, their order, skip connections and names: what all else follows |
//! | [`parameters`], [`init`] | names and shapes of the parameters; starting weights |
//! | `conditioning`, `layout` | timestep and class as the network's input; from latents to feature maps |
//! | `precompute`, `weights` | what is multiplied out before a run; the parameters as packing reads them |
//! | [`backend`] | where it computes: the choice among the implementations |
//! | `burn` | with gradients, on burn's devices (feature `burn`) |
//! | [`cpu`] | for sampling on the CPU |
//! | `webgpu` | for sampling on a GPU (feature `wgpu`) |
//! | [`gradients`] | with gradients on the CPU, for training without burn |
//!
//! The arithmetic is written three times on purpose: each has its own layout and its own fusions.

pub mod backend;
#[cfg(feature = "burn")]
pub mod burn;
pub(crate) mod conditioning;
pub mod cpu;
pub mod gradients;
pub mod init;
pub(crate) mod layout;
pub mod parameters;
pub(crate) mod precompute;
pub mod topology;
#[cfg(feature = "wgpu")]
pub mod webgpu;
pub(crate) mod weights;
