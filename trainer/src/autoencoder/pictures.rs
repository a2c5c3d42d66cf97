//! What an autoencoder learns and is measured on. Tests: here.

use diffusion::codec::from_grey;
use sha2::{Digest, Sha256};

use crate::data::Dataset;
use crate::error::Result;
use crate::styles::{MEDIA, Medium};

/// Square pictures of one size.
pub trait Pictures: Sync {
    /// How many, at least 1.
    fn count(&self) -> usize;

    /// 1 of grey pictures, 3 of coloured ones.
    fn channels(&self) -> usize;

    /// Pixels along a side.
    fn side(&self) -> usize;

    /// Lower-case hexadecimal SHA-256 of all that decides them.
    fn sha256(&self) -> String;

    /// The chosen ones in [-1, 1], `[indices, channels, side, side]`.
    fn chosen(&self, indices: &[usize]) -> Vec<f32>;

    /// Values of one picture.
    fn values(&self) -> usize {
        self.channels() * self.side() * self.side()
    }
}

/// What grey pictures are drawn in.
#[derive(Debug, Clone, Copy)]
pub enum Media {
    /// One medium.
    One(&'static Medium),
    /// Every second one in the first medium, the others in the rest by turns: what an autoencoder is for.
    All,
}

impl Media {
    /// Ink on paper, a base's own.
    pub fn ink() -> Self {
        Self::One(&MEDIA[0])
    }

    /// The medium of that name; all of them by `all`.
    ///
    /// # Errors
    /// A name that no medium has.
    pub fn named(name: &str) -> Result<Self> {
        if name == "all" { Ok(Self::All) } else { Medium::named(name).map(Self::One) }
    }

    fn of(self, index: usize) -> &'static Medium {
        match self {
            Self::One(medium) => medium,
            Self::All if index.is_multiple_of(2) => &MEDIA[0],
            Self::All => &MEDIA[1 + index / 2 % (MEDIA.len() - 1)],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::One(medium) => medium.name,
            Self::All => "all",
        }
    }
}

/// Grey pictures drawn in a medium, each when it is asked for.
#[derive(Debug)]
pub struct Inked<'a> {
    data: &'a Dataset,
    media: Media,
    side: usize,
    /// The seed of the first picture; the next have the next.
    first: u64,
}

impl<'a> Inked<'a> {
    /// These, light strokes on black, `side` pixels a side. `first`: those that are held out have seeds of their own.
    ///
    /// # Errors
    /// Pictures in colour.
    pub fn new(data: &'a Dataset, media: Media, side: usize, first: u64) -> Result<Self> {
        match data.channels() {
            1 => Ok(Self { data, media, side, first }),
            _ => {
                Err(data.refuse("its pictures are in colour, and ink is drawn of grey ones; leave out --colour".into()))
            }
        }
    }
}

impl Pictures for Inked<'_> {
    fn count(&self) -> usize {
        self.data.len()
    }

    fn channels(&self) -> usize {
        3
    }

    fn side(&self) -> usize {
        self.side
    }

    fn sha256(&self) -> String {
        let text = format!("{} 2 {} {} {}", self.media.name(), self.side, self.first, self.data.sha256());
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn chosen(&self, indices: &[usize]) -> Vec<f32> {
        let draw = |&i: &usize| {
            let (image, size) = (self.data.image(i), self.data.size());
            self.media.of(i).apply(image, size, self.side, self.first + i as u64)
        };
        indices.iter().flat_map(draw).map(from_grey).collect()
    }
}

/// Pictures as they are.
impl Pictures for Dataset {
    fn count(&self) -> usize {
        self.len()
    }

    fn channels(&self) -> usize {
        self.channels()
    }

    fn side(&self) -> usize {
        self.size()
    }

    fn sha256(&self) -> String {
        self.sha256()
    }

    fn chosen(&self, indices: &[usize]) -> Vec<f32> {
        self.batch(indices).0
    }
}

impl<P: Pictures> Pictures for &P {
    fn count(&self) -> usize {
        P::count(self)
    }

    fn channels(&self) -> usize {
        P::channels(self)
    }

    fn side(&self) -> usize {
        P::side(self)
    }

    fn sha256(&self) -> String {
        P::sha256(self)
    }

    fn chosen(&self, indices: &[usize]) -> Vec<f32> {
        P::chosen(self, indices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn_digit;

    #[test]
    fn ink_is_drawn_of_the_chosen_pictures() {
        let pixels = [drawn_digit(0), drawn_digit(7)].concat();
        let data = Dataset::new("test", pixels, vec![0, 1], 28, vec!["0".into(), "7".into()]).unwrap();
        let inked = Inked::new(&data, Media::ink(), 32, 5).unwrap();
        assert_eq!((inked.count(), inked.values()), (2, 3 * 32 * 32));
        let both = inked.chosen(&[1, 0]);
        let second: Vec<f32> = MEDIA[0].apply(&drawn_digit(0), 28, 32, 5).into_iter().map(from_grey).collect();
        assert_eq!(both[3 * 32 * 32..], second);
        let of_all = Inked::new(&data, Media::All, 32, 5).unwrap();
        assert_eq!(of_all.chosen(&[0]), second);
        assert_ne!(of_all.chosen(&[1]), both[..3 * 32 * 32]);
        assert_ne!(inked.sha256(), of_all.sha256());
        assert_ne!(inked.sha256(), Inked::new(&data, Media::ink(), 32, 6).unwrap().sha256());
        assert_ne!(inked.sha256(), Inked::new(&data, Media::ink(), 64, 5).unwrap().sha256());
        let coloured = data.in_channels(3);
        assert_eq!((coloured.channels(), Pictures::values(&coloured)), (3, 3 * 28 * 28));
        let message = Inked::new(&coloured, Media::ink(), 64, 5).unwrap_err().to_string();
        assert!(message.contains("in colour") && message.contains("--colour"), "{message}");
    }
}
