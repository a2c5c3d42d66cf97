//! Whole runs of the program: ended in every way a run can end, resumed, and what is made of their files.
#![cfg(unix)]

mod autoencoder;
mod best;
mod conversions;
mod data;
mod ends;
mod files;
mod intake;
mod kinds;
mod latents;
mod own;
mod repeat;
mod resume;
mod scripts;
mod support;
mod turbo;
mod weights;
