//! `trainer reconstruct`: how like their originals pictures are after an autoencoder. Tests: in
//! `trainer/tests/runs/autoencoder.rs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::autoencoder::CpuAutoencoder;
use serde_json::json;
use trainer::autoencoder::{Inked, Media, Pictures, read_autoencoder, reconstruct};
use trainer::data::Dataset;
use trainer::data::check::Purpose;
use trainer::files::can_write;
use trainer::messages::{emit, print, shown};
use trainer::parallel;
use trainer::picture::pairs;

use super::data_args::DataArgs;

/// Seed of the first picture in ink: other sheets of paper than those of training.
const INK: u64 = 1 << 34;
/// Most pictures on the sheet.
const ON_SHEET: usize = 64;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that has vae/: a run of `trainer autoencoder`, or a pipeline of diffusers
    #[arg(long, value_name = "DIR", default_value = "runs/autoencoder", help_heading = "Model")]
    autoencoder: PathBuf,
    /// Pictures of your own, as they are, instead of MNIST's test digits in ink
    #[arg(long, value_name = "PATH", help_heading = "Pictures")]
    data: Option<PathBuf>,
    /// Draw the pictures of --data as ink on paper in colour
    #[arg(long, requires = "data", help_heading = "Pictures")]
    ink: bool,
    /// What the pictures are drawn in: ink, chalk, neon, blueprint, watercolour, or all of them by turns [default: ink]
    #[arg(long, value_name = "NAME", help_heading = "Pictures")]
    medium: Option<String>,
    /// Side of the pictures in ink [default: that which the autoencoder was trained on]
    #[arg(long, value_name = "N", help_heading = "Pictures")]
    image_size: Option<usize>,
    /// Pictures that are measured, the first ones [default: 1000]
    #[arg(long, value_name = "N", default_value_t = 1000, hide_default_value = true, help_heading = "Pictures")]
    count: usize,
    #[command(flatten, next_help_heading = "Pictures")]
    source: DataArgs,
    /// A sheet of the first pictures, each with its reconstruction to its right
    #[arg(long, value_name = "FILE.png", help_heading = "Output")]
    out: Option<PathBuf>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(out) = &args.out {
        can_write(out)?;
    }
    if args.medium.is_some() && args.data.is_some() && !args.ink {
        anyhow::bail!("--medium is for pictures that are drawn: with --data, give --ink, too");
    }
    if args.count == 0 {
        anyhow::bail!("--count must be at least 1");
    }
    let autoencoder = read_autoencoder(&args.autoencoder)?;
    let network = CpuAutoencoder::new(&autoencoder.config, &autoencoder.state)?;
    let ink = args.ink || args.data.is_none();
    let data = args.pictures(!ink && autoencoder.config.in_channels == 3)?;
    let media = args.medium.as_deref().map_or(Ok(Media::ink()), Media::named)?;
    let side = args.image_size.unwrap_or(autoencoder.config.sample_size);
    let pictures: &dyn Pictures = if ink { &Inked::new(&data, media, side, INK)? } else { &data };
    let (channels, wanted) = (pictures.channels(), autoencoder.config.in_channels);
    if channels != wanted || wanted != autoencoder.config.out_channels {
        anyhow::bail!("the pictures have {channels} channels, this autoencoder takes {wanted}");
    }
    let indices: Vec<usize> = (0..pictures.count().min(args.count)).collect();
    let found = reconstruct(&network, pictures, &indices, parallel::default_threads())?;
    let mean = found.mean();
    if let Some(out) = &args.out {
        let count = indices.len().min(ON_SHEET);
        pairs(&found.originals[..count], &found.reconstructions[..count], pictures.side()).save_png(out)?;
    }
    let least = found.likeness.iter().map(|likeness| likeness.psnr).fold(f64::INFINITY, f64::min);
    print(&format!(
        "{} pictures of {side}x{side}: PSNR {:.2} dB in the mean (the least {least:.2}), SSIM {:.4}\n",
        indices.len(),
        mean.psnr,
        mean.ssim,
        side = pictures.side(),
    ))?;
    emit(json!({
        "pictures": indices.len(),
        "side": pictures.side(),
        "psnr": mean.psnr,
        "least_psnr": least,
        "ssim": mean.ssim,
        "scaling_factor": autoencoder.config.scaling_factor,
        "sheet": args.out.as_ref().map(|out| shown(out.display())),
    }))?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn pictures(&self, colour: bool) -> anyhow::Result<Dataset> {
        let mut reader = self.source.reader();
        reader.0.colour |= colour;
        reader.check(1)?;
        match &self.data {
            Some(path) => Ok(reader.read(Path::new(path), Purpose::Base)?.data),
            None => Ok(Dataset::mnist_test(&reader.0.mnist)?),
        }
    }
}
