//! Copies: whether generated pictures are training pictures again. Tests: here.
//!
//! Distances are between blurred pixels: the features of a judge forget what tells a copy from another picture of its class. The
//! blur forgives a stroke that is moved by a pixel. Of a picture `x` with its nearest training picture `t`, two things are asked:
//!
//! - `nearer`: is `x` nearer to `t` than any other training picture is to `t` (arXiv 2102.08921: not authentic)?
//! - `copy`: is the distance to `t` below a third of the distance to the second nearest (Yoon et al., "Diffusion probabilistic
//!   models generalize when they fail to memorize", 2023; arXiv 2310.02664)?
//!
//! Real pictures, each left out of the training pictures in turn, say what is usual. Training pictures that are equal count once:
//! of twins, none would ever be copied.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::data::{Dataset, SIZE_MULTIPLE};
use crate::error::Result;
use crate::parallel;

/// Training pictures that are told of each picture.
pub const SHOWN: usize = 3;
/// Of the distance to the second nearest, the part within which a picture is a copy of the nearest.
const COPY: f32 = 1.0 / 3.0;
/// Rows of a job.
const JOB: usize = 16;
/// Side of a picture from which on it is compared at a smaller size.
const SIDE: usize = 28;

/// A training picture near another picture.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Neighbour {
    /// Its index in the training data.
    pub index: usize,
    /// Root of the mean squared difference of the blurred pixels, 0 to 1.
    pub distance: f32,
}

/// What is around a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Surroundings {
    /// The nearest training pictures, [`SHOWN`] at most, nearest first.
    pub nearest: Vec<Neighbour>,
    /// Distance from the nearest to the training picture next to it.
    pub reach: f32,
}

/// Shares of a set of pictures.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Copies {
    /// Pictures that were looked at.
    pub images: usize,
    /// Share that is nearer to a training picture than that one's own neighbours are.
    pub nearer: f64,
    /// Share that is a third or less as far from a training picture as from the second nearest.
    pub copies: f64,
    /// Median distance to the nearest training picture.
    pub distance: f64,
}

impl Surroundings {
    /// Whether the picture is nearer to its nearest training picture than that one's neighbours are.
    pub fn is_nearer(&self) -> bool {
        self.nearest.first().is_some_and(|first| first.distance < self.reach)
    }

    /// Whether the picture is a copy of its nearest training picture.
    pub fn is_copy(&self) -> bool {
        matches!(self.nearest[..], [first, second, ..] if first.distance < COPY * second.distance)
    }

    /// The smaller, the more the picture looks like a copy.
    pub fn ratio(&self) -> f32 {
        let distance = self.nearest.first().map_or(f32::INFINITY, |first| first.distance);
        distance / self.reach.max(f32::MIN_POSITIVE)
    }
}

impl Copies {
    /// The shares of some pictures.
    pub fn of(all: &[Surroundings]) -> Self {
        let share =
            |is: fn(&Surroundings) -> bool| all.iter().filter(|one| is(one)).count() as f64 / all.len().max(1) as f64;
        let mut distances: Vec<f32> = all.iter().filter_map(|one| Some(one.nearest.first()?.distance)).collect();
        distances.sort_by(f32::total_cmp);
        Self {
            images: all.len(),
            nearer: share(Surroundings::is_nearer),
            copies: share(Surroundings::is_copy),
            distance: distances.get(distances.len() / 2).map_or(0.0, |&distance| f64::from(distance)),
        }
    }
}

/// Training pictures, ready to be compared with.
#[derive(Debug)]
pub struct Originals {
    /// Blurred, one of each.
    rows: Vec<Vec<f32>>,
    /// Index of each row in the data.
    indices: Vec<usize>,
    factor: usize,
}

impl Originals {
    /// Takes the training pictures, equal ones once.
    pub fn new(data: &Dataset) -> Self {
        let mut seen = BTreeSet::new();
        let indices: Vec<usize> = (0..data.len()).filter(|&i| seen.insert(data.image(i))).collect();
        let factor = factor(data.size());
        let rows = blurred(&data.pick(&indices).shrunk(factor));
        Self { rows, indices, factor }
    }

    /// Different training pictures.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// What is around each picture of `data`, which have the originals' size.
    ///
    /// # Errors
    /// That no thread can be started.
    pub fn around(&self, data: &Dataset) -> Result<Vec<Surroundings>> {
        let rows = blurred(&data.shrunk(self.factor));
        self.surroundings(rows.iter().map(|row| (row.as_slice(), None)).collect())
    }

    /// What is around training pictures, each left out in turn; `count` of them, evenly chosen.
    ///
    /// # Errors
    /// That no thread can be started.
    pub fn left_out(&self, count: usize) -> Result<Vec<Surroundings>> {
        let count = count.min(self.len());
        let chosen = (0..count).map(|i| i * self.len() / count);
        self.surroundings(chosen.map(|i| (self.rows[i].as_slice(), Some(i))).collect())
    }

    /// Of rows, and of the training picture that each is.
    fn surroundings(&self, rows: Vec<(&[f32], Option<usize>)>) -> Result<Vec<Surroundings>> {
        let near = self.nearest(rows.iter().map(|&(row, own)| (row, [own, None])).collect(), SHOWN)?;
        // The nearest one's own neighbours, once where several pictures share it.
        let mut asked = BTreeMap::new();
        for (found, &(_, own)) in near.iter().zip(&rows) {
            if let Some(first) = found.first() {
                asked.insert((first.index, own), 0);
            }
        }
        let jobs = asked.keys().map(|&(nearest, own)| (self.rows[nearest].as_slice(), [Some(nearest), own])).collect();
        let reaches = self.nearest(jobs, 1)?;
        let reach = |found: &[Neighbour]| found.first().map_or(f32::INFINITY, |first| first.distance);
        let reaches: HashMap<_, _> = asked.into_keys().zip(reaches.iter().map(|found| reach(found))).collect();
        let surroundings = near.into_iter().zip(&rows).map(|(mut nearest, &(_, own))| {
            let reach = nearest.first().and_then(|first| reaches.get(&(first.index, own)).copied());
            nearest.iter_mut().for_each(|one| one.index = self.indices[one.index]);
            Surroundings { nearest, reach: reach.unwrap_or(f32::INFINITY) }
        });
        Ok(surroundings.collect())
    }

    /// The `k` nearest training pictures of each row, but for two that are left out.
    fn nearest(&self, rows: Vec<(&[f32], [Option<usize>; 2])>, k: usize) -> Result<Vec<Vec<Neighbour>>> {
        let parts = parallel::map(rows.chunks(JOB).collect(), parallel::default_threads(), |rows: &[_]| {
            let mut best: Vec<Vec<Neighbour>> = vec![Vec::with_capacity(k + 1); rows.len()];
            // Each original is taken into the cache once for all rows of the job.
            for (index, original) in self.rows.iter().enumerate() {
                for (&(row, without), best) in rows.iter().zip(&mut best) {
                    if without.contains(&Some(index)) {
                        continue;
                    }
                    let mean = squared_distance(row, original) / row.len() as f32;
                    if best.len() == k && mean >= best[k - 1].distance {
                        continue;
                    }
                    let at = best.partition_point(|one| one.distance <= mean);
                    best.insert(at, Neighbour { index, distance: mean });
                    best.truncate(k);
                }
            }
            best.iter_mut().flatten().for_each(|one| one.distance = one.distance.sqrt());
            Ok(best)
        })?;
        Ok(parts.concat())
    }
}

/// The whole factor by which pictures are made smaller to be compared or read: what is left is at least `SIDE` wide.
pub fn factor(size: usize) -> usize {
    let fits = |&factor: &usize| size.is_multiple_of(factor * SIZE_MULTIPLE) && size / factor >= SIDE;
    (1..=size / SIDE).rev().find(fits).unwrap_or(1)
}

/// Pictures in [0, 1], blurred twice with weights 1, 2, 1 across and down: a standard deviation of a pixel.
fn blurred(data: &Dataset) -> Vec<Vec<f32>> {
    let n = data.size();
    let blur = |image: &[f32], step: usize, position: fn(usize, usize) -> usize| -> Vec<f32> {
        let at = |i: usize| {
            let place = position(i, n);
            let before = if place == 0 { i } else { i - step };
            let after = if place + 1 == n { i } else { i + step };
            0.25 * image[before] + 0.5 * image[i] + 0.25 * image[after]
        };
        (0..n * n).map(at).collect()
    };
    let twice = |image: &[u8]| {
        let mut image: Vec<f32> = image.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        for _ in 0..2 {
            image = blur(&image, 1, |i, n| i % n);
            image = blur(&image, n, |i, n| i / n);
        }
        image
    };
    let planes: Vec<Vec<f32>> = data.planes().map(twice).collect();
    planes.chunks_exact(data.channels()).map(<[Vec<f32>]>::concat).collect()
}

/// With eight sums at the same time, so that the compiler makes a SIMD vector of them.
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += (a[i] - b[i]) * (a[i] - b[i]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn_digit;

    fn data(images: &[Vec<u8>]) -> Dataset {
        Dataset::new("test", images.concat(), vec![0; images.len()], 28, vec!["a".into()]).unwrap()
    }

    /// Digits drawn at several places.
    fn digits() -> Vec<Vec<u8>> {
        let moved = |(digit, by): (u16, usize)| {
            let mut image = drawn_digit(digit);
            image.rotate_right(by);
            image
        };
        [(0, 0), (0, 3), (0, 112), (1, 0), (1, 4), (7, 0), (7, 84), (7, 2)].map(moved).to_vec()
    }

    #[test]
    fn copies_are_found_and_other_pictures_are_none() {
        let mut twins = digits();
        twins.push(twins[0].clone());
        let originals = Originals::new(&data(&twins));
        assert_eq!(originals.len(), 8, "twins count once");
        // A copy with a little noise, and a picture of its own.
        let mut copy = digits()[5].clone();
        copy.iter_mut().enumerate().for_each(|(i, pixel)| *pixel = pixel.saturating_sub((i % 5) as u8));
        let own: Vec<u8> = (0..784).map(|i| if i % 28 > 13 { 200 } else { 0 }).collect();
        let around = originals.around(&data(&[copy, own])).unwrap();
        assert_eq!(around[0].nearest[0].index, 5);
        assert!(around[0].is_copy() && around[0].is_nearer() && around[0].ratio() < 0.2, "{:?}", around[0]);
        assert!(!around[1].is_copy() && !around[1].is_nearer(), "{:?}", around[1]);
        let copies = Copies::of(&around);
        assert_eq!((copies.images, copies.copies, copies.nearer), (2, 0.5, 0.5));
        assert!(around[0].nearest.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
    }

    #[test]
    fn real_pictures_are_compared_with_the_others_only() {
        let originals = Originals::new(&data(&digits()));
        let left_out = originals.left_out(100).unwrap();
        assert_eq!(left_out.len(), 8);
        for (i, one) in left_out.iter().enumerate() {
            assert!(one.nearest.iter().all(|near| near.index != i && near.distance > 0.0));
            // Neither itself nor its nearest one is a neighbour of that one.
            assert!(one.reach > 0.0 && one.reach.is_finite(), "{one:?}");
        }
        let single = Originals::new(&data(&digits()[..1])).left_out(5).unwrap();
        assert!(single[0].nearest.is_empty() && !single[0].is_copy() && !single[0].is_nearer());
    }

    #[test]
    fn large_pictures_are_compared_at_a_smaller_size() {
        let factors = [4, 28, 32, 36, 56, 64, 96, 100, 128, 256].map(factor);
        assert_eq!(factors, [1, 1, 1, 1, 2, 2, 3, 1, 4, 8]);
        let large: Vec<u8> = (0..56 * 56).map(|i| (i / 56 / 2 * 28 + i % 56 / 2) as u8).collect();
        let data = Dataset::new("test", large, vec![0], 56, vec!["a".into()]).unwrap();
        assert_eq!(data.shrunk(2).image(0), (0..784).map(|i| i as u8).collect::<Vec<_>>());
    }

    #[test]
    fn distances_do_not_depend_on_the_width() {
        for width in [1, 7, 8, 9, 128] {
            let (a, b) = (vec![1.0; width], vec![3.0; width]);
            assert_eq!(squared_distance(&a, &b), 4.0 * width as f32);
        }
    }
}
