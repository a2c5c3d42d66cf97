//! How long a run will take, and how much memory, said before its first step. Tests: here.

use std::time::{Duration, Instant};

use diffusion::config::UNetConfig;
use diffusion::{Base, Request};
use indicatif::HumanDuration;
use serde_json::json;
use trainer::error::{Error, Result};
use trainer::messages::{emit, say, warn};
use trainer::ranks::Ranks;
use trainer::train::{Source, Trainer, Training};

use super::drawing::Drawing;
use super::run_loop::Run;
use super::sheet;

/// Forward passes that take as long as a training step's forward and backward pass on as many pictures.
const FORWARDS: f64 = 3.0;
/// Values that are kept for the backward pass of a picture, for each value of the widest feature map of each resolution:
/// measured, see `docs/training.md`.
const KEPT: usize = 40;

/// Bytes that training takes on the CPU: activations of the pictures that are computed at the same time, and the parameters
/// with their gradients, moments and averages.
fn memory(unet: &UNetConfig, parameters: usize, at_once: usize, jobs: usize) -> u64 {
    let maps: usize = unet
        .block_out_channels
        .iter()
        .enumerate()
        .map(|(level, channels)| channels * (unet.sample_size >> level).pow(2) * (unet.layers_per_block + 1))
        .sum();
    let (at_once, jobs) = (at_once as u64, jobs as u64);
    4 * (at_once.saturating_mul((maps * KEPT) as u64) + parameters as u64 * (8 + jobs))
}

/// Says what the run will take, from the time that the first jobs of its next step take. Does nothing to the run. `false` where
/// a signal came meanwhile.
pub fn say_estimate<S, M>(
    trainer: &mut Trainer<'_>,
    run: &Run<'_>,
    drawing: &Drawing<'_, S, M>,
    base: &Base,
    parameters: usize,
) -> anyhow::Result<bool> {
    let config = trainer.config().clone();
    let micro_batch = config.micro_batch.min(config.images_per_step()).max(1);
    let jobs = config.images_per_step().div_ceil(micro_batch);
    let bytes = memory(&base.unet, parameters, micro_batch * jobs.min(config.threads.max(1)), jobs);
    let on_cpu = trainer.is_on_cpu();
    let ranks = Ranks::here();
    if !ranks.is_first() {
        return Ok(true);
    }
    if let Some(available) = available().filter(|available| on_cpu && bytes > *available) {
        warn!(
            "training needs about {} of memory, {} are free; --micro-batch {} needs less",
            megabytes(bytes),
            megabytes(available),
            (micro_batch / 4).max(1)
        );
    }
    let (pictures, seconds) = match timed(trainer, run) {
        Ok(measured) => measured,
        // Several ranks stop together, in the first step.
        Err(Error::Stopped) => return Ok(ranks.size() > 1),
        Err(error) => return Err(error.into()),
    };
    let rate = (pictures * ranks.size()) as f64 / seconds.max(1e-9);
    let steps = trainer.total().saturating_sub(trainer.step());
    let (validations, sheets) = run.plan.left(trainer.step());
    let draws = drawing.held_out.map_or(0, Source::draws);
    let work = (steps * config.images_per_step()) as f64
        + (validations * draws) as f64 / FORWARDS
        + (sheets * sheet::pictures(base.info.num_classes())) as f64 * passes(&drawing.request) / FORWARDS;
    let time = Duration::try_from_secs_f64(work / rate).unwrap_or(Duration::MAX); // too many seconds for it
    let memory = if on_cpu { format!(" and {} of memory", megabytes(bytes)) } else { String::new() };
    say!("it takes about {}{memory}: {rate:.0} pictures a second, {sheets} sheets of samples", HumanDuration(time));
    emit(json!({
        "event": "start",
        "step": trainer.step(),
        "steps": trainer.total(),
        "images_per_step": config.images_per_step(),
        "images_per_second": rate,
        "seconds": work / rate,
        "memory_bytes": on_cpu.then_some(bytes),
    }))?;
    Ok(true)
}

/// Forward passes that a picture takes: its denoising steps, those with guidance twice.
pub fn passes(request: &Request) -> f64 {
    let share = if request.guidance_scale == 1.0 { 0.0 } else { request.guidance_stop - request.guidance_start };
    request.num_inference_steps as f64 * (1.0 + share)
}

/// Pictures that were computed, and the seconds that they took.
fn timed(trainer: &mut Trainer<'_>, run: &Run<'_>) -> Result<(usize, f64)> {
    // The first time, memory is taken from the system, and a GPU's kernels are compiled.
    trainer.try_jobs(run.interrupt.flag())?;
    let started = Instant::now();
    let pictures = trainer.try_jobs(run.interrupt.flag())?;
    Ok((pictures, started.elapsed().as_secs_f64()))
}

/// Bytes for people.
fn megabytes(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 1000.0 { format!("{megabytes:.0} MB") } else { format!("{:.1} GB", megabytes / 1000.0) }
}

/// Bytes of memory that are free for programs; where the system does not tell, nothing.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let system = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)?;
    // A container's own limit.
    let number =
        |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    match (number("memory.max"), number("memory.current")) {
        (Some(most), Some(now)) => Some(system.min(most.saturating_sub(now))),
        _ => Some(system),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_as_people_say_them() {
        assert_eq!((megabytes(12_400_000), megabytes(2_340_000_000)), ("12 MB".into(), "2.3 GB".into()));
    }
}
