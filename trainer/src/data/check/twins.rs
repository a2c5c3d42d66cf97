//! Pictures that are there twice, or nearly so. Tests: `check/tests.rs`.

use std::collections::BTreeMap;

use super::reference::unit;
use super::warning::{Warning, named};
use crate::data::dataset::Dataset;
use crate::data::levels;
use crate::error::Result;
use crate::messages::shown;
use crate::parallel;

/// Most pictures of which every pair is looked at; of more, only those of the very same pixels are found.
const MOST: usize = 16_384;
/// Side of the grid that pictures are compared on first; a bit for each step from a cell to the next.
const GRID: usize = 8;
/// Levels by which a cell must be lighter than its neighbour: less is noise, which a black ground is full of in a JPEG.
const STEP: u64 = 12;
/// Bits that may differ between pictures that are then compared pixel by pixel.
const BITS: u32 = 6;
/// Correlation from which on two pictures are nearly the same: a picture saved as JPEG again, but not a digit written anew.
const SAME: f32 = 0.985;
/// Part of the pictures that may have a twin of their class before it is told: fonts and scans have some.
const USUAL: f64 = 0.05;

/// Pairs of pictures that are nearly the same.
pub fn look(data: &Dataset) -> Result<Vec<Warning>> {
    let mut pairs = exact(data);
    if data.len() <= MOST {
        pairs.extend(near(data)?);
    }
    pairs.sort_unstable();
    pairs.dedup();
    let (across, within): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|&(a, b)| data.label(a) != data.label(b));
    let mut found = Vec::new();
    if !across.is_empty() {
        let class = |i: usize| shown(&data.class_names()[usize::from(data.label(i))]);
        let told: Vec<String> = across
            .iter()
            .map(|&(a, b)| format!("{} in {} and {} in {}", named(data, &[a]), class(a), named(data, &[b]), class(b)))
            .collect();
        let text = format!(
            "{} nearly the same and lie in different classes, of which one is wrong: {}",
            if told.len() == 1 { "2 pictures are".to_owned() } else { format!("{} pairs of pictures are", told.len()) },
            levels::told(&told)
        );
        found.push(Warning { kind: "same_in_two_classes", pictures: across.len(), stops: false, text });
    }
    let mut twins: Vec<usize> = within.iter().map(|&(_, b)| b).collect();
    twins.sort_unstable();
    twins.dedup();
    if twins.len() as f64 > USUAL * data.len() as f64 {
        let first: Vec<String> =
            within.iter().map(|&(a, b)| format!("{} and {}", named(data, &[a]), named(data, &[b]))).collect();
        let text = format!(
            "{} of {} pictures are nearly the same as another of their class, and count twice: {}",
            twins.len(),
            data.len(),
            levels::told(&first)
        );
        found.push(Warning { kind: "near_duplicates", pictures: twins.len(), stops: false, text });
    }
    Ok(found)
}

/// Pictures of the very same pixels, each with the first of them.
fn exact(data: &Dataset) -> Vec<(usize, usize)> {
    let mut first = BTreeMap::new();
    let mut pairs = Vec::new();
    for (i, image) in data.images().enumerate() {
        // Blank ones are told as such.
        if image.iter().all(|level| *level == image[0]) {
            continue;
        }
        match first.get(image) {
            Some(&other) => pairs.push((other, i)),
            None => drop(first.insert(image, i)),
        }
    }
    pairs
}

/// Pairs of a correlation of [`SAME`] and more.
fn near(data: &Dataset) -> Result<Vec<(usize, usize)>> {
    let threads = parallel::default_threads();
    let all: Vec<usize> = (0..data.len()).collect();
    let hashes: Vec<u64> = parallel::map(all.clone(), threads, |i| Ok(hash(data.image(i), data.size())))?;
    let units = |i: usize| unit(data.image(i).iter().map(|&level| f32::from(level)).collect());
    let rows = parallel::map(all, threads, |a| {
        let mut pairs = Vec::new();
        let mut own: Option<Vec<f32>> = None;
        for b in a + 1..data.len() {
            if (hashes[a] ^ hashes[b]).count_ones() <= BITS && hashes[a] != 0 {
                let own = own.get_or_insert_with(|| units(a));
                let alike: f32 = own.iter().zip(units(b)).map(|(a, b)| a * b).sum();
                if alike >= SAME {
                    pairs.push((a, b));
                }
            }
        }
        Ok(pairs)
    })?;
    Ok(rows.concat())
}

/// Of a picture in colour, of its red: pictures that differ in others alone are told apart pixel by pixel. A bit for each cell of a grid of 8x9: whether it is clearly lighter than its neighbour (a difference hash).
fn hash(image: &[u8], size: usize) -> u64 {
    let cell = |column: usize, row: usize| -> u64 {
        let range = |at: usize, of: usize| at * size / of..((at + 1) * size / of).max(at * size / of + 1).min(size);
        let (columns, rows) = (range(column, GRID + 1), range(row, GRID));
        let area = (columns.len() * rows.len()).max(1) as u64;
        rows.flat_map(|y| columns.clone().map(move |x| (x, y)))
            .map(|(x, y)| u64::from(image[y * size + x]))
            .sum::<u64>()
            / area
    };
    let bits =
        (0..GRID * GRID).map(|bit| (bit, cell(bit % GRID, bit / GRID) > cell(bit % GRID + 1, bit / GRID) + STEP));
    bits.fold(0, |hash, (bit, set)| hash | u64::from(set) << bit)
}
