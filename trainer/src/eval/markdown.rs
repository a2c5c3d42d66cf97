//! The report's tables as Markdown, alone or within a model card. Tests: in `report.rs`.

use std::fmt::Write;
use std::path::Path;

use super::manifold::{Manifold, NEIGHBOURS};
use super::report::Report;
use crate::error::{Error, Result};
use crate::files;

/// The marks between which the tables go in a file that people write around them.
pub(super) const BEGIN: &str = "<!-- trainer eval: begin -->";
pub(super) const END: &str = "<!-- trainer eval: end -->";

impl Report {
    /// The tables as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("Base `{}`, weights sha256 `{}`.\n\n", self.base, &self.base_sha256);
        for judge in &self.judges {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "- {}", judge.replacen(" (", "\n  (", 1));
        }
        text += "\n| | model | sampler | steps | guidance | eta | of the run | pictures (first seed) | read as asked | weakest class |\n";
        text += "|---:|---|---|---:|---:|---:|---:|---:|---:|---|\n";
        for (i, floor) in (1..).zip(&self.floors) {
            let accuracy = percent(Some(floor.accuracy));
            let _ = writeln!(text, "| {i} | *real, {}* | | | | | | {} | {accuracy} | |", floor.reference, floor.images);
        }
        for (i, row) in (self.floors.len() + 1..).zip(&self.rows) {
            let weakest = row.accuracy.weakest().map_or(String::new(), |(name, share, mistaken)| {
                let mistaken = mistaken.map_or(String::new(), |other| format!(", read as {other}"));
                format!("{name}: {}{mistaken}", percent(Some(share)))
            });
            let _ = writeln!(
                text,
                "| {i} | {} | {} | {} | {} | {} | {} to {} | {} ({}) | **{}** | {weakest} |",
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
            );
        }
        // The same rows again: one table would be too wide to read.
        text += "\n| | model | style | Fréchet | precision | recall | density | coverage | transfer |\n";
        text += "|---:|---|---:|---:|---:|---:|---:|---:|---:|\n";
        let of_floors = self.floors.iter().map(|floor| {
            let measures = measures(floor.style_accuracy, floor.frechet, floor.manifold, floor.transfer);
            format!("*real, {}* | {measures}", floor.reference)
        });
        let of_rows = self
            .rows
            .iter()
            .map(|row| format!("{} | {}", row.model, measures(row.style, row.frechet, row.manifold, row.transfer)));
        for (i, cells) in (1..).zip(of_floors.chain(of_rows)) {
            let _ = writeln!(text, "| {i} | {cells} |");
        }
        let _ = writeln!(
            text,
            "\nThe rows *real* hold training pictures, as many of each class, against the test set: the best that can be\n\
             hoped for; their accuracy is the judge's on the test set. Style: read as in the style, the base and plain\n\
             digits as in none. Distances are in the judge's features. Precision, recall, density and coverage: k = {NEIGHBOURS}.\n\
             Transfer: a classifier trained on the row's pictures alone, on the real test set."
        );
        text
    }

    /// Puts the tables between the two marks of a file, such as a model card, and leaves the rest of it alone.
    ///
    /// # Errors
    /// A file that cannot be read or written, is no UTF-8 text, or lacks the marks.
    pub fn put_into(&self, path: &Path) -> Result<()> {
        let (before, after) = around_the_marks(path)?;
        let text = format!("{before}{BEGIN}\n{}{END}{after}", self.to_markdown());
        files::write_atomic(path, text.as_bytes())
    }

    /// Checks a file for [`put_into`](Self::put_into), before anything is measured.
    ///
    /// # Errors
    /// A file that cannot be read, is no UTF-8 text, or lacks the marks.
    pub fn check_card(path: &Path) -> Result<()> {
        around_the_marks(path).map(drop)
    }
}

fn around_the_marks(path: &Path) -> Result<(String, String)> {
    let refuse = |reason: String| Error::Data { location: path.display().to_string(), reason };
    let text = String::from_utf8(files::read(path)?).map_err(|_| refuse("it is no UTF-8 text".into()))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before.into(), rest.split_once(END)?.1.into())));
    parts.ok_or_else(|| refuse(format!("it needs a line {BEGIN} and a line {END} for the tables to go between")))
}

fn percent(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.2} %", 100.0 * share))
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.2}"))
}

/// The cells of the second table.
fn measures(style: Option<f64>, frechet: Option<f64>, manifold: Option<Manifold>, transfer: Option<f64>) -> String {
    let manifold = manifold.map_or(" | | | ".to_owned(), |Manifold { precision, recall, density, coverage }| {
        format!("{precision:.3} | {recall:.3} | {density:.3} | {coverage:.3}")
    });
    format!("{} | {} | {manifold} | {}", percent(style), number(frechet), percent(transfer))
}
