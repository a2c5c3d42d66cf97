//! Native integration tests: what diffusers and PEFT compute, and what nobody may break.
//! `cargo test -p tests -- --nocapture` also prints the largest difference of every comparison.

mod adapter_gradients;
mod adapter_kinds;
mod adapter_names;
mod adapter_run;
mod autoencoder;
mod autoencoder_codec;
mod base_files;
mod codec;
mod configs;
mod conversions;
mod divided;
mod errors;
mod foreign_files;
mod gradients;
mod hostile;
mod json;
mod lora;
mod lora_files;
mod noise;
mod operations;
mod patterns;
mod pipeline;
mod quantized;
mod requests;
mod samplers;
mod scheduler_settings;
mod schedules;
mod shipped;
mod support;
mod taught;
mod training;
mod training_adapters;
mod turbo;
mod unet;
