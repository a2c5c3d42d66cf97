//! The autoencoder that a base works behind: from flags, or the base's own; and pictures as its latents. Tests: in
//! `trainer/tests/runs/latents.rs`.

use std::path::Path;
use std::sync::Arc;

use diffusion::Base;
use diffusion::autoencoder::AutoencoderCodec;
use trainer::autoencoder::{Encoded, Encoding, Inked, Media, Pictures, read_autoencoder};
use trainer::config::{AutoWord, Count, DataSettings};
use trainer::data::Dataset;
use trainer::error::Error;
use trainer::ranks::Ranks;

use super::training::Interrupt;

/// Name of the file that keeps the latents of a run's pictures.
pub const LATENTS: &str = "latents.safetensors";
/// Seed of the first held-out picture in ink: no data set has so many to train on.
pub const HELD_OUT_INK: u64 = 1 << 33;

/// An autoencoder, and what the pictures are drawn in that it is given, unless they are taken as they are.
#[derive(Debug, Clone)]
pub struct Behind {
    pub codec: Arc<AutoencoderCodec>,
    media: Option<Media>,
    side: usize,
}

/// Latents to learn from, and those that the loss is measured on.
pub type EncodedSplit = (Encoded, Option<Encoded>);

impl Behind {
    /// That of an existing base, or of the folder `autoencoder` for pictures of `side`; none where there is neither.
    pub fn of(
        base: Option<&Base>,
        autoencoder: Option<&Path>,
        side: Option<usize>,
        media: Option<Media>,
    ) -> anyhow::Result<Option<Self>> {
        match (base, autoencoder) {
            (Some(base), None) => Ok(base.autoencoder.clone().map(|codec| {
                let side = base.info.image_size;
                Self { codec, media, side }
            })),
            (Some(_), Some(_)) => {
                anyhow::bail!("--autoencoder is for a new base: one that exists has its own, or none")
            }
            (None, None) => Ok(None),
            (None, Some(dir)) => {
                let autoencoder = read_autoencoder(dir)?;
                let side = side.unwrap_or(autoencoder.config.sample_size);
                let codec = Arc::new(AutoencoderCodec::new(autoencoder, side)?);
                Ok(Some(Self { codec, media, side }))
            }
        }
    }

    /// Side of the pictures.
    pub fn side(&self) -> usize {
        self.side
    }

    /// How the pictures are read that it is given: in ink of grey ones as they are.
    pub fn settings(&self, settings: DataSettings) -> DataSettings {
        match self.media.is_some() {
            true => DataSettings { image_size: Count::Auto(AutoWord::Auto), ..settings },
            false => DataSettings {
                image_size: Count::Of(self.side),
                colour: self.codec.autoencoder().config.in_channels == 3,
                ..settings
            },
        }
    }

    /// The pictures that it encodes. `first`: the seed of the first one in ink.
    pub fn pictures<'a>(&self, data: &'a Dataset, first: u64) -> anyhow::Result<Box<dyn Pictures + 'a>> {
        let pictures: Box<dyn Pictures + 'a> = match self.media {
            Some(media) => Box::new(Inked::new(data, media, self.side, first)?),
            None => Box::new(data),
        };
        let (has, takes) = (pictures.channels(), self.codec.autoencoder().config.in_channels);
        if has != takes {
            anyhow::bail!("the pictures have {has} channels, the autoencoder takes {takes}");
        }
        Ok(pictures)
    }

    /// SHA-256 of the pictures' latents, which are not made for it.
    pub fn sha256(&self, data: &Dataset) -> anyhow::Result<String> {
        Ok(Encoded::sha256_of(&*self.pictures(data, 0)?, &self.codec)?)
    }

    /// The latents, those of training by way of the file `cache`; none where Ctrl-C came before they were made.
    pub fn encoded(
        &self,
        (data, held_out): (&Dataset, Option<&Dataset>),
        cache: &Path,
        threads: usize,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<EncodedSplit>> {
        let encode = |data: &Dataset, first, cache| -> anyhow::Result<Encoded> {
            let encoding = Encoding { cache, threads, stop: interrupt.flag() };
            Ok(Encoded::of(&*self.pictures(data, first)?, data, &self.codec, encoding)?)
        };
        interrupt.saves(true);
        let held_out = held_out.map(|data| encode(data, HELD_OUT_INK, None)).transpose();
        // Of several ranks the first alone writes.
        let cache = Ranks::here().is_first().then_some(cache);
        let encoded = held_out.and_then(|held_out| Ok((encode(data, 0, cache)?, held_out)));
        interrupt.saves(false);
        match encoded {
            Err(error) if matches!(error.downcast_ref(), Some(Error::Stopped)) => Ok(None),
            encoded => encoded.map(Some),
        }
    }
}
