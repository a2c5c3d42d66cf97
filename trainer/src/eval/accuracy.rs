//! Accuracy: are the digits what was asked for? Tests: here.

use crate::classifier::argmax;
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
    /// Compares the labels asked for with each picture's probabilities by class, one row for each label.
    ///
    /// # Errors
    /// Not as many rows as labels, labels or rows that do not fit the classes.
    pub fn new(names: &[String], labels: &[u16], rows: &[&[f32]]) -> Result<Self> {
        let refuse = |reason: String| Error::Data { location: "the pictures to be read".into(), reason };
        if labels.len() != rows.len() {
            return Err(refuse(format!("{} labels for {} pictures", labels.len(), rows.len())));
        }
        let mut confusion = vec![vec![0; names.len()]; names.len()];
        let mut probability = 0.0;
        for (&label, row) in labels.iter().zip(rows) {
            let asked = usize::from(label);
            if asked >= names.len() || row.len() != names.len() {
                return Err(refuse(format!("label {label}, but the classifier knows {} classes", names.len())));
            }
            confusion[asked][argmax(row)] += 1;
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

    /// The class that was read as asked least often: its name, its share, and the class it was mostly mistaken for.
    pub fn weakest(&self) -> Option<(&str, f64, Option<&str>)> {
        let (index, class) = self
            .classes
            .iter()
            .enumerate()
            .filter(|(_, class)| class.asked > 0)
            .min_by(|(_, a), (_, b)| share(a.right, a.asked).total_cmp(&share(b.right, b.asked)))?;
        let others = class.read_as.iter().enumerate().filter(|&(other, &count)| other != index && count > 0);
        let mistaken = others.max_by_key(|&(_, count)| count).map(|(other, _)| self.classes[other].name.as_str());
        Some((&class.name, share(class.right, class.asked), mistaken))
    }
}

/// A part of a whole, 0 of nothing.
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_and_wrong_are_counted_class_by_class() {
        let names = ["0", "1", "2"].map(str::to_owned);
        let rows: [[f32; 3]; 4] = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.0, 0.9, 0.1]];
        let rows = rows.each_ref().map(|row| &row[..]);
        let accuracy = Accuracy::new(&names, &[0, 0, 2, 2], &rows).unwrap();
        assert_eq!((accuracy.images, accuracy.right, accuracy.share), (4, 2, 0.5));
        assert!((accuracy.mean_probability - (0.8 + 0.2 + 0.7 + 0.1) / 4.0).abs() < 1e-6);
        assert_eq!(accuracy.classes[2].read_as, [0, 1, 1]);
        assert_eq!(accuracy.weakest(), Some(("0", 0.5, Some("1"))));

        let refused = |labels: &[u16]| Accuracy::new(&names, labels, &rows[..1]).unwrap_err().to_string();
        assert!(refused(&[3]).contains("label 3"));
        assert!(refused(&[0, 0]).contains("2 labels for 1 pictures"));
    }
}
