//! The autoencoder that a base works behind: from flags, or the base's own; and pictures as its latents. Tests: in
//! `trainer/tests/runs/latents.rs`.

use std::path::Path;
use std::sync::Arc;

use diffusion::Base;
use diffusion::autoencoder::AutoencoderCodec;
use trainer::autoencoder::{Encoded, Encoding, Inked, Pictures, read_autoencoder};
use trainer::config::{AutoWord, Count, DataSettings};
use trainer::data::Dataset;

/// Seed of the first held-out picture in ink: no data set has so many to train on.
pub const HELD_OUT_INK: u64 = 1 << 33;

/// An autoencoder, and whether it is given pictures drawn as ink.
#[derive(Debug, Clone)]
pub struct Behind {
    pub codec: Arc<AutoencoderCodec>,
    ink: bool,
    side: usize,
}

impl Behind {
    /// That of an existing base, or of the folder `autoencoder` for pictures of `side`; none where there is neither.
    pub fn of(
        base: Option<&Base>,
        autoencoder: Option<&Path>,
        side: Option<usize>,
        ink: bool,
    ) -> anyhow::Result<Option<Self>> {
        match (base, autoencoder) {
            (Some(base), None) => Ok(base.autoencoder.clone().map(|codec| {
                let side = base.info.image_size;
                Self { codec, ink, side }
            })),
            (Some(_), Some(_)) => {
                anyhow::bail!("--autoencoder is for a new base: one that exists has its own, or none")
            }
            (None, None) => Ok(None),
            (None, Some(dir)) => {
                let autoencoder = read_autoencoder(dir)?;
                let side = side.unwrap_or(autoencoder.config.sample_size);
                let codec = Arc::new(AutoencoderCodec::new(autoencoder, side)?);
                Ok(Some(Self { codec, ink, side }))
            }
        }
    }

    /// Side of the pictures.
    pub fn side(&self) -> usize {
        self.side
    }

    /// How the pictures are read that it is given: in ink of grey ones as they are.
    pub fn settings(&self, settings: DataSettings) -> DataSettings {
        match self.ink {
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
        let pictures: Box<dyn Pictures + 'a> =
            if self.ink { Box::new(Inked::new(data, self.side, first)?) } else { Box::new(data) };
        let (has, takes) = (pictures.channels(), self.codec.autoencoder().config.in_channels);
        if has != takes {
            anyhow::bail!("the pictures have {has} channels, the autoencoder takes {takes}");
        }
        Ok(pictures)
    }

    /// Their latents.
    pub fn encoded(&self, data: &Dataset, first: u64, encoding: Encoding<'_>) -> anyhow::Result<Encoded> {
        Ok(Encoded::of(&*self.pictures(data, first)?, data, &self.codec, encoding)?)
    }
}
