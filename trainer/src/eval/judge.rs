//! Judges: classifiers that read the generated pictures, either plain digits, or digit and style. Tests: here; the
//! classifier's in `classifier/tests.rs`.

use burn::tensor::Device;

use crate::classifier::{Classifier, ClassifierConfig, Design, Progress, argmax, train_classifier};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::styles::{MEDIA, STYLES, Style};

use super::reduced::small;

/// Separates style and digit in the names of a style judge's classes.
const SEPARATOR: char = '/';
/// The style judge's name of digits without a style.
const PLAIN: &str = "plain";
/// Times that every styled picture is seen.
const EPOCHS: usize = 2;
/// Times that every picture in a medium is seen, of which there are fewer.
const EPOCHS_OF_MEDIA: usize = 4;

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
    /// Classes named `style/digit` make a judge of styles: every digit in every style, style by style.
    ///
    /// # Errors
    /// Classes that are named so, but not every digit in every style.
    pub fn new(classifier: Classifier) -> Result<Self> {
        let names = &classifier.card().class_names;
        let (styles, digits) = styles_and_digits(names).ok_or_else(|| {
            let reason = format!("its classes are not every digit in every style: {}", names.join(", "));
            Error::Data { location: "the judge".into(), reason }
        })?;
        Ok(Self { styles, digits, classifier })
    }

    /// A judge of classes alone, whatever their names.
    pub fn plain(classifier: Classifier) -> Self {
        let digits = classifier.card().class_names.clone();
        Self { styles: vec![PLAIN.to_owned()], digits, classifier }
    }

    /// The classifier itself.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Names of the digits.
    pub fn digits(&self) -> &[String] {
        &self.digits
    }

    /// Index of a style among those it knows; `None` asks for plain digits.
    fn style_index(&self, name: Option<&str>) -> Option<usize> {
        self.styles.iter().position(|style| style == name.unwrap_or(PLAIN))
    }

    /// Reads every picture.
    ///
    /// # Errors
    /// As [`Classifier::probabilities`].
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

    /// Features of every picture, in which distances are measured.
    ///
    /// # Errors
    /// As [`Classifier::features`].
    pub fn features(&self, data: &Dataset) -> Result<Vec<Vec<f32>>> {
        let all: Vec<usize> = (0..data.len()).collect();
        self.classifier.features(&data.batch(&all).0)
    }

    /// Share of the pictures whose digit is read right, and share whose style is, 0 to 1.
    ///
    /// # Errors
    /// A style that the judge does not know; as [`read`](Self::read).
    pub fn test(&self, data: &Dataset, style: Option<&str>) -> Result<(f64, f64)> {
        let style = self.known(style)?;
        let readings = self.read(data)?;
        let digits = readings.iter().zip(data.labels()).filter(|(r, label)| argmax(&r.digits) == usize::from(**label));
        Ok((digits.count() as f64 / data.len() as f64, share_in_style(&readings, style)))
    }

    /// Share of the pictures that are read as in the style, 0 to 1; `None` asks for plain digits.
    ///
    /// # Errors
    /// A style that the judge does not know; as [`read`](Self::read).
    pub fn share_in(&self, data: &Dataset, style: Option<&str>) -> Result<f64> {
        Ok(share_in_style(&self.read(data)?, self.known(style)?))
    }

    fn known(&self, style: Option<&str>) -> Result<usize> {
        self.style_index(style).ok_or_else(|| {
            let reason = format!("it knows the styles {}", self.styles.join(", "));
            Error::Data { location: "the judge".into(), reason }
        })
    }
}

/// Names of styles and digits in the names of a judge's classes; one style where they name none. Nothing where some name
/// is missing.
fn styles_and_digits(names: &[String]) -> Option<(Vec<String>, Vec<String>)> {
    let pairs: Vec<(&str, &str)> = names.iter().filter_map(|name| name.split_once(SEPARATOR)).collect();
    if pairs.is_empty() {
        return Some((vec![PLAIN.to_owned()], names.to_vec()));
    }
    let mut styles: Vec<String> = Vec::new();
    for (style, _) in &pairs {
        if styles.last().is_none_or(|last| last != style) {
            styles.push((*style).to_owned());
        }
    }
    let digits = pairs.iter().take_while(|(style, _)| *style == styles[0]).map(|(_, digit)| (*digit).to_owned());
    let digits: Vec<String> = digits.collect();
    let all = styles.iter().flat_map(|style| digits.iter().map(move |digit| format!("{style}{SEPARATOR}{digit}")));
    all.eq(names.iter().cloned()).then_some((styles, digits))
}

fn share_in_style(readings: &[Reading], style: usize) -> f64 {
    readings.iter().filter(|reading| reading.style() == style).count() as f64 / readings.len() as f64
}

impl Reading {
    /// Index of the style it was read as.
    pub fn style(&self) -> usize {
        argmax(&self.styles)
    }
}

/// Trains a classifier of digit and medium on real pictures drawn in all media, of `side` pixels, and seen at the pictures' own size
/// in colour.
///
/// # Errors
/// As [`train_classifier`].
pub fn train_on_media(
    data: &Dataset,
    side: usize,
    device: &Device,
    on_step: impl FnMut(Progress),
) -> Result<Classifier> {
    let classes = data.class_names().len();
    let (mut pixels, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (index, medium) in MEDIA.iter().enumerate() {
        names.extend(data.class_names().iter().map(|class| format!("{}{SEPARATOR}{class}", medium.name)));
        let part = small(&data.drawn_in(medium, side, 0)?, data.size())?;
        labels.extend(part.labels().iter().map(|label| (index * classes) as u16 + label));
        pixels.extend(part.images().flatten());
    }
    let drawn = Dataset::with_channels("the drawn pictures", pixels, labels, [3, data.size()], names)?;
    // Colours and textures ask for more layers than strokes do: the design for digits alone reads 95 to 98 % of these.
    let config = ClassifierConfig { epochs: EPOCHS_OF_MEDIA, ..ClassifierConfig::of(Design::Residual) };
    train_classifier(&config, &drawn, device, on_step)
}

/// Trains a classifier of digit and style on real pictures and all styles of them.
///
/// # Errors
/// As [`train_classifier`].
pub fn train_on_styles(data: &Dataset, device: &Device, on_step: impl FnMut(Progress)) -> Result<Classifier> {
    let classes = data.class_names().len();
    let styles: Vec<Option<&Style>> =
        std::iter::once(None).chain(STYLES.iter().filter(|style| style.check(classes).is_ok()).map(Some)).collect();
    let (mut pixels, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (index, style) in styles.iter().enumerate() {
        let name = style.map_or(PLAIN, |style| style.name);
        names.extend(data.class_names().iter().map(|class| format!("{name}{SEPARATOR}{class}")));
        // All pictures in every style, so that the styles differ in nothing else.
        let part = match style {
            Some(style) => data.styled(style)?,
            None => data.clone(),
        };
        labels.extend(part.labels().iter().map(|label| (index * classes) as u16 + label));
        pixels.extend(part.images().flatten());
    }
    let styled = Dataset::new("the styled pictures", pixels, labels, data.size(), names)?;
    train_classifier(&ClassifierConfig { epochs: EPOCHS, ..ClassifierConfig::default() }, &styled, device, on_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_digits_or_every_digit_in_every_style() {
        let split = |names: &[&str]| styles_and_digits(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(split(&["0", "1"]), Some((owned(&["plain"]), owned(&["0", "1"]))));
        let both = Some((owned(&["plain", "bold"]), owned(&["0", "1"])));
        assert_eq!(split(&["plain/0", "plain/1", "bold/0", "bold/1"]), both);
        assert_eq!(split(&["plain/0", "plain/1", "bold/0"]), None);
        assert_eq!(split(&["plain/0", "plain/1", "bold/1", "bold/0"]), None);
        assert_eq!(split(&["plain/0", "1"]), None);
    }
}
