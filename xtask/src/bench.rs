//! How fast engine and trainer are.

use anyhow::Result;
use clap::Subcommand;

use crate::{
    bench_ink, bench_native, bench_start, bench_teach, bench_train, bench_turbo, bench_web, workspace::Workspace,
};

#[derive(Subcommand)]
pub enum Bench {
    /// The engine and onnxruntime-web, in turns, in headless Chromium
    Web(bench_web::Options),
    /// A step and the decoding of the base behind an autoencoder, and onnxruntime-web, in turns, in headless Chromium (needs a
    /// Python with torch, diffusers, onnx and onnxslim, which writes the same networks for it)
    Ink(bench_ink::Options),
    /// A digit in few calls of the network, by the base's own rule and by onnxruntime-web, in turns; and how the page's picture
    /// follows a slider, in headless Chromium
    Turbo(bench_turbo::Options),
    /// A first visit over slow lines, in headless Chromium: requests, bytes, time to the first digit
    Start(bench_start::Options),
    /// Drawing natively and PyTorch with diffusers, in turns (needs a Python with both)
    Native(bench_native::Options),
    /// The trainer and PyTorch with diffusers, in turns (needs a Python with both)
    Train(bench_train::Options),
    /// Training in headless Chromium and by the trainer, in turns, on a few drawings
    Teach(bench_teach::Options),
}

pub fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Web(options) => bench_web::run_bench(workspace, options),
        Bench::Ink(options) => bench_ink::run_bench(workspace, options),
        Bench::Turbo(options) => bench_turbo::run_bench(workspace, options),
        Bench::Start(options) => bench_start::run_bench(workspace, options),
        Bench::Native(options) => bench_native::run_bench(workspace, options),
        Bench::Train(options) => bench_train::run_bench(workspace, options),
        Bench::Teach(options) => bench_teach::run_bench(workspace, options),
    }
}
