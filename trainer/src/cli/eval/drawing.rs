//! Drawing the pictures that are measured, by all ranks, and bars for what takes long.

use diffusion::{Model, Request};
use indicatif::{ProgressBar, ProgressStyle};
use trainer::data::Dataset;
use trainer::messages;
use trainer::parallel::default_threads;
use trainer::picture::levels;
use trainer::ranks::Ranks;
use trainer::sampling::draw_together;

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
        "{model_name}, {} {}{}, guidance {} (eta {}) from {} to {}",
        request.sampler.name(),
        request.num_inference_steps,
        request.timestep_spacing.map_or(String::new(), |spacing| format!(" {}", spacing.name())),
        request.guidance_scale,
        request.guidance_eta,
        request.guidance_start,
        request.guidance_stop
    );
    let bar = bar(args.count, &format!("drawing: {title}"));
    let ranks = Ranks::here();
    announce(&ranks, classes)?;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for part in rounds(args, request, classes) {
        for image in draw_together(&ranks, model, &part, default_threads())? {
            pixels.extend(levels(&image));
        }
        labels.extend(part.labels.iter().map(|&label| label as u16));
        bar.set_position(labels.len() as u64);
    }
    bar.finish_and_clear();
    let shape = [info.channels, info.image_size];
    Ok(Dataset::with_channels("the generated pictures", pixels, labels, shape, info.labels.clone())?)
}

/// The same at a rank that is not the first: it draws its share, and measures nothing.
pub fn help_to_draw(args: &Args, model: &Model, request: &Request) -> anyhow::Result<()> {
    let ranks = Ranks::here();
    let classes = announce(&ranks, &[])?;
    for part in rounds(args, request, &classes) {
        draw_together(&ranks, model, &part, default_threads())?;
    }
    Ok(())
}

/// The classes that the first rank has chosen; it alone knows the real pictures.
fn announce(ranks: &Ranks, classes: &[usize]) -> anyhow::Result<Vec<usize>> {
    let mine = classes.iter().flat_map(|&class| (class as u64).to_le_bytes()).collect();
    let all = ranks.share(Ok(mine))?;
    Ok(all[0].as_chunks::<8>().0.iter().map(|eight| u64::from_le_bytes(*eight) as usize).collect())
}

/// Requests for the pictures, as many at a time as are drawn between two moves of the bar.
fn rounds(args: &Args, request: &Request, classes: &[usize]) -> impl Iterator<Item = Request> {
    (0..args.count).step_by(ROUND).map(move |from| {
        let range = from..(from + ROUND).min(args.count);
        Request {
            labels: range.clone().map(|i| classes[i % classes.len()]).collect(),
            seeds: range.map(|i| args.seed.wrapping_add(i as u64)).collect(),
            ..request.clone()
        }
    })
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
