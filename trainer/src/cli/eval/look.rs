//! What MNIST's real digits look like where they are compared: as they are, in a style, or drawn in a medium on the canvas of a base
//! that works behind an autoencoder. Tests: whole, in `trainer/tests/runs/latents.rs`.

use std::borrow::Cow;
use std::sync::Arc;

use diffusion::Base;
use diffusion::autoencoder::AutoencoderCodec;
use diffusion::codec::from_grey;
use trainer::data::Dataset;
use trainer::eval::{small, strokes};
use trainer::parallel;
use trainer::picture::levels;
use trainer::styles::{MEDIA, Medium, Style};

use super::args::{medium_of, style_of};

/// How real pictures are made.
#[derive(Debug, Clone, Copy)]
pub enum Look {
    /// MNIST as it is.
    Plain,
    /// In a style.
    Style(&'static Style),
    /// Drawn in a medium.
    Medium(&'static Medium),
}

impl Look {
    /// What a base draws with these adapters, and whether anything is known of them.
    pub fn of(loras: &[String], canvas: bool) -> (Self, bool) {
        match (style_of(loras), canvas) {
            (style, false) => (style.map_or(Self::Plain, Self::Style), style.is_some() || loras.is_empty()),
            (_, true) => {
                let medium = medium_of(loras);
                (Self::Medium(medium.unwrap_or(&MEDIA[0])), medium.is_some() || loras.is_empty())
            }
        }
    }

    /// Of the style or medium.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Style(style) => Some(style.name),
            Self::Medium(medium) => Some(medium.name),
        }
    }

    /// Whether it is that of a base without adapters.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Plain) || self.name() == Some(MEDIA[0].name)
    }
}

/// Where a base draws MNIST larger and in colour.
#[derive(Debug)]
pub struct Canvas {
    codec: Arc<AutoencoderCodec>,
    /// Pixels along a side.
    pub side: usize,
}

impl Canvas {
    /// That of a base behind an autoencoder of colours.
    pub fn of(base: &Base) -> Option<Self> {
        let codec = base.autoencoder.clone().filter(|_| base.info.channels == 3)?;
        Some(Self { codec, side: base.info.image_size })
    }

    /// Pictures after the autoencoder: the best that any base behind it can draw.
    pub fn reconstructed(&self, data: &Dataset) -> anyhow::Result<Dataset> {
        let jobs = data.images().collect();
        let made = parallel::map(jobs, parallel::default_threads(), |image: &[u8]| {
            let values: Vec<f32> = image.iter().map(|&level| from_grey(level)).collect();
            Ok(levels(&self.codec.decode(&self.codec.encode(&values)?)?))
        })?;
        let (shape, names) = ([data.channels(), data.size()], data.class_names().to_vec());
        Ok(Dataset::with_channels("pictures by the autoencoder", made.concat(), data.labels().to_vec(), shape, names)?)
    }
}

/// Real digits with this look, as they are compared; with `through`, by that canvas' autoencoder. `first`: the first one's seed.
pub fn real(data: &Dataset, look: Look, first: u64, canvas: Option<&Canvas>, through: bool) -> anyhow::Result<Dataset> {
    match (look, canvas) {
        (Look::Medium(medium), Some(canvas)) => {
            let drawn = data.drawn_in(medium, canvas.side, first)?;
            let drawn = if through { canvas.reconstructed(&drawn)? } else { drawn };
            Ok(small(&drawn, data.size())?)
        }
        (Look::Style(style), _) => Ok(data.styled(style)?),
        (Look::Plain | Look::Medium(_), _) => Ok(data.clone()),
    }
}

/// What a judge of digits sees of pictures that are compared: of those in colour, light strokes on black.
pub fn as_strokes(data: &Dataset) -> anyhow::Result<Cow<'_, Dataset>> {
    Ok(if data.channels() > 1 { Cow::Owned(strokes(data)?) } else { Cow::Borrowed(data) })
}
