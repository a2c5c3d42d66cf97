//! Are the digits what was asked for?

use crate::error::{Error, Result};

/// The outcome for one class.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClassScore {
    /// Name of the class.
    pub name: String,
    /// Pictures that were asked for.
    pub asked: usize,
    /// Pictures of them that were read as this class.
    pub right: usize,
    /// How often the pictures were read as each class, in the order of the classes.
    pub read_as: Vec<usize>,
}

/// The outcome for a set of pictures.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Accuracy {
    /// Pictures in all.
    pub images: usize,
    /// Pictures that were read as asked.
    pub right: usize,
    /// Share of the pictures that were read as asked.
    pub share: f64,
    /// Mean probability that the classifier gave to the class that was asked for.
    pub mean_probability: f64,
    /// Class by class.
    pub classes: Vec<ClassScore>,
}

impl Accuracy {
    /// Compares the labels asked for with each picture's probabilities by class.
    pub fn new<'a>(names: &[String], labels: &[u16], rows: impl IntoIterator<Item = &'a [f32]>) -> Result<Self> {
        let mut confusion = vec![vec![0; names.len()]; names.len()];
        let mut probability = 0.0;
        for (&label, row) in labels.iter().zip(rows) {
            let asked = usize::from(label);
            if asked >= names.len() || row.len() != names.len() {
                let reason = format!("label {label}, but the classifier knows {} classes", names.len());
                return Err(Error::Data { place: "the pictures to be read".into(), reason });
            }
            confusion[asked][most_probable(row)] += 1;
            probability += f64::from(row[asked]);
        }
        let score = |(class, read_as): (usize, Vec<usize>)| ClassScore {
            name: names[class].clone(),
            asked: read_as.iter().sum(),
            right: read_as[class],
            read_as,
        };
        let classes: Vec<ClassScore> = confusion.into_iter().enumerate().map(score).collect();
        let images = classes.iter().map(|class| class.asked).sum();
        let right = classes.iter().map(|class| class.right).sum();
        Ok(Self {
            images,
            right,
            share: share(right, images),
            mean_probability: probability / f64::max(images as f64, 1.0),
            classes,
        })
    }

    /// The class that was read as asked least often: its name, its share, and what it was mostly mistaken for.
    pub fn weakest(&self) -> Option<(&str, f64, Option<&str>)> {
        let (place, class) = self
            .classes
            .iter()
            .enumerate()
            .filter(|(_, class)| class.asked > 0)
            .min_by(|(_, a), (_, b)| share(a.right, a.asked).total_cmp(&share(b.right, b.asked)))?;
        let others = class.read_as.iter().enumerate().filter(|&(other, &count)| other != place && count > 0);
        let mistaken = others.max_by_key(|&(_, count)| count).map(|(other, _)| self.classes[other].name.as_str());
        Some((&class.name, share(class.right, class.asked), mistaken))
    }
}

/// Place of the largest value.
pub(super) fn most_probable(row: &[f32]) -> usize {
    row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(place, _)| place)
}

/// A part of a whole, 0 of nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_and_wrong_are_counted_class_by_class() {
        let names = ["0", "1", "2"].map(str::to_owned);
        let rows: [[f32; 3]; 4] = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.0, 0.9, 0.1]];
        let accuracy = Accuracy::new(&names, &[0, 0, 2, 2], rows.iter().map(|row| &row[..])).unwrap();
        assert_eq!((accuracy.images, accuracy.right, accuracy.share), (4, 2, 0.5));
        assert!((accuracy.mean_probability - (0.8 + 0.2 + 0.7 + 0.1) / 4.0).abs() < 1e-6);
        assert_eq!(accuracy.classes[2].read_as, [0, 1, 1]);
        assert_eq!(accuracy.weakest(), Some(("0", 0.5, Some("1"))));

        let message = Accuracy::new(&names, &[3], [&[0.0f32; 3][..]]).unwrap_err().to_string();
        assert!(message.contains("label 3"), "{message}");
    }
}
