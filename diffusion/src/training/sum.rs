//! The sum of the jobs' gradients, and its norm: the same bits for any number of threads.
//!
//! Tests: here; on several threads, in `trainer/src/train/gradients.rs`.

/// Values that are added at a time, whoever does it: sums are the same with any number of threads.
pub const PART: usize = 1 << 15;
/// Sums kept at the same time, so that the compiler makes SIMD vectors of them.
const LANES: usize = 32;

/// The sum of vectors of one length, in their order, and its Euclidean norm.
pub fn sum_and_norm<'a>(vectors: impl IntoIterator<Item = &'a [f32]>) -> (Vec<f32>, f32) {
    let mut vectors = vectors.into_iter();
    let mut sum = vectors.next().unwrap_or_default().to_vec();
    let others: Vec<&[f32]> = vectors.collect();
    let squares = sum.chunks_mut(PART).enumerate().map(|(i, part)| add_part(part, i, &others));
    let norm = squares.sum::<f32>().sqrt();
    (sum, norm)
}

/// Adds the others' values to the part of this number, and returns the sum of its squares.
pub fn add_part(part: &mut [f32], number: usize, others: &[&[f32]]) -> f32 {
    for other in others {
        part.iter_mut().zip(&other[number * PART..]).for_each(|(sum, value)| *sum += value);
    }
    let mut sums = [0.0; LANES];
    for row in part.chunks(LANES) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * value);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_added_in_their_order() {
        let wave = |step: f32| (0..PART + 100).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
        let waves = [wave(0.3), wave(0.7), wave(1.1)];
        let (sum, norm) = sum_and_norm(waves.iter().map(|wave| &wave[..]));
        assert!(sum.iter().enumerate().all(|(i, sum)| *sum == waves[0][i] + waves[1][i] + waves[2][i]));
        let expected = sum.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt() as f32;
        assert!((norm - expected).abs() < 1e-5 * expected, "{norm} {expected}");
        assert_eq!(sum_and_norm([]), (vec![], 0.0));
    }
}
