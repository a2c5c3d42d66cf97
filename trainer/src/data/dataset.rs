//! A data set in memory. Tests: `dataset/tests.rs`.

mod balanced;
mod hold_out;
mod pixels;

use std::collections::BTreeSet;

use diffusion::codec::from_grey;
use diffusion::config::ModelInfo;

use super::names::{position, same_list};
use crate::error::{Error, Result};
use crate::parallel;
use crate::store::sha256_of;
use crate::styles::{Medium, Style};

/// Sides of pictures must be a multiple of this: two halvings in the network.
pub const SIZE_MULTIPLE: usize = 4;

/// Pictures with their labels, at least one. Pixels are kept as bytes (60,000 digits are 47 MB) and scaled when a batch is
/// made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    pixels: Vec<u8>,
    labels: Vec<u16>,
    size: usize,
    /// 1 of grey pictures, 3 of coloured ones.
    channels: usize,
    class_names: Vec<String>,
    /// The file or folder, for messages.
    location: String,
    /// The file that each picture came from; nothing where all came from one.
    names: Vec<String>,
    /// Where classes take turns in training: the pictures of each.
    turns: Vec<Vec<u32>>,
    /// Index of the first picture for styles that draw at random. Test pictures come after the training pictures, so that
    /// no two share a seed.
    first_index: u64,
}

impl Dataset {
    /// Grey pictures of `size * size` pixels, one after the other, row by row. `location` names the data in messages.
    ///
    /// # Errors
    /// As [`with_channels`](Self::with_channels).
    pub fn new(
        location: &str,
        pixels: Vec<u8>,
        labels: Vec<u16>,
        size: usize,
        class_names: Vec<String>,
    ) -> Result<Self> {
        Self::with_channels(location, pixels, labels, [1, size], class_names)
    }

    /// Pictures of `[channels, size]`, 1 channel of grey ones, 3 of coloured ones: of each picture all of red, row by row, then
    /// green, then blue.
    ///
    /// # Errors
    /// No picture, a size that is not a multiple of [`SIZE_MULTIPLE`], parts that do not fit together.
    pub fn with_channels(
        location: &str,
        pixels: Vec<u8>,
        labels: Vec<u16>,
        [channels, size]: [usize; 2],
        class_names: Vec<String>,
    ) -> Result<Self> {
        let refuse = |reason: String| Error::Data { location: location.to_owned(), reason };
        if labels.is_empty() {
            return Err(refuse("there is no picture in it".into()));
        }
        if size == 0 || !size.is_multiple_of(SIZE_MULTIPLE) {
            return Err(refuse(format!(
                "its pictures are {size}x{size}, but the side must be a multiple of {SIZE_MULTIPLE}"
            )));
        }
        if !matches!(channels, 1 | 3) {
            return Err(refuse(format!("pictures have 1 channel or 3, not {channels}")));
        }
        let values = channels * size * size;
        if pixels.len() != labels.len() * values {
            return Err(refuse(format!(
                "{} labels for {} pictures of {size}x{size}",
                labels.len(),
                pixels.len() as f64 / values as f64
            )));
        }
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= class_names.len()) {
            return Err(refuse(format!("label {label}, but only {} classes", class_names.len())));
        }
        let (location, names, turns) = (location.to_owned(), Vec::new(), Vec::new());
        Ok(Self { pixels, labels, size, channels, class_names, location, names, turns, first_index: 0 })
    }

    /// The same data, each picture with the name of its file.
    pub(super) fn with_names(self, names: Vec<String>) -> Self {
        Self { names, ..self }
    }

    /// The file that a picture came from, fit to be shown; `None` where all came from one, as of IDX.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(String::as_str)
    }

    /// The file or folder of the data.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The same data, their pictures counted from `first_index` by styles that draw at random.
    pub(super) fn counted_from(self, first_index: u64) -> Self {
        Self { first_index, ..self }
    }

    /// Number of pictures, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Side of the pictures in pixels.
    pub fn size(&self) -> usize {
        self.size
    }

    /// 1 of grey pictures, 3 of coloured ones.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Values of one picture.
    fn values(&self) -> usize {
        self.channels * self.size * self.size
    }

    /// Names of the classes; a label is an index into them.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Labels in order.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Label of one picture.
    pub fn label(&self, index: usize) -> u16 {
        self.labels[index]
    }

    /// Pixels of one picture, row by row; of one in colour, all of red, then green, then blue.
    pub fn image(&self, index: usize) -> &[u8] {
        let values = self.values();
        &self.pixels[index * values..(index + 1) * values]
    }

    /// Pictures in order.
    pub fn images(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.values())
    }

    /// The channels of all pictures in order, each `size * size` pixels.
    pub fn planes(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.size * self.size)
    }

    /// SHA-256 of pictures, labels and class names, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        let labels: Vec<u8> = self.labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        let names = self.class_names.join("\n");
        // Grey pictures have the sum that they have always had.
        let colour: &[u8] = if self.channels == 1 { &[] } else { b"\ncolour" };
        let balanced: &[u8] = if self.turns.is_empty() { &[] } else { b"\nbalanced" };
        sha256_of([&self.size.to_le_bytes()[..], names.as_bytes(), colour, balanced, b"\n\n", &labels, &self.pixels])
    }

    /// The chosen pictures scaled to [-1, 1], one after the other, and their labels.
    ///
    /// # Shapes
    /// `[indices, channels, size, size]` and `[indices]`.
    pub fn batch(&self, indices: &[usize]) -> (Vec<f32>, Vec<u16>) {
        let pixels = indices.iter().flat_map(|&i| self.image(i)).map(|&p| from_grey(p)).collect();
        (pixels, indices.iter().map(|&i| self.labels[i]).collect())
    }

    /// The same pictures with a style applied. Deterministic.
    ///
    /// # Errors
    /// A style that cannot draw so many classes; pictures in colour.
    pub fn styled(&self, style: &Style) -> Result<Self> {
        if self.channels > 1 {
            return Err(self.refuse("its pictures are in colour, and styles are drawn of grey ones".into()));
        }
        style.check(self.class_names.len())?;
        let jobs = (self.images().zip(&self.labels).enumerate()).collect();
        let styled = parallel::map(jobs, parallel::default_threads(), |(i, (image, &label))| {
            Ok(style.apply(image, self.size, label, self.first_index + i as u64))
        })?;
        Ok(Self { pixels: styled.concat(), ..self.clone_without_pixels() })
    }

    /// The same pictures drawn in a medium, `side` pixels a side and in colour. Deterministic; `first` is the first one's seed.
    ///
    /// # Errors
    /// Pictures in colour; a side that is no multiple of 4.
    pub fn drawn_in(&self, medium: &Medium, side: usize, first: u64) -> Result<Self> {
        if self.channels > 1 {
            return Err(self.refuse("its pictures are in colour, and media are drawn of grey ones".into()));
        }
        let jobs = self.images().enumerate().collect();
        let drawn = parallel::map(jobs, parallel::default_threads(), |(i, image)| {
            Ok(medium.apply(image, self.size, side, first + i as u64))
        })?;
        let (labels, names) = (self.labels.clone(), self.class_names.clone());
        Self::with_channels(&self.location, drawn.concat(), labels, [3, side], names)
    }

    /// The chosen pictures, in that order. `indices` must not be empty.
    pub fn pick(&self, indices: &[usize]) -> Self {
        Self {
            pixels: indices.iter().flat_map(|&i| self.image(i)).copied().collect(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
            names: indices.iter().filter_map(|&i| self.names.get(i)).cloned().collect(),
            turns: Vec::new(),
            ..self.clone_without_pixels()
        }
    }

    /// Checks that a model can be trained on these pictures.
    ///
    /// # Errors
    /// Pictures of another size, or other classes, than the model draws.
    pub fn must_fit(&self, info: &ModelInfo) -> Result<()> {
        if self.size != info.image_size {
            return Err(self.refuse(format!(
                "its pictures are {0}x{0}, the base draws {1}x{1}; --fit brings them to that size, `trainer base` trains a base of theirs",
                self.size, info.image_size
            )));
        }
        if self.channels != info.channels {
            let kind = |channels| if channels == 1 { "grey" } else { "in colour" };
            return Err(self.refuse(format!(
                "its pictures are {}, the base draws {}",
                kind(self.channels),
                if info.channels == 1 { "in grey" } else { "in colour" }
            )));
        }
        if !same_list(&self.class_names, &info.labels) {
            let (has, wants) = (self.class_names.join(", "), info.labels.join(", "));
            return Err(self.refuse(format!("its classes are {has}, the base has {wants}")));
        }
        Ok(())
    }

    /// An error about these data.
    pub(crate) fn refuse(&self, reason: String) -> Error {
        Error::Data { location: self.location.clone(), reason }
    }

    fn clone_without_pixels(&self) -> Self {
        Self {
            pixels: Vec::new(),
            labels: self.labels.clone(),
            class_names: self.class_names.clone(),
            location: self.location.clone(),
            names: self.names.clone(),
            turns: self.turns.clone(),
            ..*self
        }
    }

    /// Whether the pixels along the edges are light on average: dark ink on a light ground.
    pub fn has_light_ground(&self) -> bool {
        let n = self.size;
        let edge = |image: &[u8]| -> u64 {
            (0..n).flat_map(|i| [i, n * (n - 1) + i, n * i, n * i + n - 1]).map(|at| u64::from(image[at])).sum()
        };
        self.planes().map(edge).sum::<u64>() > 128 * 4 * (n * self.channels * self.len()) as u64
    }

    /// The same pictures, their labels as indices into `names`. Classes of which there are no pictures are fine.
    ///
    /// # Errors
    /// Classes that are not in `names`.
    pub fn with_classes(mut self, names: &[String]) -> Result<Self> {
        let (mut new_labels, mut unknown) = (Vec::new(), Vec::new());
        for name in &self.class_names {
            match position(names, name) {
                Some(index) => new_labels.push(index as u16),
                None => unknown.push(name.as_str()),
            }
        }
        if !unknown.is_empty() {
            let (classes, are) = if unknown.len() == 1 { ("class", "is") } else { ("classes", "are") };
            return Err(self.refuse(format!(
                "its {classes} {} {are} unknown to the base, which has {}; rename them, or train a base of your own with `trainer base`",
                unknown.join(", "),
                names.join(", ")
            )));
        }
        self.labels.iter_mut().for_each(|label| *label = new_labels[usize::from(*label)]);
        self.class_names = names.to_vec();
        Ok(self)
    }

    /// The classes that there are pictures of, in order.
    pub fn classes_with_pictures(&self) -> Vec<usize> {
        let classes: BTreeSet<u16> = self.labels.iter().copied().collect();
        classes.into_iter().map(usize::from).collect()
    }

    /// Indices of `count` pictures, or all, the classes taking turns, so that each has as many as it can have.
    pub fn in_turns(&self, count: usize) -> Vec<usize> {
        let mut turns = vec![0u32; self.class_names.len()];
        let turn = |&label: &u16| {
            let turn = &mut turns[usize::from(label)];
            *turn += 1;
            *turn
        };
        let turns: Vec<u32> = self.labels.iter().map(turn).collect();
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&i| (turns[i], self.labels[i], i));
        order.truncate(count);
        order
    }

    /// Indices of the first `per_class` pictures of every class, class by class.
    pub fn first_of_each_class(&self, per_class: usize) -> Vec<usize> {
        (0..self.class_names.len())
            .flat_map(|class| {
                let of_class = move |&i: &usize| usize::from(self.labels[i]) == class;
                (0..self.len()).filter(of_class).take(per_class)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
