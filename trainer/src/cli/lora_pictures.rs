//! What `trainer lora` trains an adapter on: pictures on disk, or MNIST's in a style. Tests: in `trainer/tests/runs`.

use std::path::Path;

use diffusion::Base;
use trainer::data::Dataset;
use trainer::data::check::Purpose;
use trainer::messages::say;
use trainer::styles::Style;

use super::data_args::Reader;

/// The pictures that an adapter is trained on, and those that its loss is measured on; with the base's classes.
pub struct Pictures {
    pub train: Dataset,
    pub held_out: Option<Dataset>,
}

impl Pictures {
    /// Pictures on disk, which take precedence over a style of the same name. Nothing for a style, whose pictures are made
    /// later; it is only checked that they can be.
    pub fn on_disk(reader: &Reader, source: &str, base: &Base) -> anyhow::Result<Option<Self>> {
        let style = !Path::new(source).exists();
        let (train, held_out) = match style {
            true => reader.mnist()?,
            false => reader.own(Path::new(source), Purpose::Known(&base.info))?,
        };
        let train = train.with_classes(&base.info.labels)?.in_channels(base.info.channels);
        train.must_fit(&base.info)?;
        let held_out = held_out.map(|data| data.with_classes(&base.info.labels)).transpose()?;
        Ok((!style).then_some(Self { train, held_out }))
    }

    /// The pictures before a style is applied.
    pub fn unstyled(reader: &Reader, base: &Base, pictures: Option<Self>) -> anyhow::Result<Self> {
        if let Some(pictures) = pictures {
            return Ok(pictures);
        }
        let (train, held_out) = reader.mnist()?;
        Ok(Self { train, held_out }.in_channels_of(base))
    }

    /// The same pictures, grey or in colour as the base draws.
    fn in_channels_of(self, base: &Base) -> Self {
        let channels = base.info.channels;
        Self { train: self.train.in_channels(channels), held_out: self.held_out.map(|data| data.in_channels(channels)) }
    }

    /// The user's own pictures as they are, or MNIST's in a style.
    pub fn styled(reader: &Reader, source: &str, base: &Base, pictures: Option<Self>) -> anyhow::Result<Self> {
        if let Some(pictures) = pictures {
            return Ok(pictures);
        }
        let style = Style::named(source)?;
        let (train, held_out) = reader.mnist()?;
        say!("{}: {} pictures are drawn in this style, seconds of work", style.title, train.len());
        let held_out = held_out.map(|data| data.styled(style)).transpose()?;
        Ok(Self { train: train.styled(style)?, held_out }.in_channels_of(base))
    }
}
