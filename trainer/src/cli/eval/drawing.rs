//! Drawing the pictures that are measured, and bars for what takes long.

use diffusion::{Model, Request};
use indicatif::{ProgressBar, ProgressStyle};
use trainer::data::Dataset;
use trainer::messages;
use trainer::parallel::default_threads;
use trainer::picture::grey;
use trainer::sampling::draw;

use super::args::Args;

/// Pictures drawn between two moves of the progress bar.
const ROUND: usize = 500;

/// Draws pictures of these classes in turns and rounds them to bytes, as in a file.
pub fn drawn(
    args: &Args,
    model_name: &str,
    model: &Model,
    request: &Request,
    classes: &[usize],
) -> anyhow::Result<Dataset> {
    let info = &model.base().info;
    let title = format!(
        "{model_name}, {} {}, guidance {} (eta {}) from {} to {}",
        request.sampler.name(),
        request.num_inference_steps,
        request.guidance_scale,
        request.guidance_eta,
        request.guidance_start,
        request.guidance_stop
    );
    let bar = bar(args.count, &format!("drawing: {title}"));
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for from in (0..args.count).step_by(ROUND) {
        let range = from..(from + ROUND).min(args.count);
        let part = Request {
            labels: range.clone().map(|i| classes[i % classes.len()]).collect(),
            seeds: range.map(|i| args.seed.wrapping_add(i as u64)).collect(),
            ..request.clone()
        };
        for image in draw(model, &part, default_threads(), |_, _| {})? {
            pixels.extend(grey(&image));
        }
        labels.extend(part.labels.iter().map(|&label| label as u16));
        bar.set_position(labels.len() as u64);
    }
    bar.finish_and_clear();
    Ok(Dataset::new("the generated pictures", pixels, labels, info.image_size, info.labels.clone())?)
}

/// A bar of so many steps.
pub fn bar(length: usize, title: &str) -> ProgressBar {
    let bar = messages::bar(length as u64).with_message(title.to_owned());
    // The template is constant. Were it wrong, the bar would have its default looks.
    if let Ok(style) = ProgressStyle::with_template("{msg}  {wide_bar:.cyan/blue} {pos}/{len}  {eta} left") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}
