//! What ARCHITECTURE.md says, kept by tests: who may know whom, what things are called, how files are written.

mod crates;
mod features;
mod files;
mod modules;
mod packages;
mod text;
mod words;
