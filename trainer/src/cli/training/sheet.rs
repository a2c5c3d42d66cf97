//! Sheets of samples that a run draws while it trains. Tests: here; in whole runs, in `trainer/tests/runs/best.rs`.

use std::sync::atomic::{AtomicBool, Ordering};

use diffusion::{Model, Request};
use trainer::error::{Error, Result};
use trainer::picture::{Canvas, Grid, fits, levels};
use trainer::sampling::draw;

/// Most classes on a sheet.
const CLASSES: usize = 20;
/// Most pictures on a sheet: it must not take longer than the training around it.
const PICTURES: usize = 60;
/// Most seeds.
const SEEDS: usize = 6;

/// The classes on a sheet, by index: all of them, or as many as there is room for, from the first to the last.
pub fn shown_classes(classes: usize) -> Vec<usize> {
    let shown = classes.min(CLASSES);
    (0..shown).map(|i| if shown < 2 { 0 } else { i * (classes - 1) / (shown - 1) }).collect()
}

/// Pictures on a sheet of a model with so many classes.
pub fn pictures(classes: usize) -> usize {
    let columns = classes.clamp(1, CLASSES);
    columns * (PICTURES / columns).clamp(2, SEEDS)
}

/// What stands above the columns: the classes' names, or their numbers, from 1, where a name cannot be written there. Then the
/// second value is a legend.
pub fn headings(names: &[String], side: usize) -> (Vec<String>, Option<String>) {
    let shown = shown_classes(names.len());
    if shown.iter().all(|&class| fits(&names[class], side)) {
        return (shown.into_iter().map(|class| names[class].clone()).collect(), None);
    }
    let legend = shown.iter().map(|&class| format!("{}\t{}\n", class + 1, names[class])).collect();
    (shown.into_iter().map(|class| (class + 1).to_string()).collect(), Some(legend))
}

/// A sheet: a column for each class, a row for each seed from `seed` on, drawn as `request` says.
///
/// # Errors
/// What the model refuses; [`Error::Stopped`] where `stop` was set meanwhile.
pub fn draw_sheet(model: &Model, request: &Request, seed: u64, threads: usize, stop: &AtomicBool) -> Result<Canvas> {
    let info = &model.base().info;
    let classes = shown_classes(info.num_classes());
    let rows = pictures(info.num_classes()) / classes.len();
    // A schedule may have fewer timesteps than the default steps.
    let steps = request.num_inference_steps.min(model.base().schedule.num_train_timesteps - 1);
    let mut tiles: Vec<Vec<u8>> = Vec::new();
    for row in 0..rows as u64 {
        // A row at a time, so that a stop is not waited for.
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        let seeds = vec![seed + row; classes.len()];
        let request = Request { labels: classes.clone(), seeds, num_inference_steps: steps, ..request.clone() };
        tiles.extend(draw(model, &request, threads, |_, _| {})?.iter().map(|image| levels(image)));
    }
    let (headings, _) = headings(&info.labels, info.image_size);
    Ok(Grid::new(info.image_size, classes.len()).column_labels(headings).draw(&tiles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_room_for_what_is_on_it() {
        assert_eq!((shown_classes(1), shown_classes(3)), (vec![0], vec![0, 1, 2]));
        let many = shown_classes(400);
        assert_eq!((many.len(), many[0], many[19]), (20, 0, 399));
        assert_eq!([1, 10, 26, 400].map(pictures), [6, 60, 60, 60]);
    }

    #[test]
    fn names_that_cannot_be_written_are_numbers_with_a_legend() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(headings(&names(&["0", "oak"]), 28), (names(&["0", "oak"]), None));
        let (shown, legend) = headings(&names(&["0", "数"]), 28);
        assert_eq!((shown, legend.as_deref()), (names(&["1", "2"]), Some("1\t0\n2\t数\n")));
        assert!(headings(&names(&["a name that is far too long"]), 28).1.is_some());
    }
}
