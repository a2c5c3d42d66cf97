//! What `trainer lora` trains an adapter on: pictures on disk, or MNIST's in a style or, behind an autoencoder, a medium. Tests: in
//! `trainer/tests/runs`.

use std::path::Path;

use diffusion::Base;
use trainer::autoencoder::Media;
use trainer::data::Dataset;
use trainer::data::check::Purpose;
use trainer::messages::say;
use trainer::styles::{MEDIA, Medium, STYLES, Style};

use super::behind::Behind;
use super::data_args::Reader;

/// The pictures that an adapter is trained on, and those that its loss is measured on; with the base's classes.
pub struct Pictures {
    pub train: Dataset,
    pub held_out: Option<Dataset>,
    /// What encodes them, of a base that works behind an autoencoder.
    pub behind: Option<Behind>,
}

/// What MNIST's digits are turned into.
enum Look {
    Style(&'static Style),
    Medium(&'static Medium),
}

/// Names of all styles and media, for a message.
pub fn looks() -> impl Iterator<Item = &'static str> {
    STYLES.iter().map(|style| style.name).chain(MEDIA.iter().map(|medium| medium.name))
}

/// The style or medium of that name.
fn look(source: &str, base: &Base) -> anyhow::Result<Look> {
    match Medium::named(source) {
        Ok(medium) if base.autoencoder.is_some() => Ok(Look::Medium(medium)),
        Ok(_) => anyhow::bail!(
            "{source} is drawn in colour, for a base behind an autoencoder (`trainer base --autoencoder`), which this one is not"
        ),
        Err(_) => Ok(Look::Style(Style::named(source)?)),
    }
}

impl Pictures {
    /// Pictures on disk, which take precedence over a style of the same name. Nothing for a style or medium, whose pictures are
    /// made later; it is only checked that they can be.
    pub fn on_disk(reader: &Reader, source: &str, base: &Base) -> anyhow::Result<Option<Self>> {
        if !Path::new(source).exists() {
            look(source, base)?;
            Self::plain(reader, base)?;
            return Ok(None);
        }
        let behind = Behind::of(Some(base), None, None, None)?;
        let (train, held_out) = reader.own(Path::new(source), Purpose::Known(&base.info))?;
        Ok(Some(Self::with_classes(train, held_out, behind, base)?))
    }

    /// The pictures before a style is applied.
    pub fn unstyled(reader: &Reader, base: &Base, pictures: Option<Self>) -> anyhow::Result<Self> {
        pictures.map_or_else(|| Self::plain(reader, base), Ok)
    }

    /// MNIST's digits: grey, or in colour as the base draws; behind an autoencoder in ink.
    fn plain(reader: &Reader, base: &Base) -> anyhow::Result<Self> {
        let behind = Behind::of(Some(base), None, None, Some(Media::ink()))?;
        let reader = behind.as_ref().map_or_else(|| reader.clone(), |behind| Reader(behind.settings(reader.0.clone())));
        let (train, held_out) = reader.mnist()?;
        let channels = if behind.is_some() { 1 } else { base.info.channels };
        let held_out = held_out.map(|data| data.in_channels(channels));
        Self::with_classes(train.in_channels(channels), held_out, behind, base)
    }

    fn with_classes(
        train: Dataset,
        held_out: Option<Dataset>,
        behind: Option<Behind>,
        base: &Base,
    ) -> anyhow::Result<Self> {
        let train = train.with_classes(&base.info.labels)?;
        if behind.is_none() {
            train.must_fit(&base.info)?;
        }
        let held_out = held_out.map(|data| data.with_classes(&base.info.labels)).transpose()?;
        Ok(Self { train, held_out, behind })
    }

    /// The user's own pictures as they are, or MNIST's in a style or medium.
    pub fn styled(reader: &Reader, source: &str, base: &Base, pictures: Option<Self>) -> anyhow::Result<Self> {
        if let Some(pictures) = pictures {
            return Ok(pictures);
        }
        match look(source, base)? {
            Look::Medium(medium) => {
                let plain = Self::plain(reader, base)?;
                Ok(Self { behind: Behind::of(Some(base), None, None, Some(Media::One(medium)))?, ..plain })
            }
            Look::Style(style) => {
                let (train, held_out) = reader.mnist()?;
                say!("{}: {} pictures are drawn in this style, seconds of work", style.title, train.len());
                let behind = Behind::of(Some(base), None, None, Some(Media::ink()))?;
                let channels = if behind.is_some() { 1 } else { base.info.channels };
                let styled = |data: Dataset| Ok::<_, anyhow::Error>(data.styled(style)?.in_channels(channels));
                Ok(Self { train: styled(train)?, held_out: held_out.map(styled).transpose()?, behind })
            }
        }
    }
}
