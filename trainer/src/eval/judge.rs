//! Who reads the pictures: a classifier of plain digits, or one that tells digit and style.

use burn::tensor::Device;

use super::accuracy::most_probable;
use crate::classifier::{Classifier, Progress, TrainConfig, train};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::styles::{STYLES, Style};

/// Stands between style and digit in the names of a style judge's classes.
const SEPARATOR: char = '/';
/// What the style judge calls digits without a style.
const PLAIN: &str = "plain";
/// Times that every styled picture is seen.
const EPOCHS: usize = 2;

/// A classifier whose classes may be pairs of style and digit.
#[derive(Debug, Clone)]
pub struct Judge {
    classifier: Classifier,
    styles: Vec<String>,
    digits: Vec<String>,
}

/// How one picture was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Probability of every digit, over all styles.
    pub digits: Vec<f32>,
    /// Probability of every style, over all digits; a single 1 where the judge knows no styles.
    pub styles: Vec<f32>,
}

impl Judge {
    /// Classes named `style/digit` make a judge of styles.
    pub fn new(classifier: Classifier) -> Self {
        let pairs: Option<Vec<(&str, &str)>> =
            classifier.card().class_names.iter().map(|name| name.split_once(SEPARATOR)).collect();
        let Some(pairs) = pairs else {
            let digits = classifier.card().class_names.clone();
            return Self { styles: vec![PLAIN.to_owned()], digits, classifier };
        };
        let mut styles: Vec<String> = Vec::new();
        for (style, _) in &pairs {
            if styles.last().is_none_or(|last| last != style) {
                styles.push((*style).to_owned());
            }
        }
        let digits = pairs.iter().take(pairs.len() / styles.len()).map(|(_, digit)| (*digit).to_owned()).collect();
        Self { styles, digits, classifier }
    }

    /// The classifier itself.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Names of the digits.
    pub fn digits(&self) -> &[String] {
        &self.digits
    }

    /// Place of a style among those it knows; "plain" for none.
    pub fn style(&self, name: Option<&str>) -> Option<usize> {
        self.styles.iter().position(|style| style == name.unwrap_or(PLAIN))
    }

    /// Reads every picture.
    pub fn read(&self, data: &Dataset) -> Result<Vec<Reading>> {
        let all: Vec<usize> = (0..data.len()).collect();
        let rows = self.classifier.probabilities(&data.batch(&all).0)?;
        let reading = |row: &Vec<f32>| {
            let mut reading = Reading { digits: vec![0.0; self.digits.len()], styles: vec![0.0; self.styles.len()] };
            for (class, probability) in row.iter().enumerate() {
                reading.digits[class % self.digits.len()] += probability;
                reading.styles[class / self.digits.len()] += probability;
            }
            reading
        };
        Ok(rows.iter().map(reading).collect())
    }

    /// Features of every picture.
    pub fn features(&self, data: &Dataset) -> Result<Vec<Vec<f32>>> {
        let all: Vec<usize> = (0..data.len()).collect();
        self.classifier.features(&data.batch(&all).0)
    }

    /// Share of pictures that are read as digit and as style right.
    pub fn test(&self, data: &Dataset, style: Option<&str>) -> Result<(f64, f64)> {
        let place = self.known(style)?;
        let readings = self.read(data)?;
        let digits =
            readings.iter().zip(data.labels()).filter(|(r, label)| most_probable(&r.digits) == usize::from(**label));
        Ok((digits.count() as f64 / data.len() as f64, share(&readings, place)))
    }

    /// Share of pictures that are read as in the style, `None` for plain.
    pub fn share_in(&self, data: &Dataset, style: Option<&str>) -> Result<f64> {
        Ok(share(&self.read(data)?, self.known(style)?))
    }

    fn known(&self, style: Option<&str>) -> Result<usize> {
        self.style(style).ok_or_else(|| {
            let reason = format!("it knows the styles {}", self.styles.join(", "));
            Error::Data { place: "the judge".into(), reason }
        })
    }
}

fn share(readings: &[Reading], style: usize) -> f64 {
    readings.iter().filter(|reading| reading.style() == style).count() as f64 / readings.len() as f64
}

impl Reading {
    /// Place of the style it was read as.
    pub fn style(&self) -> usize {
        most_probable(&self.styles)
    }
}

/// Trains a classifier of digit and style on real pictures and all styles of them.
pub fn train_on_styles(data: &Dataset, device: &Device, on_step: impl FnMut(Progress)) -> Result<Classifier> {
    let classes = data.class_names().len();
    let styles: Vec<Option<&Style>> =
        std::iter::once(None).chain(STYLES.iter().filter(|style| style.check(classes).is_ok()).map(Some)).collect();
    let (mut pixels, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (place, style) in styles.iter().enumerate() {
        let name = style.map_or(PLAIN, |style| style.name);
        names.extend(data.class_names().iter().map(|class| format!("{name}{SEPARATOR}{class}")));
        // All pictures in every style, so that nothing but the style tells them apart.
        let part = match style {
            Some(style) => data.styled(style)?,
            None => data.clone(),
        };
        labels.extend(part.labels().iter().map(|label| (place * classes) as u16 + label));
        pixels.extend(part.images().flatten());
    }
    let styled = Dataset::new("the styled pictures", pixels, labels, data.size(), names)?;
    train(&TrainConfig { epochs: EPOCHS, ..TrainConfig::default() }, &styled, device, on_step)
}
