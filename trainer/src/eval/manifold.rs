//! Precision and recall (arXiv 1904.06991, eq. 2), density and coverage (arXiv 2002.09797, eq. 4 and 6) of generated
//! pictures among real ones: each picture stands for a ball that reaches to its k-th nearest neighbour. Tests: here.

use super::neighbours::squared_distance;
use crate::error::{Error, Result};
use crate::parallel;

/// k: neighbours that a picture's ball reaches to.
pub const NEIGHBOURS: usize = 5;

/// Rows of a job.
const JOB: usize = 100;

/// The four measures. Real pictures reach about 1; density may be more.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Manifold {
    /// Share of the generated pictures within the ball of a real one.
    pub precision: f64,
    /// Share of the real pictures within the ball of a generated one.
    pub recall: f64,
    /// Mean number of balls of real pictures that a generated one is in, divided by k.
    pub density: f64,
    /// Share of the real pictures whose ball holds a generated one.
    pub coverage: f64,
}

/// Compares features of real and generated pictures, one row each, with `k` neighbours.
///
/// # Errors
/// Not more than `k` rows, rows of different widths, features that are infinite or not a number.
pub fn manifold(real: &[Vec<f32>], generated: &[Vec<f32>], k: usize) -> Result<Manifold> {
    let fewest = real.len().min(generated.len());
    let width = real.first().map_or(0, Vec::len);
    if k == 0 || fewest <= k || real.iter().chain(generated).any(|row| row.len() != width) {
        let reason = format!("{fewest} rows of features; more than k = {k} of equal width are needed");
        return Err(Error::Data { location: "precision and recall".into(), reason });
    }
    if real.iter().chain(generated).flatten().any(|value| !value.is_finite()) {
        let reason = "features are infinite or no numbers".to_owned();
        return Err(Error::Data { location: "precision and recall".into(), reason });
    }
    let (real_reach, generated_reach) = (reaches(real, k)?, reaches(generated, k)?);
    let rows: Vec<usize> = (0..real.len()).collect();
    let parts = parallel::map(rows.chunks(JOB).collect(), parallel::default_threads(), |rows: &[usize]| {
        let mut part = Part { within_real: vec![false; generated.len()], pairs: 0, recalled: 0, covered: 0 };
        for &i in rows {
            let (mut recalled, mut covered) = (false, false);
            for (j, other) in generated.iter().enumerate() {
                let distance = squared_distance(&real[i], other);
                if distance < real_reach[i] {
                    part.within_real[j] = true;
                    part.pairs += 1;
                    covered = true;
                }
                recalled |= distance < generated_reach[j];
            }
            part.recalled += usize::from(recalled);
            part.covered += usize::from(covered);
        }
        Ok(part)
    })?;
    let sum = |value: fn(&Part) -> usize| parts.iter().map(value).sum::<usize>() as f64;
    let precise = (0..generated.len()).filter(|&j| parts.iter().any(|part| part.within_real[j])).count();
    Ok(Manifold {
        precision: precise as f64 / generated.len() as f64,
        recall: sum(|part| part.recalled) / real.len() as f64,
        density: sum(|part| part.pairs) / (k * generated.len()) as f64,
        coverage: sum(|part| part.covered) / real.len() as f64,
    })
}

/// Counts of some rows of real pictures.
struct Part {
    /// Of each generated picture, whether it is in the ball of one of them.
    within_real: Vec<bool>,
    /// Pairs of a generated picture and a ball of theirs that it is in.
    pairs: usize,
    /// Those that are in the ball of a generated picture.
    recalled: usize,
    /// Those whose ball holds a generated picture.
    covered: usize,
}

/// Squared distance of each row to its k-th nearest other row.
fn reaches(rows: &[Vec<f32>], k: usize) -> Result<Vec<f32>> {
    let indices: Vec<usize> = (0..rows.len()).collect();
    let parts = parallel::map(indices.chunks(JOB).collect(), parallel::default_threads(), |indices: &[usize]| {
        let reach = |&i: &usize| {
            let others = rows.iter().enumerate().filter(|&(j, _)| j != i);
            let mut distances: Vec<f32> = others.map(|(_, other)| squared_distance(&rows[i], other)).collect();
            *distances.select_nth_unstable_by(k - 1, f32::total_cmp).1
        };
        Ok(indices.iter().map(reach).collect::<Vec<f32>>())
    })?;
    Ok(parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f32]) -> Vec<Vec<f32>> {
        values.iter().map(|&value| vec![value]).collect()
    }

    #[test]
    fn points_on_a_line_are_counted_by_hand() {
        // Real balls: 0±1, 1±1, 2±1, 10±8; generated ones: 0.5±1, 1.5±1, 30±28.5.
        let measures = manifold(&points(&[0.0, 1.0, 2.0, 10.0]), &points(&[0.5, 1.5, 30.0]), 1).unwrap();
        assert_eq!(measures.precision, 2.0 / 3.0);
        // 10 lies 20 from 30, within 28.5.
        assert_eq!(measures.recall, 1.0);
        // 0.5 lies in the balls of 0 and 1, 1.5 in those of 1 and 2.
        assert_eq!(measures.density, 4.0 / 3.0);
        assert_eq!(measures.coverage, 3.0 / 4.0);
    }

    #[test]
    fn a_copy_is_perfect_and_too_few_are_refused() {
        let rows: Vec<Vec<f32>> = (0..40).map(|i| (0..10).map(|j| ((i * 10 + j) as f32).sin()).collect()).collect();
        let Manifold { precision, recall, coverage, .. } = manifold(&rows, &rows, 5).unwrap();
        assert_eq!((precision, recall, coverage), (1.0, 1.0, 1.0));
        assert!(manifold(&rows[..5], &rows, 5).is_err());
        let mut broken = rows.clone();
        broken[3][2] = f32::NAN;
        assert!(manifold(&rows, &broken, 5).unwrap_err().to_string().contains("no numbers"));
    }
}
