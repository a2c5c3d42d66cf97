//! The report's tables as Markdown, alone or within a model card. Tests: in `report.rs`.

use std::fmt::Write;
use std::path::Path;

use super::accuracy::{Accuracy, ClassScore};
use super::manifold::Manifold;
use super::panel::OfReal;
use super::report::{Report, Row};
use crate::error::{Error, Result};
use crate::{files, messages};

/// The marks between which the tables go in a file that people write around them.
pub(super) const BEGIN: &str = "<!-- trainer eval: begin -->";
pub(super) const END: &str = "<!-- trainer eval: end -->";

/// Classes that are told of each row, the worst first.
const WORST: usize = 20;

/// What the tables mean.
const MNIST: &str = "
The rows *real* hold training pictures, as many of each class, against the test set: the best that can be
hoped for; their accuracy is the judge's on the test set. Style: read as in the style, the base and plain
digits as in none. Distances are in the judge's features. Precision, recall, density and coverage: k = 5.
Transfer: a classifier trained on the row's pictures alone, on the real test set.
";
/// What the table of several judges means.
const JUDGES: &str = "
Judges of different build and training. Above, each measure is that of the judge who sees it worst; x: as a
multiple of what real pictures reach by the same judge.
";
/// What the table of copies means.
const COPIES: &str = "
Copies: at most a third as far from a training picture as from the second nearest. Nearer: than any other
training picture is to that one; real pictures, each left out in turn, show what is usual. Distance: root of
the mean squared difference of blurred pixels, black to white being 1.
";
/// The same, where the pictures are one's own.
const OWN: &str = "
The row *real* holds pictures that the judge learnt from, against those that were held out from it; its
accuracy is the judge's on the held-out ones: the best that can be hoped for. Distances are in the judge's
features, which are stronger of pictures that it knows: its own Fréchet distance may be the larger. Precision, recall, density and coverage: k = 5. Transfer: a classifier trained on the row's
pictures alone, on the held-out ones.
";

impl Report {
    /// The tables as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("Base `{}`, weights sha256 `{}`.\n\n", self.base, &self.base_sha256);
        if let Some(data) = &self.data {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "Compared with {} pictures of {} in `{}`,\nsha256 `{}`.\n",
                data.images,
                if data.classes == 1 { "one class".to_owned() } else { format!("{} classes", data.classes) },
                shown(&data.path),
                data.sha256
            );
        }
        for judge in &self.judges {
            let _ = writeln!(text, "- {}", judge.replacen(" (", "\n  (", 1));
        }
        text += "\n| | model | sampler | steps | guidance | eta | of the run | pictures (first seed) | read as asked | weakest class |\n";
        text += "|---:|---|---|---:|---:|---:|---:|---:|---:|---|\n";
        for (i, floor) in (1..).zip(&self.floors) {
            let accuracy = percent(floor.accuracy);
            let _ = writeln!(text, "| {i} | *real, {}* | | | | | | {} | {accuracy} | |", floor.reference, floor.images);
        }
        for (i, row) in (self.floors.len() + 1..).zip(&self.rows) {
            let weakest = row.accuracy.as_ref().and_then(Accuracy::weakest);
            let weakest = weakest.map_or(String::new(), |(name, share, mistaken)| {
                let mistaken = mistaken.map_or(String::new(), |other| format!(", read as {}", shown(other)));
                format!("{}: {}{mistaken}", shown(name), percent(Some(share)))
            });
            let accuracy =
                row.accuracy.as_ref().map_or(String::new(), |all| format!("**{}**", percent(Some(all.share))));
            let _ = writeln!(
                text,
                "| {i} | {} | {} | {} | {} | {} | {} to {} | {} ({}) | {accuracy} | {weakest} |",
                row.model,
                row.visiting(),
                row.steps,
                row.guidance,
                row.guidance_eta,
                row.guidance_start,
                row.guidance_stop,
                row.images,
                row.first_seed,
            );
        }
        // The same rows again: one table would be too wide to read.
        text += "\n| | model | style | Fréchet | precision | recall | density | coverage | transfer |\n";
        text += "|---:|---|---:|---:|---:|---:|---:|---:|---:|\n";
        let of_floors = self.floors.iter().map(|floor| {
            let distances = (floor.frechet, floor.manifold, OfReal::default());
            let measures = measures(floor.style_accuracy, distances, floor.transfer);
            format!("*real, {}* | {measures}", floor.reference)
        });
        let of_rows = self.rows.iter().map(|row| format!("{} | {}", row.model, row.measures()));
        for (i, cells) in (1..).zip(of_floors.chain(of_rows)) {
            let _ = writeln!(text, "| {i} | {cells} |");
        }
        text += if self.data.is_some() { OWN } else { MNIST };
        self.write_judges(&mut text);
        self.write_copies(&mut text);
        self.write_classes(&mut text);
        for note in &self.notes {
            let _ = writeln!(text, "\n{}", shown(note));
        }
        text
    }

    /// What each of several judges says.
    fn write_judges(&self, text: &mut String) {
        let floors = self.floors.iter().map(|floor| (format!("*real, {}*", floor.reference), &floor.judged, None));
        let rows = self.rows.iter().map(|row| (row.model.clone(), &row.judged, Some(&row.reference)));
        let all: Vec<_> = (1..).zip(floors.chain(rows)).filter(|(_, (_, judged, _))| !judged.is_empty()).collect();
        if all.is_empty() {
            return;
        }
        *text += "\n| | model | judge | read as asked | Fréchet | precision | recall | density | coverage |\n";
        *text += "|---:|---|---|---:|---:|---:|---:|---:|---:|\n";
        for (i, (model, judged, reference)) in all {
            let floor = self.floors.iter().find(|floor| Some(&floor.reference) == reference);
            for scores in judged {
                let real = floor.and_then(|floor| floor.judged.iter().find(|real| real.judge == scores.judge));
                let of_real = real.map_or(OfReal::default(), |real| OfReal::new(scores, real));
                let (read, distances) =
                    (percent(Some(scores.read)), distances(scores.frechet, scores.manifold, of_real));
                let _ = writeln!(text, "| {i} | {model} | {} | {read} | {distances} |", scores.judge);
            }
        }
        *text += JUDGES;
    }

    /// A table of copies, and one of the pictures on each sheet.
    fn write_copies(&self, text: &mut String) {
        let floors = self.floors.iter().map(|floor| (format!("*real, {}*", floor.reference), floor.copies));
        let rows = self.rows.iter().map(|row| (row.model.clone(), row.copies));
        let all: Vec<_> =
            (1..).zip(floors.chain(rows)).filter_map(|(i, (name, copies))| Some((i, name, copies?))).collect();
        if all.is_empty() {
            return;
        }
        *text += "\n| | model | pictures | copies | nearer than its neighbours | distance to the nearest, median |\n";
        *text += "|---:|---|---:|---:|---:|---:|\n";
        for (i, name, copies) in all {
            let (share, nearer) = (percent(Some(copies.copies)), percent(Some(copies.nearer)));
            let _ =
                writeln!(text, "| {i} | {name} | {} | {share} | {nearer} | {:.3} |", copies.images, copies.distance);
        }
        *text += COPIES;
        for (i, row) in (self.floors.len() + 1..).zip(&self.rows).filter(|(_, row)| !row.nearest.is_empty()) {
            let _ = writeln!(
                text,
                "\n`neighbours-{i}.png`, pictures of row {i} and the training pictures nearest to them:\n"
            );
            *text += "| | class | seed | nearest (distance) | second | third | its neighbour's distance |\n";
            *text += "|---:|---|---:|---|---|---|---:|\n";
            for (number, drawn) in (1..).zip(&row.nearest) {
                let near = |at: usize| {
                    let near = drawn.nearest.get(at);
                    near.map_or(String::new(), |near| format!("{} ({:.3})", shown(&near.name), near.neighbour.distance))
                };
                let cells = [0, 1, 2].map(near).join(" | ");
                let _ = writeln!(
                    text,
                    "| {number} | {} | {} | {cells} | {:.3} |",
                    shown(&drawn.class),
                    drawn.seed,
                    drawn.reach
                );
            }
        }
    }

    /// Of one's own classes, those that are read worst.
    fn write_classes(&self, text: &mut String) {
        if self.data.is_none() {
            return;
        }
        for (i, row) in (self.floors.len() + 1..).zip(&self.rows) {
            let Some(accuracy) = &row.accuracy else { continue };
            let asked = |class: &&ClassScore| class.asked > 0;
            let mut classes: Vec<&ClassScore> = accuracy.classes.iter().filter(asked).collect();
            classes.sort_by(|a, b| (a.right * b.asked).cmp(&(b.right * a.asked)));
            let more =
                if classes.len() > WORST { format!(", the worst {WORST} of {}", classes.len()) } else { String::new() };
            let _ = writeln!(text, "\nClasses of row {i}{more}:\n");
            *text += "| class | drawn | read as asked | mostly mistaken for |\n|---|---:|---:|---|\n";
            for class in classes.into_iter().take(WORST) {
                let share = percent(Some(class.right as f64 / class.asked as f64));
                let wrong = mistaken(row, class);
                let _ = writeln!(text, "| {} | {} | {share} | {wrong} |", shown(&class.name), class.asked);
            }
        }
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

/// The classes that pictures of a class were mostly mistaken for, the most frequent first.
fn mistaken(row: &Row, class: &ClassScore) -> String {
    const NAMED: usize = 3;
    let Some(accuracy) = &row.accuracy else { return String::new() };
    let names = accuracy.classes.iter().map(|other| &other.name).zip(&class.read_as);
    let mut wrong: Vec<(&String, usize)> =
        names.filter(|&(name, &count)| count > 0 && *name != class.name).map(|(name, &count)| (name, count)).collect();
    wrong.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let told = wrong.iter().take(NAMED).map(|(name, count)| format!("{} ({count})", shown(name)));
    told.collect::<Vec<_>>().join(", ")
}

/// A name in a table, whose cells end at a bar.
fn shown(text: &str) -> String {
    messages::shown(text).replace('|', r"\|")
}

fn percent(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.2} %", 100.0 * share))
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.2}"))
}

impl Row {
    /// The cells of the second table.
    fn measures(&self) -> String {
        measures(self.style, (self.frechet, self.manifold, self.of_real), self.transfer)
    }
}

fn measures(style: Option<f64>, measured: (Option<f64>, Option<Manifold>, OfReal), transfer: Option<f64>) -> String {
    let (frechet, manifold, of_real) = measured;
    format!("{} | {} | {}", percent(style), distances(frechet, manifold, of_real), percent(transfer))
}

/// Cells of the distances, with their multiples of real pictures'.
fn distances(frechet: Option<f64>, manifold: Option<Manifold>, of_real: OfReal) -> String {
    let times = |factor: Option<f64>| factor.map_or(String::new(), |factor| format!(" ({factor:.2} x)"));
    let manifold = manifold.map_or(" | | | ".to_owned(), |Manifold { precision, recall, density, coverage }| {
        format!("{precision:.3} | {recall:.3} | {density:.3} | {coverage:.3}{}", times(of_real.coverage))
    });
    format!("{}{} | {manifold}", number(frechet), times(of_real.frechet))
}
