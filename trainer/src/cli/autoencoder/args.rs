//! Flags of `trainer autoencoder`, and what they make of a configuration.

use std::path::{Path, PathBuf};

use trainer::config::{self, AutoencoderSettings, Count, RunSettings};
use trainer::data::Dataset;
use trainer::data::check::Purpose;
use trainer::messages::shown;

use crate::cli::data_args::{DataArgs, Reader, Split};
use crate::cli::device::DeviceName;
use crate::cli::training::{TrainArgs, stored_settings};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder or zip archive of pictures, an IDX or a CSV file, learnt as they are, instead of MNIST's digits in ink
    #[arg(long, value_name = "PATH", help_heading = "Data")]
    data: Option<PathBuf>,
    /// Draw the pictures of --data as ink on paper in colour, as MNIST's digits are
    #[arg(long, requires = "data", help_heading = "Data")]
    ink: bool,
    /// Side of the pictures, a multiple of 4 [default: 64 in ink, else the pictures' own]
    #[arg(long, value_name = "N", help_heading = "Data")]
    image_size: Option<usize>,
    #[command(flatten, next_help_heading = "Data")]
    source: DataArgs,
    /// Channels of each resolution, finest first: three make a latent of 4 x 4 pixels [default: 16,32,32]
    #[arg(long, value_delimiter = ',', help_heading = "Network")]
    channels: Option<Vec<usize>>,
    /// ResNet blocks of each resolution of the encoder; the decoder has one more [default: 1]
    #[arg(long, value_name = "N", help_heading = "Network")]
    layers_per_block: Option<usize>,
    /// Channels of a latent [default: 4]
    #[arg(long, value_name = "N", help_heading = "Network")]
    latent_channels: Option<usize>,
    /// Groups of the normalisation, which divide the channels [default: 8]
    #[arg(long, value_name = "N", help_heading = "Network")]
    norm_groups: Option<usize>,
    /// Train on squares of this side, cut out of the pictures at random places; 0 for whole pictures [default: 32]
    #[arg(long, value_name = "N", help_heading = "Data")]
    crop: Option<usize>,
    /// Part of the run in which squares are cut out; whole pictures come after it [default: 0.9]
    #[arg(long, value_name = "0..1", help_heading = "Data")]
    crop_share: Option<f64>,
    /// Weight of the latents' distance from a standard normal distribution [default: 0.000001]
    #[arg(long, value_name = "WEIGHT", help_heading = "Optimizer")]
    kl_weight: Option<f64>,
    /// Weight of the loss between the pictures' edges [default: 0.5]
    #[arg(long, value_name = "WEIGHT", help_heading = "Optimizer")]
    edge_weight: Option<f64>,
    /// Where to compute [default: cpu]
    #[arg(long, value_enum, help_heading = "Batches")]
    device: Option<DeviceName>,
    /// Where the autoencoder is written, as OUT/vae
    #[arg(long, value_name = "DIR", default_value = "runs/autoencoder", help_heading = "Output")]
    pub out: PathBuf,
    #[command(flatten)]
    pub train: TrainArgs,
}

impl Args {
    /// What flags, `--config` and with `--resume` the run itself say of data, device and intervals.
    pub fn settings(&self) -> anyhow::Result<RunSettings> {
        let flags = RunSettings {
            data: self.data.as_ref().map(|path| path.to_string_lossy().into_owned()),
            device: self.device.map(DeviceName::name),
            ..self.train.run_settings()
        };
        let mut run = flags.over(config::run_settings(self.train.config.as_deref())?.unwrap_or_default());
        if self.train.resume
            && let Some(stored) = stored_settings(&self.out)?
        {
            run = run.over(self.train.without_stale(stored));
        }
        run.check()?;
        let pictures = self.source.settings(run.pictures.take().unwrap_or_else(|| self.train.unset_pictures()));
        run.pictures = Some(pictures);
        if let Some(path) = run.data.as_deref().filter(|path| self.data.is_none() && !Path::new(path).exists()) {
            anyhow::bail!(
                "data of [run], counted from the folder in which the program is started, {} is not there; give --data",
                shown(path)
            );
        }
        run.device.get_or_insert_with(|| DeviceName::default().name());
        Ok(run)
    }

    /// The pictures that it is trained on, and those that are held out.
    pub fn pictures(&self, run: &RunSettings) -> anyhow::Result<Split> {
        let mut settings = run.pictures.clone().unwrap_or_default();
        // In ink they are drawn at their side, of digits as they are.
        if run.data.is_some() && !self.ink {
            settings.image_size = self.image_size.map_or(settings.image_size, Count::Of);
        }
        let reader = Reader(settings);
        reader.check(1)?;
        match &run.data {
            Some(path) => reader.own(Path::new(path), Purpose::Base),
            None => reader.mnist(),
        }
    }

    /// Puts the flags over a configuration's settings; `own`: the pictures are not MNIST's.
    pub fn override_settings(
        &self,
        settings: &mut AutoencoderSettings,
        data: &Dataset,
        own: bool,
    ) -> anyhow::Result<()> {
        fn set<T: Clone>(field: &mut T, flag: &Option<T>) {
            if let Some(value) = flag {
                field.clone_from(value);
            }
        }
        set(&mut settings.channels, &self.channels);
        set(&mut settings.layers_per_block, &self.layers_per_block);
        set(&mut settings.latent_channels, &self.latent_channels);
        set(&mut settings.norm_groups, &self.norm_groups);
        set(&mut settings.crop, &self.crop);
        set(&mut settings.crop_share, &self.crop_share);
        set(&mut settings.kl_weight, &self.kl_weight);
        set(&mut settings.edge_weight, &self.edge_weight);
        // Of a configuration's data, that configuration says it.
        if self.ink || !own {
            settings.ink = true;
        } else if self.data.is_some() && !self.train.resume {
            settings.ink = false;
        }
        match settings.ink {
            true => set(&mut settings.image_size, &self.image_size),
            false => settings.image_size = data.size(),
        }
        Ok(())
    }
}
