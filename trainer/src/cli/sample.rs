//! `trainer sample`: draws pictures, film strips and animations. Tests: in `trainer/tests/runs/files.rs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use diffusion::schedule::TimestepSpacing;
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};
use diffusion::{Model, Request, SamplerKind, Turbo};
use trainer::files::{can_write, read, write_atomic};
use trainer::messages::{did_you_mean, emit, say, shown};
use trainer::parallel::default_threads;
use trainer::picture::{Canvas, Grid, film_strip, levels, save_gif, spread_steps};
use trainer::ranks::Ranks;
use trainer::sampling::{draw, draw_together};

use super::device::DeviceName;
use super::headings::{MODEL, OUTPUT, PICTURES, SAMPLING};
use super::labels;
use super::load::load_model;

/// Steps of the denoising on a film strip, as in the article that this project grew from.
const STRIP_STEPS: usize = 20;
/// Denoising steps where nothing is said.
const STEPS: usize = 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "www/models/base", help_heading = MODEL)]
    base: PathBuf,
    /// Classes to draw, by name, or "all". A comma within a name has a backslash before it, and so has a class called all
    #[arg(long, default_value = labels::ALL, help_heading = PICTURES)]
    label: Vec<String>,
    /// First seed
    #[arg(long, default_value_t = 0, help_heading = PICTURES)]
    seed: u64,
    /// Seeds per class, counting up from --seed
    #[arg(long, default_value_t = 1, help_heading = PICTURES)]
    count: usize,
    /// Denoising steps [default: 20; with an adapter that was taught to draw in few, those]
    #[arg(long, help_heading = SAMPLING)]
    steps: Option<usize>,
    /// dpm++2m, ddim, euler or ddpm [default: dpm++2m; or the adapter's]
    #[arg(long, value_parser = sampler, help_heading = SAMPLING)]
    sampler: Option<SamplerKind>,
    /// Which timesteps are visited: linspace, leading or trailing [default: as the base's scheduler says; or the adapter's]
    #[arg(long, value_name = "NAME", value_parser = spacing, help_heading = SAMPLING)]
    timestep_spacing: Option<TimestepSpacing>,
    /// Classifier-free guidance; 1 is off [default: the base's, usually 1.6; with an adapter that has it inside 1]
    #[arg(long, help_heading = SAMPLING)]
    guidance: Option<f32>,
    /// Share of the run before which there is no guidance
    #[arg(long, value_name = "0..1", default_value_t = Request::new(0, 0).guidance_start, help_heading = SAMPLING)]
    guidance_start: f64,
    /// Share of the run from which on there is no guidance
    #[arg(long, value_name = "0..1", default_value_t = Request::new(0, 0).guidance_stop, help_heading = SAMPLING)]
    guidance_stop: f64,
    /// How much of what guidance adds along the predicted picture, its ink, is kept; 1 is plain guidance
    #[arg(long, value_name = "0..1", default_value_t = Request::new(0, 0).guidance_eta, help_heading = SAMPLING)]
    guidance_eta: f32,
    /// DDIM's amount of fresh noise, 0 to 1
    #[arg(long, default_value_t = 0.0, help_heading = SAMPLING)]
    eta: f32,
    /// An adapter folder or file, followed by :scale where it is not 1; several add up
    #[arg(long, value_name = "DIR[:SCALE]", help_heading = MODEL)]
    lora: Vec<String>,
    /// Bake the adapters into the weights first (the same pictures, by the other way)
    #[arg(long, help_heading = MODEL)]
    merge: bool,
    /// Use what of an adapter fits the base, and say what is left out; else such an adapter is refused
    #[arg(long, help_heading = MODEL)]
    partial: bool,
    /// A picture of all samples (.png), a folder <class>/<seed>.png, or with --filmstrip the strip (.png) or an animation (.gif)
    #[arg(long, default_value = "samples.png", help_heading = OUTPUT)]
    out: PathBuf,
    /// Draw the denoising: a row per class, 20 moments across
    #[arg(long, help_heading = OUTPUT)]
    filmstrip: bool,
    /// Starting noise: a safetensors file with "latents" [b, c, h, w], instead of --seed
    #[arg(long, help_heading = PICTURES)]
    latents: Option<PathBuf>,
    /// Also write the pictures as floats: a safetensors file with "images" [b, channels, h, w]
    #[arg(long, help_heading = OUTPUT)]
    raw: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t, help_heading = MODEL)]
    device: DeviceName,
}

/// The value of `--sampler`.
pub fn sampler(name: &str) -> Result<SamplerKind, String> {
    let known = SamplerKind::ALL.map(SamplerKind::name);
    SamplerKind::from_name(name).map_err(|error| format!("{error}{}", did_you_mean(name, known)))
}

/// The value of `--timestep-spacing`.
pub fn spacing(name: &str) -> Result<TimestepSpacing, String> {
    let known = TimestepSpacing::ALL.iter().map(|(known, _)| *known);
    TimestepSpacing::from_name(name).map_err(|error| format!("{error}{}", did_you_mean(name, known)))
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Before minutes of drawing, not after.
    let extension = args.out.extension().and_then(|e| e.to_str()).unwrap_or_default();
    match (args.filmstrip, extension) {
        (true, "png" | "gif") | (false, "png" | "") => {}
        (true, _) => anyhow::bail!("--filmstrip writes a .png or a .gif, not {}", shown(args.out.display())),
        // A folder's name may have a version after its dot, a file's extension has letters.
        (false, other) if args.out.is_dir() || !other.contains(char::is_alphabetic) => {}
        (false, other) => anyhow::bail!("--out is a .png file or a folder, not a .{other} file"),
    }
    let file = if !args.filmstrip && extension != "png" { args.out.join("class") } else { args.out.clone() };
    [Some(&file), args.raw.as_ref()].into_iter().flatten().try_for_each(|path| can_write(path))?;
    let (model, turbo) = load_model(&args.base, &args.lora, (args.merge, args.partial), args.device)?;
    let request = request(&args, &model, turbo.as_ref())?;
    if args.eta != 0.0 && request.sampler != SamplerKind::Ddim {
        anyhow::bail!("--eta is the noise that DDIM adds: give --sampler ddim, too, or leave it out");
    }
    let info = &model.base().info;
    if !info.null_class_trained && request.guidance_scale != 1.0 {
        say!("drawn without guidance: {} was trained without dropping labels", shown(args.base.display()));
    }
    let (size, labels) = (info.image_size, request.labels.clone());
    let names: Vec<String> = labels.iter().map(|&label| info.labels[label].clone()).collect();

    if !args.filmstrip && extension != "png" {
        names.iter().try_for_each(|name| check_folder_name(name))?;
    }

    // For a film strip, every picture at every step.
    let film = Mutex::new(vec![Vec::new(); if args.filmstrip { labels.len() } else { 0 }]);
    let (codec, len) = (model.base().codec(), model.base().codec().latent_len());
    let start = std::time::Instant::now();
    let ranks = Ranks::here();
    let images = if !args.filmstrip {
        draw_together(&ranks, &model, &request, default_threads())?
    } else if ranks.is_first() {
        draw(&model, &request, default_threads(), |first, step| {
            let mut film = film.lock().unwrap_or_else(PoisonError::into_inner);
            for (i, latents) in step.sample.chunks_exact(len).enumerate() {
                film[first + i].push(latents.iter().map(|x| x * step.display_scale).collect::<Vec<f32>>());
            }
        })?
    } else {
        Vec::new()
    };
    // One rank writes what all have drawn; of a film it draws the few pictures, too.
    if !ranks.is_first() {
        return Ok(ExitCode::SUCCESS);
    }
    let seconds = start.elapsed().as_secs_f64();
    if let Some(path) = &args.raw {
        write_raw(path, &images, [info.channels, size])?;
    }
    let film = film.into_inner().unwrap_or_else(PoisonError::into_inner);
    let film = film.iter().map(|row| row.iter().map(|latents| Ok(levels(&codec.decode(latents)?))).collect());
    let film: Vec<Vec<Vec<u8>>> = film.collect::<diffusion::Result<_>>()?;
    match (args.filmstrip, extension) {
        (true, "gif") => {
            let total = film.iter().map(Vec::len).min().unwrap_or(0);
            let frame = |i: usize| -> Canvas {
                let tiles: Vec<&Vec<u8>> = film.iter().map(|row| &row[i]).collect();
                Grid::new(size, 5).scale(4).draw(&tiles)
            };
            save_gif(&args.out, &(0..total).map(frame).collect::<Vec<_>>(), 8, 150)?;
        }
        (true, _) => {
            let chosen = spread_steps(request.num_inference_steps, STRIP_STEPS);
            let rows: Vec<Vec<Vec<u8>>> =
                film.iter().map(|row| chosen.iter().map(|&i| row[i].clone()).collect()).collect();
            let columns: Vec<String> = chosen.iter().map(|i| (i + 1).to_string()).collect();
            film_strip(&rows, size, 2, &names, &columns).save_png(&args.out)?;
        }
        (false, "png") => {
            let columns = if args.count == 1 { labels.len().min(10) } else { labels.len() / args.count };
            let tiles: Vec<Vec<u8>> = images.iter().map(|image| levels(image)).collect();
            Grid::new(size, columns).scale(4).draw(&tiles).save_png(&args.out)?;
        }
        (false, _) => {
            for ((image, name), seed) in images.iter().zip(&names).zip(&request.seeds) {
                let path = args.out.join(name).join(format!("{seed}.png"));
                Grid::new(size, 1).scale(1).gutter(0).draw(&[levels(image)]).save_png(&path)?;
            }
        }
    }
    let ms = 1e3 * seconds / request.num_inference_steps as f64;
    emit(serde_json::json!({ "pictures": images.len(), "ms_per_step": ms, "out": args.out.display().to_string() }))?;
    say!("{} pictures, {ms:.1} ms per step: {}", images.len(), shown(args.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// Refuses class names that are no folder names: a base of somebody else must not write outside `--out`.
fn check_folder_name(class: &str) -> anyhow::Result<()> {
    if matches!(class, "" | "." | "..") || class.contains(['/', '\\']) {
        anyhow::bail!("the class \"{class}\" cannot be the name of a folder; give --out a .png file");
    }
    Ok(())
}

fn request(args: &Args, model: &Model, turbo: Option<&Turbo>) -> anyhow::Result<Request> {
    let info = &model.base().info;
    // A class that is named twice would have the same pictures twice, unless their noise is given.
    let classes = labels::chosen(&args.label, &info.labels, args.latents.is_some())?;
    if args.count == 0 {
        anyhow::bail!("--count must be at least 1");
    }
    let Some(last) = args.seed.checked_add(args.count as u64 - 1) else {
        anyhow::bail!("--seed {} and the {} from there on are more than there are seeds", args.seed, args.count);
    };
    let seeds: Vec<u64> = (args.seed..=last).flat_map(|seed| std::iter::repeat_n(seed, classes.len())).collect();
    let labels: Vec<usize> = (0..args.count).flat_map(|_| classes.iter().copied()).collect();
    let latents = match &args.latents {
        Some(path) => {
            let [c, h, w] = model.base().info.latent_shape();
            Some(read_latents(path, [labels.len(), c, h, w])?)
        }
        None => None,
    };
    let usual = Request { num_inference_steps: STEPS, ..model.usual_request(0, 0) };
    let usual = turbo.map_or(usual.clone(), |turbo| turbo.request(usual));
    Ok(Request {
        labels,
        seeds,
        num_inference_steps: args.steps.unwrap_or(usual.num_inference_steps),
        sampler: args.sampler.unwrap_or(usual.sampler),
        timestep_spacing: args.timestep_spacing.or(usual.timestep_spacing),
        guidance_scale: args.guidance.unwrap_or(usual.guidance_scale),
        guidance_start: args.guidance_start,
        guidance_stop: args.guidance_stop,
        guidance_eta: args.guidance_eta,
        eta: args.eta,
        latents,
        attention: false,
    })
}

fn read_latents(path: &Path, shape: [usize; 4]) -> anyhow::Result<Vec<f32>> {
    let (mut tensors, _) =
        read_tensors(&read(path)?).map_err(|error| anyhow::anyhow!("{}: {error}", shown(path.display())))?;
    match tensors.remove("latents") {
        Some(tensor) if tensor.shape == shape => Ok(tensor.values),
        Some(tensor) => anyhow::bail!(
            "\"latents\" in {} are {:?}, but {shape:?} are needed: one for each of the {} pictures (--label, --count)",
            shown(path.display()),
            tensor.shape,
            shape[0]
        ),
        None => anyhow::bail!("{} has no tensor \"latents\"", shown(path.display())),
    }
}

fn write_raw(path: &Path, images: &[Vec<f32>], [channels, size]: [usize; 2]) -> anyhow::Result<()> {
    let tensor = HostTensor { shape: vec![images.len(), channels, size, size], values: images.concat() };
    let state = StateDict::from([("images".to_owned(), tensor)]);
    Ok(write_atomic(path, &write_tensors(&state, Metadata::new(), Precision::F32)?)?)
}
