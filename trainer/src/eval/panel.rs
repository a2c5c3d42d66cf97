//! Several judges of the same pictures, and the worst of what they say. Tests: here.

use super::accuracy::Accuracy;
use super::manifold::Manifold;

/// What one judge of several says of a row, or of real pictures.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Scores {
    /// The judge's name.
    pub judge: String,
    /// Share of the pictures that it reads as asked; of real ones: as they are.
    pub read: f64,
    /// Fréchet distance, in its features.
    pub frechet: Option<f64>,
    /// Precision and so on, in its features.
    pub manifold: Option<Manifold>,
}

/// Multiples of what real pictures reach by the same judge; of several judges, the worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct OfReal {
    /// Fréchet distance.
    pub frechet: Option<f64>,
    /// Coverage.
    pub coverage: Option<f64>,
}

impl OfReal {
    /// By one judge, who said `floor` of real pictures.
    pub fn new(scores: &Scores, floor: &Scores) -> Self {
        Self {
            frechet: scores.frechet.zip(floor.frechet).map(|(own, real)| own / real),
            coverage: scores.manifold.zip(floor.manifold).map(|(own, real)| own.coverage / real.coverage),
        }
    }
}

/// The worst that any of the judges says, measure by measure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Worst {
    /// Of the judge that reads fewest as asked.
    pub accuracy: Option<Accuracy>,
    /// Of the judge by whom it is the largest multiple of real pictures'.
    pub frechet: Option<f64>,
    /// Of the judge by whom coverage is the smallest part of real pictures'.
    pub manifold: Option<Manifold>,
    /// The two as multiples.
    pub of_real: OfReal,
}

impl Worst {
    /// Of what each judge says: how it reads the pictures, its scores, and its scores of real ones.
    pub fn of(judged: &[(Accuracy, Scores, &Scores)]) -> Self {
        let mut worst = Self::default();
        for (accuracy, scores, floor) in judged {
            let of_real = OfReal::new(scores, floor);
            if worst.accuracy.as_ref().is_none_or(|other| accuracy.share < other.share) {
                worst.accuracy = Some(accuracy.clone());
            }
            if worst.frechet.is_none() || of_real.frechet > worst.of_real.frechet {
                (worst.frechet, worst.of_real.frechet) = (scores.frechet, of_real.frechet);
            }
            if worst.manifold.is_none() || of_real.coverage < worst.of_real.coverage {
                (worst.manifold, worst.of_real.coverage) = (scores.manifold, of_real.coverage);
            }
        }
        worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(judge: &str, read: f64, frechet: f64, coverage: f64) -> Scores {
        let manifold = Manifold { precision: 0.9, recall: 0.9, density: 1.0, coverage };
        Scores { judge: judge.to_owned(), read, frechet: Some(frechet), manifold: Some(manifold) }
    }

    #[test]
    fn each_measure_is_told_by_the_judge_who_sees_it_worst() {
        let names = ["0", "1"].map(str::to_owned);
        let accuracy =
            |rows: [[f32; 2]; 2]| Accuracy::new(&names, &[0, 1], &rows.each_ref().map(|row| &row[..])).unwrap();
        let (good, poor) = (accuracy([[0.9, 0.1], [0.1, 0.9]]), accuracy([[0.9, 0.1], [0.9, 0.1]]));
        // Distances of two judges have units of their own: the second one's are larger, and a smaller multiple.
        let floors = [scores("a", 1.0, 2.0, 0.9), scores("b", 1.0, 40.0, 0.8)];
        let judged =
            [(good, scores("a", 1.0, 6.0, 0.9), &floors[0]), (poor.clone(), scores("b", 0.5, 60.0, 0.6), &floors[1])];
        let worst = Worst::of(&judged);
        assert_eq!(worst.accuracy, Some(poor));
        assert_eq!((worst.frechet, worst.of_real.frechet), (Some(6.0), Some(3.0)));
        assert_eq!(worst.manifold.unwrap().coverage, 0.6);
        assert!((worst.of_real.coverage.unwrap() - 0.75).abs() < 1e-12);
        assert_eq!(Worst::of(&[]), Worst::default());
    }
}
