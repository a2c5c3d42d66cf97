//! What was measured, as Markdown, JSON and plots.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::NEIGHBOURS;
use super::accuracy::Accuracy;
use super::manifold::Manifold;
use crate::error::{Error, Result};
use crate::files;
use crate::picture::{Plot, Series, bars};

/// Where the tables go in a file that people write around them.
const BEGIN: &str = "<!-- trainer eval: begin -->";
const END: &str = "<!-- trainer eval: end -->";

/// What of a row is plotted.
type Value = fn(&Row) -> Option<f64>;

/// All that one command measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Report {
    /// The base folder.
    pub base: String,
    /// SHA-256 of its weights.
    pub base_sha256: String,
    /// What reads plain digits, and how well it reads real test pictures.
    pub judges: Vec<String>,
    /// What real pictures reach, by what the generated ones are compared with.
    pub floors: Vec<Floor>,
    /// One a setting.
    pub rows: Vec<Row>,
}

/// What real training pictures reach against real test pictures: the best that can be hoped for.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Floor {
    /// "plain", or the style.
    pub reference: String,
    /// Training pictures, as many of each class.
    pub images: usize,
    /// Share of the test pictures that are read right.
    pub accuracy: f64,
    /// Share of the test pictures whose style, or that they have none, is read right; where styles are compared.
    pub style_accuracy: Option<f64>,
    /// Fréchet distance.
    pub frechet: Option<f64>,
    /// Precision and so on, of at most as many pictures as the rows' `manifold_images`.
    pub manifold: Option<Manifold>,
    /// Accuracy on the test pictures of a classifier trained on these pictures.
    pub transfer: Option<f64>,
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
    /// Denoising steps.
    pub steps: usize,
    /// Guidance scale.
    pub guidance: f32,
    /// Share of the run before which there was none.
    pub guidance_start: f64,
    /// Share of the run from which on there was none.
    pub guidance_stop: f64,
    /// How much of what guidance adds along the picture was kept.
    pub guidance_eta: f32,
    /// Seed of the first picture; the others count up.
    pub first_seed: u64,
    /// Generated pictures.
    pub images: usize,
    /// Read as asked.
    pub accuracy: Accuracy,
    /// Share of the pictures that are read as in the style; of the base's, as in none; where styles are compared.
    pub style: Option<f64>,
    /// Fréchet distance to the test set.
    pub frechet: Option<f64>,
    /// Precision and so on against the test set.
    pub manifold: Option<Manifold>,
    /// Pictures of each side in `manifold`.
    pub manifold_images: usize,
    /// Accuracy on real test pictures of a classifier trained on these pictures.
    pub transfer: Option<f64>,
    /// Seconds that drawing took.
    pub seconds: f64,
}

impl Report {
    /// Tables for people.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("Base `{}`, weights sha256 `{}`.\n\n", self.base, &self.base_sha256);
        for judge in &self.judges {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "- {judge}");
        }
        text += "\n| model | sampler | steps | guidance | eta | of the run | pictures (first seed) | read as asked | weakest class | style | Fréchet | precision | recall | density | coverage | transfer |\n";
        text += "|---|---|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|\n";
        for floor in &self.floors {
            let _ = writeln!(
                text,
                "| *real, {}* | | | | | | {} | {} | | {} | {} | {} | {} |",
                floor.reference,
                floor.images,
                percent(Some(floor.accuracy)),
                percent(floor.style_accuracy),
                number(floor.frechet),
                manifold(floor.manifold),
                percent(floor.transfer),
            );
        }
        for row in &self.rows {
            let weakest = row.accuracy.weakest().map_or(String::new(), |(name, share, mistaken)| {
                let mistaken = mistaken.map_or(String::new(), |other| format!(", read as {other}"));
                format!("{name}: {}{mistaken}", percent(Some(share)))
            });
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} to {} | {} ({}) | **{}** | {weakest} | {} | {} | {} | {} |",
                row.model,
                row.sampler,
                row.steps,
                row.guidance,
                row.guidance_eta,
                row.guidance_start,
                row.guidance_stop,
                row.images,
                row.first_seed,
                percent(Some(row.accuracy.share)),
                percent(row.style),
                number(row.frechet),
                manifold(row.manifold),
                percent(row.transfer),
            );
        }
        let _ = writeln!(
            text,
            "\nThe rows *real* hold training pictures, as many of each class, against the test set: the best that can be hoped for; \
             their accuracy is the judge's on the test set. Style: read as in the style, the base and plain digits as in none. Distances are in the judge's features. Precision, recall, density and \
             coverage: k = {NEIGHBOURS}. Transfer: a classifier trained on the row's pictures alone, on the real test set."
        );
        text
    }

    /// JSON for machines.
    pub fn to_json(&self) -> Result<String> {
        let refuse = |error: serde_json::Error| Error::Data { place: "the report".into(), reason: error.to_string() };
        serde_json::to_string_pretty(self).map_err(refuse)
    }

    /// Writes `report.md`, `report.json`, `accuracy.svg` and, where it was measured, `frechet.svg`: curves over guidance
    /// or over steps, whichever varies, or else a bar for each row.
    pub fn save(&self, dir: &Path) -> Result<()> {
        files::write_atomic(&dir.join("report.md"), format!("# Evaluation\n\n{}", self.to_markdown()).as_bytes())?;
        files::write_atomic(&dir.join("report.json"), self.to_json()?.as_bytes())?;
        let plots: [(&str, &str, Value); 2] = [
            ("accuracy.svg", "Read as asked, %", |row| Some(100.0 * row.accuracy.share)),
            ("frechet.svg", "Fréchet distance", |row| row.frechet),
        ];
        let axis = AXES.iter().find(|axis| {
            let first = self.rows.first().map(axis.place);
            self.rows.iter().any(|row| Some((axis.place)(row)) != first)
        });
        for (file, title, value) in plots {
            let svg = match axis {
                Some(axis) => {
                    let series = self.curves(axis, value);
                    Plot { title: title.into(), x_label: axis.name.into(), log_y: false, series }.to_svg()
                }
                None => {
                    bars(title, &self.rows.iter().filter_map(|row| Some((row.name(), value(row)?))).collect::<Vec<_>>())
                }
            };
            if self.rows.iter().any(|row| value(row).is_some()) {
                files::write_atomic(&dir.join(file), svg.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Puts the tables between the two marks of a file, such as a model card, and leaves the rest of it alone.
    pub fn put_into(&self, path: &Path) -> Result<()> {
        let (before, after) = around_the_marks(path)?;
        let text = format!("{before}{BEGIN}\n{}{END}{after}", self.to_markdown());
        files::write_atomic(path, text.as_bytes())
    }

    /// Refuses a file without the marks, before anything is measured.
    pub fn check_card(path: &Path) -> Result<()> {
        around_the_marks(path).map(drop)
    }

    /// A curve for all rows that are alike but for the axis.
    fn curves(&self, axis: &Axis, value: Value) -> Vec<Series> {
        let mut series = BTreeMap::<String, Vec<(f64, f64)>>::new();
        for row in &self.rows {
            let points = series.entry(row.name_without(axis.name)).or_default();
            points.extend(value(row).map(|value| ((axis.place)(row), value)));
        }
        series.into_iter().map(|(name, points)| Series { name, points, smooth: 1 }).collect()
    }
}

/// What curves can run over.
struct Axis {
    name: &'static str,
    place: fn(&Row) -> f64,
}

const AXES: [Axis; 2] = [
    Axis { name: "guidance", place: |row| f64::from(row.guidance) },
    Axis { name: "steps", place: |row| row.steps as f64 },
];

impl Row {
    /// All of its settings.
    fn name(&self) -> String {
        self.name_without("")
    }

    fn name_without(&self, setting: &str) -> String {
        let settings = [
            ("steps", format!("{} steps", self.steps)),
            ("guidance", format!("guidance {}", self.guidance)),
            ("", format!("{} to {}, eta {}", self.guidance_start, self.guidance_stop, self.guidance_eta)),
        ];
        let kept = settings.into_iter().filter(|(name, _)| name.is_empty() || *name != setting).map(|(_, text)| text);
        format!("{}, {}, {}", self.model, self.sampler, kept.collect::<Vec<_>>().join(", "))
    }
}

fn around_the_marks(path: &Path) -> Result<(String, String)> {
    let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before.into(), rest.split_once(END)?.1.into())));
    parts.ok_or_else(|| Error::Data {
        place: path.display().to_string(),
        reason: format!("it needs a line {BEGIN} and a line {END} for the tables to go between"),
    })
}

fn percent(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.2} %", 100.0 * share))
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.2}"))
}

fn manifold(measures: Option<Manifold>) -> String {
    measures.map_or(" | | | ".to_owned(), |Manifold { precision, recall, density, coverage }| {
        format!("{precision:.3} | {recall:.3} | {density:.3} | {coverage:.3}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn report() -> Report {
        let names = ["0", "1"].map(str::to_owned);
        let rows: [[f32; 2]; 4] = [[0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.2, 0.8]];
        let accuracy = Accuracy::new(&names, &[0, 0, 1, 1], rows.iter().map(|row| &row[..])).unwrap();
        let row = |guidance| Row {
            model: "base".into(),
            reference: "plain".into(),
            sampler: "ddim".into(),
            steps: 12,
            guidance,
            guidance_start: 0.0,
            guidance_stop: 1.0,
            guidance_eta: 1.0,
            first_seed: 1000,
            images: 4,
            accuracy: accuracy.clone(),
            style: None,
            frechet: Some(1.25 * f64::from(guidance)),
            manifold: Some(Manifold { precision: 0.9, recall: 0.8, density: 1.0, coverage: 0.7 }),
            manifold_images: 4,
            transfer: None,
            seconds: 1.0,
        };
        let floor = Floor {
            reference: "plain".into(),
            images: 4,
            accuracy: 0.995,
            style_accuracy: None,
            frechet: Some(0.5),
            manifold: None,
            transfer: Some(0.99),
        };
        Report {
            base: "b".into(),
            base_sha256: "00".into(),
            judges: vec!["a judge".into()],
            floors: vec![floor],
            rows: vec![row(1.0), row(2.0)],
        }
    }

    #[test]
    fn every_line_of_the_table_has_as_many_cells() {
        let text = report().to_markdown();
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.matches('|').count() == 17), "{text}");
        assert!(
            text.contains("**75.00 %** | 0: 50.00 %, read as 1 |")
                && text.contains("99.50 %")
                && text.contains("99.00 %"),
            "{text}"
        );
    }

    #[test]
    fn files_are_written_and_a_card_keeps_its_words() {
        let dir = TempDir::new("report");
        report().save(dir.path()).unwrap();
        for name in ["report.md", "report.json", "accuracy.svg", "frechet.svg"] {
            assert!(dir.path().join(name).exists(), "{name}");
        }
        // Without an axis there are bars.
        let mut one = report();
        one.rows.truncate(1);
        one.save(dir.path()).unwrap();
        let svg = String::from_utf8(files::read(&dir.path().join("accuracy.svg")).unwrap()).unwrap();
        assert!(svg.contains("base, ddim") && svg.contains(">75.00<"), "{svg}");
        let card = dir.path().join("card.md");
        files::write_atomic(&card, format!("before\n{BEGIN}\nstale\n{END}\nafter\n").as_bytes()).unwrap();
        report().put_into(&card).unwrap();
        let text = String::from_utf8(files::read(&card).unwrap()).unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("after\n") && !text.contains("stale"), "{text}");
        assert!(text.contains("a judge"));
        files::write_atomic(&card, b"no marks").unwrap();
        assert!(report().put_into(&card).unwrap_err().to_string().contains("begin"));
    }
}
