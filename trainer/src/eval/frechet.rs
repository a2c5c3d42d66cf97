//! Fréchet distance between two sets of features (arXiv 1706.08500, section 3). Tests: here.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::error::{Error, Result};

/// Mean and covariance of a set of features.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
}

impl Gaussian {
    /// Mean and unbiased covariance of at least two rows of equal width.
    ///
    /// # Errors
    /// Fewer rows, rows of different widths, features that are infinite or not a number.
    pub fn of(rows: &[Vec<f32>]) -> Result<Self> {
        let width = rows.first().map_or(0, Vec::len);
        if rows.len() < 2 || rows.iter().any(|row| row.len() != width) {
            let reason = format!("{} rows of features; at least 2 of equal width are needed", rows.len());
            return Err(Error::Data { location: "the Fréchet distance".into(), reason });
        }
        // A distance that is not a number would come out as 0, the best there is.
        if rows.iter().flatten().any(|value| !value.is_finite()) {
            let reason = "features are infinite or no numbers".to_owned();
            return Err(Error::Data { location: "the Fréchet distance".into(), reason });
        }
        let count = rows.len() as f64;
        let mut mean = DVector::zeros(width);
        for row in rows {
            mean.iter_mut().zip(row).for_each(|(mean, &value)| *mean += f64::from(value) / count);
        }
        // One column for each picture: the sum of their outer products is one matrix product.
        let centred = DMatrix::from_fn(width, rows.len(), |i, j| f64::from(rows[j][i]) - mean[i]);
        let covariance = &centred * centred.transpose() / (count - 1.0);
        Ok(Self { mean, covariance })
    }
}

/// `|m_1 - m_2|² + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2))`, at least 0.
pub fn frechet_distance(a: &Gaussian, b: &Gaussian) -> f64 {
    // The trace of (C_1 C_2)^(1/2) is the sum of the roots of the eigenvalues of C_1^(1/2) C_2 C_1^(1/2), which is
    // symmetric where C_1 C_2 is not.
    let eigen = SymmetricEigen::new(a.covariance.clone());
    let roots = DMatrix::from_diagonal(&eigen.eigenvalues.map(|value| value.max(0.0).sqrt()));
    let root = &eigen.eigenvectors * roots * eigen.eigenvectors.transpose();
    let inner = &root * &b.covariance * &root;
    let cross: f64 =
        SymmetricEigen::new((&inner + inner.transpose()) / 2.0).eigenvalues.iter().map(|v| v.max(0.0).sqrt()).sum();
    let distance = (&a.mean - &b.mean).norm_squared() + a.covariance.trace() + b.covariance.trace() - 2.0 * cross;
    // Rounding may bring a distance of 0 below it.
    distance.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As tests/fixtures/measures.py makes them.
    fn features(count: usize, phase: f64, scale: f64) -> Vec<Vec<f32>> {
        let value =
            |i: usize, j: usize| (scale * (0.7391 * (i * (j + 1)) as f64 + 78.233 * j as f64 + phase).sin()) as f32;
        (0..count).map(|i| (0..6).map(|j| value(i, j)).collect()).collect()
    }

    #[test]
    fn known_gaussians_are_as_far_apart_as_the_formula_says() {
        // Independent coordinates ±s: variance 4/3 s² of four points, so every trace is known.
        let cross = |s: f32, shift: f32| -> Vec<Vec<f32>> {
            [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)].map(|(x, y)| vec![s * x + shift, s * y]).to_vec()
        };
        let (a, b) = (Gaussian::of(&cross(1.0, 0.0)).unwrap(), Gaussian::of(&cross(2.0, 3.0)).unwrap());
        let expected = 9.0 + 2.0 * (4.0f64 / 3.0) * (1.0 + 4.0 - 2.0 * 2.0);
        assert!((frechet_distance(&a, &b) - expected).abs() < 1e-9);
        assert!((frechet_distance(&b, &a) - expected).abs() < 1e-9);
        assert!(frechet_distance(&a, &a) < 1e-9);
    }

    #[test]
    fn agrees_with_numpy() {
        let (a, b) = (features(200, 0.0, 1.0), features(150, 1.0, 1.3));
        let distance = frechet_distance(&Gaussian::of(&a).unwrap(), &Gaussian::of(&b).unwrap());
        assert!((distance - NUMPY).abs() < 1e-4, "{distance}");
    }

    /// From tests/fixtures/measures.py.
    const NUMPY: f64 = 0.27140699;

    #[test]
    fn too_few_or_broken_rows_are_refused() {
        assert!(Gaussian::of(&[vec![1.0]]).is_err());
        assert!(Gaussian::of(&[vec![1.0], vec![1.0, 2.0]]).is_err());
        for broken in [f32::NAN, f32::INFINITY] {
            assert!(Gaussian::of(&[vec![1.0], vec![broken]]).unwrap_err().to_string().contains("no numbers"));
        }
    }
}
