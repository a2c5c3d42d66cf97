//! How well generated digits are what was asked for, as an independent classifier reads them.

use std::fmt::Write;
use std::path::Path;

use crate::classifier::{Card, Classifier};
use crate::error::{Error, Result};
use crate::files;

/// Pictures that are read together: enough to keep all cores busy.
const BATCH: usize = 1000;

/// The outcome for one class.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
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

/// The outcome for a set of generated pictures.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Report {
    /// What was evaluated, for people: base, adapter, steps, sampler, guidance.
    pub title: String,
    /// Pictures in all.
    pub images: usize,
    /// Pictures that were read as asked.
    pub right: usize,
    /// Share of the pictures that were read as asked.
    pub accuracy: f64,
    /// Mean probability that the classifier gave to the class that was asked for.
    pub mean_probability: f64,
    /// Class by class.
    pub classes: Vec<ClassScore>,
    /// The judge.
    pub classifier: Card,
}

/// Reads every picture and compares with what was asked for. `samples` yields the label asked for
/// and the picture in [-1, 1]; it may draw them as it goes.
pub fn evaluate(
    title: &str,
    classifier: &Classifier,
    samples: impl IntoIterator<Item = Result<(u16, Vec<f32>)>>,
) -> Result<Report> {
    let card = classifier.card();
    let mut tally = Tally::new(card.class_names.len());
    let (mut labels, mut pixels) = (Vec::new(), Vec::new());
    for sample in samples {
        let (label, image) = sample?;
        check(card, label, &image)?;
        labels.push(label);
        pixels.extend(image);
        if labels.len() == BATCH {
            tally.add(&labels, &classifier.probabilities(&pixels)?);
            labels.clear();
            pixels.clear();
        }
    }
    tally.add(&labels, &classifier.probabilities(&pixels)?);
    Ok(tally.report(title, card))
}

fn check(card: &Card, label: u16, image: &[f32]) -> Result<()> {
    let size = card.image_size;
    let reason = if image.len() != size * size {
        format!("a picture has {} values, the classifier reads {size}x{size}", image.len())
    } else if usize::from(label) >= card.class_names.len() {
        format!("label {label}, but the classifier knows {} classes", card.class_names.len())
    } else {
        return Ok(());
    };
    Err(Error::Data { place: "the pictures to be read".into(), reason })
}

struct Tally {
    /// `[asked][read]`
    confusion: Vec<Vec<usize>>,
    probability: f64,
}

impl Tally {
    fn new(classes: usize) -> Self {
        Self { confusion: vec![vec![0; classes]; classes], probability: 0.0 }
    }

    fn add(&mut self, labels: &[u16], rows: &[Vec<f32>]) {
        for (&label, row) in labels.iter().zip(rows) {
            let asked = usize::from(label);
            let read = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
            self.confusion[asked][read] += 1;
            self.probability += f64::from(row[asked]);
        }
    }

    fn report(self, title: &str, card: &Card) -> Report {
        let score = |(class, read_as): (usize, Vec<usize>)| ClassScore {
            name: card.class_names[class].clone(),
            asked: read_as.iter().sum(),
            right: read_as[class],
            read_as,
        };
        let classes: Vec<ClassScore> = self.confusion.into_iter().enumerate().map(score).collect();
        let images = classes.iter().map(|class| class.asked).sum();
        let right = classes.iter().map(|class| class.right).sum();
        Report {
            title: title.to_owned(),
            images,
            right,
            accuracy: share(right, images),
            mean_probability: self.probability / f64::max(images as f64, 1.0),
            classes,
            classifier: card.clone(),
        }
    }
}

impl Report {
    /// The report as a Markdown section.
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "## {}\n\n**{:.2} %** of {} generated pictures are read as asked (mean probability {:.4}).\n",
            self.title,
            100.0 * self.accuracy,
            self.images,
            self.mean_probability
        );
        if let Some(accuracy) = self.classifier.test_accuracy {
            text += &format!("The classifier reads {:.2} % of the real test pictures right.\n", 100.0 * accuracy);
        }
        text += "\n| asked | pictures | read as asked | most often mistaken for |\n|---|---:|---:|---|\n";
        for (index, class) in self.classes.iter().enumerate() {
            let rate = 100.0 * share(class.right, class.asked);
            let mistaken = self.mistaken_for(index);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {} | {} | {rate:.2} % | {mistaken} |", class.name, class.asked);
        }
        text
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Result<String> {
        let refuse = |error: serde_json::Error| Error::Data { place: "the report".into(), reason: error.to_string() };
        serde_json::to_string_pretty(self).map_err(refuse)
    }

    /// Writes `<stem>.md` and `<stem>.json` into a folder.
    pub fn save(&self, dir: &Path, stem: &str) -> Result<()> {
        files::write_atomic(&dir.join(format!("{stem}.md")), self.to_markdown().as_bytes())?;
        files::write_atomic(&dir.join(format!("{stem}.json")), self.to_json()?.as_bytes())
    }

    fn mistaken_for(&self, class: usize) -> String {
        let others = self.classes[class].read_as.iter().enumerate();
        // Of equals the first: `max_by_key` would take the last.
        let worst = others.rev().filter(|&(other, _)| other != class).max_by_key(|&(_, &count)| count);
        match worst {
            Some((other, &count)) if count > 0 => format!("{} ({count})", self.classes[other].name),
            _ => "–".to_owned(),
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        let class_names = ["0", "1", "2"].map(str::to_owned).to_vec();
        Card { class_names, image_size: 4, seed: 0, epochs: 1, train_images: 9, test_accuracy: Some(0.995) }
    }

    fn report() -> Report {
        let mut tally = Tally::new(3);
        let rows = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.0, 0.9, 0.1]];
        tally.add(&[0, 0, 2, 2], &rows.map(|row| row.to_vec()));
        tally.report("base", &card())
    }

    #[test]
    fn right_and_wrong_are_counted_class_by_class() {
        let report = report();
        assert_eq!((report.images, report.right, report.accuracy), (4, 2, 0.5));
        assert!((report.mean_probability - (0.8 + 0.2 + 0.7 + 0.1) / 4.0).abs() < 1e-6);
        assert_eq!(report.classes[2].read_as, [0, 1, 1]);
        let text = report.to_markdown();
        assert!(text.contains("**50.00 %** of 4"), "{text}");
        assert!(text.contains("| 2 | 2 | 50.00 % | 1 (1) |"), "{text}");
        assert!(text.contains("| 1 | 0 | 0.00 % | – |"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(json["classes"][0]["right"], 1);
        assert_eq!(json["classifier"]["test_accuracy"], 0.995);
    }

    #[test]
    fn pictures_the_classifier_cannot_read_are_refused() {
        let message = |label, len| check(&card(), label, &vec![0.0; len]).unwrap_err().to_string();
        assert!(message(0, 9).contains("4x4") && message(3, 16).contains("label 3"));
        assert!(check(&card(), 2, &[0.0; 16]).is_ok());
    }
}
