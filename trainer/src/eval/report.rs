//! The report: what was measured, as JSON; as Markdown in `markdown.rs`, as curves in `plots.rs`. Tests: here.

use std::path::Path;

use diffusion::Request;
use diffusion::schedule::TimestepSpacing;

use super::accuracy::Accuracy;
use super::manifold::Manifold;
use super::neighbours::{Copies, Neighbour};
use super::panel::{OfReal, Scores};
use crate::error::{Error, Result};
use crate::files;

/// All that one command measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Report {
    /// The base folder.
    pub base: String,
    /// SHA-256 of its weights.
    pub base_sha256: String,
    /// The pictures of one's own that were compared with; none: MNIST's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// Sentences that help to read the tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// A sentence about each judge: how well it reads real test pictures.
    pub judges: Vec<String>,
    /// What real pictures reach, one for each reference that generated ones are compared with.
    pub floors: Vec<Floor>,
    /// One for each setting.
    pub rows: Vec<Row>,
}

/// Pictures of one's own.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Data {
    /// Folder or file.
    pub path: String,
    /// SHA-256 of pictures, labels and class names.
    pub sha256: String,
    /// Number of pictures.
    pub images: usize,
    /// Number of classes that there are pictures of.
    pub classes: usize,
}

/// A drawn picture and what it is near.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Drawn {
    /// Class that was asked for.
    pub class: String,
    /// Seed.
    pub seed: u64,
    /// The nearest training pictures.
    pub nearest: Vec<Near>,
    /// Distance from the nearest of them to the training picture next to it.
    pub reach: f32,
}

/// A training picture near a drawn one.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Near {
    /// Its file.
    pub name: String,
    /// Where, and how far.
    #[serde(flatten)]
    pub neighbour: Neighbour,
}

/// What real training pictures reach against real test pictures: the best that can be hoped for.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Floor {
    /// "plain", or the style.
    pub reference: String,
    /// Training pictures, as many of each class.
    pub images: usize,
    /// Share of the test pictures that are read right; none without classes.
    pub accuracy: Option<f64>,
    /// Share of the test pictures whose style, or that they have none, is read right; where styles are compared.
    pub style_accuracy: Option<f64>,
    /// Fréchet distance.
    pub frechet: Option<f64>,
    /// Precision and so on, of at most as many pictures as the rows' `manifold_images`.
    pub manifold: Option<Manifold>,
    /// What each judge says where there are several: then the lowest accuracy and no distance above.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<Scores>,
    /// Accuracy on the test pictures of a classifier trained on these pictures.
    pub transfer: Option<f64>,
    /// Of training pictures left out in turn, how many are like copies of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<Copies>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// "base", or the adapters with their strengths.
    pub model: String,
    /// What it is compared with: "plain", or the style.
    pub reference: String,
    /// Sampler.
    pub sampler: String,
    /// Which timesteps were visited, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestep_spacing: Option<TimestepSpacing>,
    /// Denoising steps.
    pub steps: usize,
    /// Guidance scale.
    pub guidance: f32,
    /// Share of the run before which there was none.
    pub guidance_start: f64,
    /// Share of the run from which on there was none.
    pub guidance_stop: f64,
    /// Part of guidance's component along the picture that was kept, 0 to 1.
    pub guidance_eta: f32,
    /// Seed of the first picture; the others count up.
    pub first_seed: u64,
    /// Generated pictures.
    pub images: usize,
    /// Read as asked; none without classes. Of several judges this, `frechet` and `manifold` are of the worst.
    pub accuracy: Option<Accuracy>,
    /// Share of the pictures that are read as in the style; of the base's, as in none; where styles are compared.
    pub style: Option<f64>,
    /// Fréchet distance to the test set.
    pub frechet: Option<f64>,
    /// Precision and so on against the test set.
    pub manifold: Option<Manifold>,
    /// The worst as multiples of what real pictures reach.
    pub of_real: OfReal,
    /// What each judge says where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<Scores>,
    /// Pictures of each side in `manifold`.
    pub manifold_images: usize,
    /// Accuracy on real test pictures of a classifier trained on these pictures.
    pub transfer: Option<f64>,
    /// How many are like copies of training pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<Copies>,
    /// Pictures on the sheet `neighbours-<row>.png`: first those that are most like copies, then the first that were drawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<Drawn>,
    /// Seconds that drawing took.
    pub seconds: f64,
}

impl Report {
    /// The report as JSON.
    ///
    /// # Errors
    /// Values that JSON does not have.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| Error::Data { location: "the report".into(), reason: error.to_string() })
    }

    /// Writes `report.md`, `report.json`, `accuracy.svg` and, where it was measured, `frechet.svg`: curves over guidance
    /// or over steps, whichever varies, or else a bar for each row.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        files::write_atomic(&dir.join("report.md"), format!("# Evaluation\n\n{}", self.to_markdown()).as_bytes())?;
        files::write_atomic(&dir.join("report.json"), self.to_json()?.as_bytes())?;
        self.save_plots(dir)
    }
}

impl Row {
    /// A row of so many pictures with these settings, nothing measured yet.
    pub fn new(model: &str, reference: &str, request: &Request, first_seed: u64, images: usize) -> Self {
        Self {
            model: model.to_owned(),
            reference: reference.to_owned(),
            sampler: request.sampler.name().to_owned(),
            timestep_spacing: request.timestep_spacing,
            steps: request.num_inference_steps,
            guidance: request.guidance_scale,
            guidance_start: request.guidance_start,
            guidance_stop: request.guidance_stop,
            guidance_eta: request.guidance_eta,
            first_seed,
            images,
            accuracy: None,
            style: None,
            frechet: None,
            manifold: None,
            of_real: OfReal::default(),
            judged: Vec::new(),
            manifold_images: 0,
            transfer: None,
            copies: None,
            nearest: Vec::new(),
            seconds: 0.0,
        }
    }

    /// The sampler, with the spacing of its timesteps where that was said.
    pub(super) fn visiting(&self) -> String {
        match self.timestep_spacing {
            Some(spacing) => format!("{}, {}", self.sampler, spacing.name()),
            None => self.sampler.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;
    use crate::eval::markdown::{BEGIN, END};

    fn report() -> Report {
        let names = ["0", "1"].map(str::to_owned);
        let rows: [[f32; 2]; 4] = [[0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.2, 0.8]];
        let accuracy = Accuracy::new(&names, &[0, 0, 1, 1], &rows.each_ref().map(|row| &row[..])).unwrap();
        let row = |guidance| {
            let request = Request { guidance_scale: guidance, ..Request::new(0, 0) };
            Row {
                accuracy: Some(accuracy.clone()),
                frechet: Some(1.25 * f64::from(guidance)),
                manifold: Some(Manifold { precision: 0.9, recall: 0.8, density: 1.0, coverage: 0.7 }),
                ..Row::new("base", "plain", &request, 1000, 4)
            }
        };
        let floor = Floor {
            reference: "plain".into(),
            images: 4,
            accuracy: Some(0.995),
            style_accuracy: None,
            frechet: Some(0.5),
            manifold: None,
            judged: Vec::new(),
            transfer: Some(0.99),
            copies: None,
        };
        Report {
            base: "b".into(),
            base_sha256: "00".into(),
            data: None,
            notes: Vec::new(),
            judges: vec!["a judge".into()],
            floors: vec![floor],
            rows: vec![row(1.0), row(2.0)],
        }
    }

    #[test]
    fn every_line_of_a_table_has_as_many_cells() {
        let text = report().to_markdown();
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(lines.len(), 10);
        let (settings, measures) = lines.split_at(5);
        assert!(settings.iter().all(|line| line.matches('|').count() == 11), "{text}");
        assert!(measures.iter().all(|line| line.matches('|').count() == 10), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
        assert!(
            text.contains("**75.00 %** | 0: 50.00 %, read as 1 |")
                && text.contains("99.50 %")
                && text.contains("99.00 %"),
            "{text}"
        );
    }

    #[test]
    fn files_are_written_and_a_card_keeps_its_words() {
        let dir = tempdir().unwrap();
        report().save(dir.path()).unwrap();
        for name in ["report.md", "report.json", "accuracy.svg", "frechet.svg"] {
            assert!(dir.path().join(name).exists(), "{name}");
        }
        let mut one = report();
        one.rows.truncate(1);
        one.save(dir.path()).unwrap();
        let svg = String::from_utf8(files::read(&dir.path().join("accuracy.svg")).unwrap()).unwrap();
        assert!(svg.contains("base, dpm++2m") && svg.contains(">75.00<"), "{svg}");
        let card = dir.path().join("card.md");
        files::write_atomic(&card, format!("before\n{BEGIN}\nstale\n{END}\nafter\n").as_bytes()).unwrap();
        report().put_into(&card).unwrap();
        let text = String::from_utf8(files::read(&card).unwrap()).unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("after\n") && !text.contains("stale"), "{text}");
        assert!(text.contains("a judge"));
        files::write_atomic(&card, b"no marks").unwrap();
        assert!(report().put_into(&card).unwrap_err().to_string().contains("begin"));
        let latin = [b"caf\xe9\n", BEGIN.as_bytes(), b"\n", END.as_bytes()].concat();
        files::write_atomic(&card, &latin).unwrap();
        assert!(report().put_into(&card).unwrap_err().to_string().contains("no UTF-8"));
        assert_eq!(files::read(&card).unwrap(), latin);
    }
}
