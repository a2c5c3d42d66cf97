//! Whether digits are mirrored or turned: they are then more like MNIST's mean digits when they are turned back. Tests:
//! `check/tests.rs`.

use super::reference::{Reference, SIZE, centred, unit};
use super::warning::Warning;
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::parallel;

/// Pictures that are looked at.
const SAMPLE: usize = 2000;
/// Fewest pictures and classes that say anything.
const LEAST: (usize, usize) = (20, 4);
/// Part that is read right when turned back, at least; that more than as they are.
const SURE: (f64, f64) = (0.6, 0.2);

type Turn = fn(usize, usize) -> (usize, usize);

/// How pictures may lie, and where the pixel at (x, y) of the upright one is then.
const TURNS: [(&str, &str, Turn); 7] = [
    ("mirrored", "mirror them left to right", |x, y| (SIZE - 1 - x, y)),
    ("upside down", "turn them by 180 degrees", |x, y| (SIZE - 1 - x, SIZE - 1 - y)),
    ("mirrored top to bottom", "mirror them top to bottom", |x, y| (x, SIZE - 1 - y)),
    ("turned to the right", "turn them by 90 degrees to the left", |x, y| (SIZE - 1 - y, x)),
    ("turned to the left", "turn them by 90 degrees to the right", |x, y| (y, SIZE - 1 - x)),
    ("transposed, as EMNIST's files are", "give --transpose yes", |x, y| (y, x)),
    ("turned and mirrored", "transpose them, and turn them by 180 degrees", |x, y| (SIZE - 1 - y, SIZE - 1 - x)),
];

/// Compares the pictures with MNIST's means, as they are and turned. The classes of `data` are digits.
pub fn look(data: &Dataset, mnist: &Reference, decided: bool) -> Result<Option<Warning>> {
    let step = data.len().div_ceil(SAMPLE);
    let chosen: Vec<usize> = (0..data.len()).step_by(step).collect();
    let mut digits: Vec<u16> = chosen.iter().map(|&i| data.label(i)).collect();
    digits.sort_unstable();
    digits.dedup();
    if chosen.len() < LEAST.0 || digits.len() < LEAST.1 {
        return Ok(None);
    }
    let class = |label: u16| data.class_names()[usize::from(label)].parse::<usize>().unwrap_or(usize::MAX);
    let right = parallel::map(chosen.clone(), parallel::default_threads(), |i| {
        let picture = unit(centred(data, i));
        let upright = std::iter::once(mnist_class(&picture, mnist));
        let turned = TURNS.iter().map(|(.., turn)| mnist_class(&turned_back(&picture, *turn), mnist));
        Ok(upright.chain(turned).map(|found| found == class(data.label(i))).collect::<Vec<bool>>())
    })?;
    let share = |turn: usize| right.iter().filter(|right| right[turn]).count() as f64 / right.len() as f64;
    let best = (1..=TURNS.len()).max_by(|&a, &b| share(a).total_cmp(&share(b))).unwrap_or(1);
    if share(best) < SURE.0 || share(best) < share(0) + SURE.1 {
        return Ok(None);
    }
    let (how, remedy, _) = TURNS[best - 1];
    let percent = |share: f64| (share * 100.0).round();
    let text = format!(
        "the digits look {how}: turned back, {} % of {} are nearest to the mean of MNIST's digits of their class, as they are {} %; {remedy}",
        percent(share(best)),
        chosen.len(),
        percent(share(0))
    );
    Ok(Some(Warning { kind: "turned", pictures: data.len(), stops: !decided, text }))
}

fn turned_back(picture: &[f32], turn: Turn) -> Vec<f32> {
    (0..SIZE * SIZE)
        .map(|at| {
            let (x, y) = turn(at % SIZE, at / SIZE);
            picture[y * SIZE + x]
        })
        .collect()
}

/// The class whose mean is most like the picture.
fn mnist_class(picture: &[f32], mnist: &Reference) -> usize {
    let likeness = |mean: &Vec<f32>| mean.iter().zip(picture).map(|(a, b)| a * b).sum::<f32>();
    let all = mnist.means.iter().map(likeness).enumerate();
    all.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(usize::MAX, |(class, _)| class)
}
