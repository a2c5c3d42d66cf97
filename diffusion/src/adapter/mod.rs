//! Adapters: what they make of a base's weights, one file per kind, each with its formula and paper.
//!
//! Every kind ends as one changed weight (and bias) per module, which is composed once from the pristine base: a step of
//! a run costs the same with any of them. In the formulas a convolution's weight `W [out, in, h, w]` is read as the
//! matrix `[out, in · h · w]` of its windows, and `s` is the strength, 1 as trained.
//!
//! Tests: `tests/it/adapter_kinds.rs` against the tools' own merged weights, `tests/it/lora.rs`.

pub mod boft;
pub mod change;
pub mod compose;
pub mod dora;
pub mod full;
pub mod glora;
mod gradient;
pub mod hira;
pub mod hra;
pub mod ia3;
pub mod initial;
pub mod join;
pub mod loha;
pub mod lokr;
pub mod lora;
mod matrix;
pub mod miss;
pub mod modules;
pub mod oft;
pub mod plain;
pub mod resize;
mod rotation;
mod svd;
pub mod taken;

pub use change::{Change, Parameters, Update};
pub(crate) use compose::measured;
pub use compose::{compose, merge, update_norm};
pub use lora::LoraFactors;
pub use modules::{Adapter, Unused};
