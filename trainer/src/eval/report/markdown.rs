//! The tables of a report, for people.

use std::fmt::Write;

use super::super::NEIGHBOURS;
use super::super::manifold::Manifold;
use super::Report;

impl Report {
    /// Tables for people.
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
        // A second table of the same rows: in one the lines would be too long to read.
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

#[cfg(test)]
mod tests {
    use super::super::tests::report;

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
}
