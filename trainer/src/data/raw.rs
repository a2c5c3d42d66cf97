//! Pictures as an IDX file, a table or an archive of arrays holds them: all of one size, which may not be the network's. Tests: `open.rs`, `idx.rs`,
//! `csv.rs`, `npz.rs`, `fitting/tests.rs`.

use diffusion::codec::{interleaved, planar};
use intake::{Fit, Ink};

use super::dataset::{Dataset, SIZE_MULTIPLE};
use super::fitting::{self, Change, USUAL_COLOUR_SIZE, USUAL_SIZE, Wanted};
use super::options::ReadOptions;
use crate::error::{Error, Result};
use crate::parallel;

/// Pictures of `height` rows of `width` pixels of 1 channel or 3 each, one after the other, with their labels.
#[derive(Debug)]
pub struct Raw {
    pub pixels: Vec<u8>,
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub labels: Vec<u16>,
    pub class_names: Vec<String>,
}

impl Raw {
    /// Makes masks of 0 and 1 pictures of 0 and 255, if all are that.
    pub fn stretch_masks(&mut self) -> bool {
        let are_masks = self.pixels.contains(&1) && self.pixels.iter().all(|&pixel| pixel <= 1);
        if are_masks {
            self.pixels.iter_mut().for_each(|pixel| *pixel *= 255);
        }
        are_masks
    }

    /// Every picture with its rows and columns exchanged.
    pub fn transposed(self) -> Self {
        let (width, height, channels) = (self.width, self.height, self.channels);
        let turned = |image: &[u8]| -> Vec<u8> {
            (0..width).flat_map(|x| (0..height).map(move |y| (x, y))).map(|(x, y)| image[y * width + x]).collect()
        };
        let turned = |image: &[u8]| match channels {
            1 => turned(image),
            _ => interleaved(
                &planar(image, channels).chunks_exact(width * height).flat_map(turned).collect::<Vec<_>>(),
                channels,
            ),
        };
        let pixels = self.pixels.chunks_exact((channels * width * height).max(1)).flat_map(turned).collect();
        Self { pixels, width: height, height: width, ..self }
    }

    /// Data of the size that is wanted: the pictures as they are, where they have it.
    pub fn into_dataset(self, location: &str, options: &ReadOptions) -> Result<(Dataset, Vec<Change>)> {
        if self.channels > 1 {
            return if options.colour { self.coloured(location, options) } else { self.grey(location, options) };
        }
        let Self { width, height, .. } = self;
        let refuse = |reason: String| Error::Data { location: location.to_owned(), reason };
        let usable = width == height && width.is_multiple_of(SIZE_MULTIPLE);
        let size = options.size.unwrap_or(if usable { width } else { USUAL_SIZE });
        let as_they_are = match options.fit {
            Fit::None => true,
            Fit::Auto => usable && width == size,
            Fit::Pad | Fit::Crop | Fit::Stretch | Fit::Mnist => false,
        };
        if as_they_are || self.labels.is_empty() || width * height == 0 {
            if width != height {
                return Err(refuse(format!(
                    "its pictures are {width}x{height}, not square; --fit brings them to a square"
                )));
            }
            let data = Dataset::new(location, self.pixels, self.labels, width, self.class_names)?;
            return Ok((if options.ink == Ink::Dark { data.inverted() } else { data }, Vec::new()));
        }
        // A data set was fitted by those who made it: it is only scaled, and its ink is what it is.
        let fit = if options.fit == Fit::Auto { Fit::Pad } else { options.fit };
        let ink = if options.ink == Ink::Auto && fit != Fit::Mnist { Ink::Light } else { options.ink };
        let wanted = Wanted { size, fit, ink, colour: None };
        let images: Vec<&[u8]> = self.pixels.chunks_exact(width * height).collect();
        let fit = |image: usize, wanted| fitting::fitted_grey(images[image], width, height, wanted);
        let all =
            parallel::map((0..images.len()).collect(), parallel::default_threads(), |image| Ok(fit(image, wanted)))?;
        let mut fitted = Vec::with_capacity(all.len());
        for (image, one) in all.into_iter().enumerate() {
            match one {
                Ok(one) => fitted.push((image, one)),
                // A picture without ink is told later, as of any file.
                Err(_) if is_flat(images[image]) => {
                    fitted.push((image, fitting::blank(images[image].first().copied().unwrap_or(0), wanted)));
                }
                Err(reason) => return Err(refuse(format!("picture {image} (the first is picture 0): {reason}"))),
            }
        }
        let names: Vec<String> = fitted.iter().map(|(image, _)| format!("picture {image}")).collect();
        let told: Vec<_> = names.iter().map(String::as_str).zip(fitted.iter().map(|(_, one)| one)).collect();
        let changes = fitting::told(&told, wanted);
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for (image, one) in fitted {
            for grey in one.characters {
                labels.push(self.labels[image]);
                pixels.extend(grey);
            }
        }
        Ok((Dataset::new(location, pixels, labels, size, self.class_names)?, changes))
    }
}

impl Raw {
    /// As grey pictures, which says so.
    fn grey(self, location: &str, options: &ReadOptions) -> Result<(Dataset, Vec<Change>)> {
        let grey = |pixel: &[u8]| {
            let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(pixel[channel]));
            ((2126 * red + 7152 * green + 722 * blue) / 10_000) as u8
        };
        let pixels = self.pixels.chunks_exact(self.channels).map(grey).collect();
        let count = self.labels.len();
        let (data, mut changes) = Self { pixels, channels: 1, ..self }.into_dataset(location, options)?;
        changes.extend(fitting::colours(count));
        Ok((data, changes))
    }

    /// As pictures in colour.
    fn coloured(self, location: &str, options: &ReadOptions) -> Result<(Dataset, Vec<Change>)> {
        let Self { width, height, channels, .. } = self;
        let refuse = |reason: String| Error::Data { location: location.to_owned(), reason };
        let usable = width == height && width.is_multiple_of(SIZE_MULTIPLE);
        let size = options.size.unwrap_or(if usable { width } else { USUAL_COLOUR_SIZE });
        let wanted = Wanted { size, fit: options.fit, ink: Ink::Light, colour: Some(options.ground) };
        let images: Vec<&[u8]> = self.pixels.chunks_exact((channels * width * height).max(1)).collect();
        let jobs = (0..images.len()).collect();
        let all = parallel::map(jobs, parallel::default_threads(), |image| {
            let rgba = images[image].chunks_exact(channels).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], u8::MAX]);
            let fitted = fitting::fitted_colour(width, height, rgba.collect(), wanted);
            fitted.map_err(|reason| refuse(format!("picture {image} (the first is picture 0): {reason}")))
        })?;
        let told: Vec<_> = all.iter().map(|one| ("", one)).collect();
        let changes = fitting::told(&told, wanted);
        let pixels = all.into_iter().flat_map(|one| one.characters).flatten().collect();
        Ok((Dataset::with_channels(location, pixels, self.labels, [3, size], self.class_names)?, changes))
    }
}

impl Dataset {
    /// The same grey pictures brought to the size that the options say.
    ///
    /// # Errors
    /// Pictures that cannot be fitted.
    pub fn fitted(self, options: &ReadOptions) -> Result<Self> {
        let raw = Raw {
            pixels: self.images().flatten().copied().collect(),
            width: self.size(),
            height: self.size(),
            channels: 1,
            labels: self.labels().to_vec(),
            class_names: self.class_names().to_vec(),
        };
        raw.into_dataset(self.location(), options).map(|(data, _)| data)
    }
}

fn is_flat(image: &[u8]) -> bool {
    let (low, high) = image.iter().fold((u8::MAX, 0), |(low, high), &pixel| (low.min(pixel), high.max(pixel)));
    high.saturating_sub(low) < super::levels::LEAST_OF_ONE
}
