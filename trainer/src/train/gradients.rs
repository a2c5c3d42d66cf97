//! A step's gradients: those of its micro-batches added up, as one vector, with its norm.

use burn::tensor::{Tensor, TensorData};

use super::flat::{ALIGNMENT, host};
use crate::error::{Error, Result};
use crate::parallel;

/// Values that one thread takes at a time, whatever the number of threads: sums are the same with any.
const PART: usize = 1 << 15;
/// Sums side by side, as wide as processors have registers for.
const LANES: usize = 32;

/// The sum of vectors of one length, a multiple of [`ALIGNMENT`], and the root of its sum of squares.
pub fn summed(vectors: Vec<Tensor<1>>, threads: usize) -> Result<(Tensor<1>, f32)> {
    let mut others = vectors.into_iter();
    let Some(first) = others.next() else {
        return Err(Error::Setting { reason: "a step without pictures has no gradients".into() });
    };
    let device = first.device();
    if !parallel::on_cpu(&device) {
        let sum = others.fold(first, |sum, vector| sum + vector);
        let norm = norm(sum.clone())?;
        return Ok((sum, norm));
    }
    let mut sum = host(first)?;
    let others = others.map(host).collect::<Result<Vec<_>>>()?;
    let jobs = sum.chunks_mut(PART).enumerate().collect();
    let squares: f32 = parallel::map(jobs, threads, |(i, part): (usize, &mut [f32])| {
        for other in &others {
            let other = other.get(i * PART..).unwrap_or_default();
            part.iter_mut().zip(other).for_each(|(sum, value)| *sum += value);
        }
        sum_of_squares(part)
    })
    .into_iter()
    .sum();
    let len = sum.len();
    Ok((Tensor::from_data(TensorData::new(sum, [len]), &device), squares.sqrt()))
}

fn sum_of_squares(values: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for row in values.chunks(LANES) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * value);
    }
    sums.iter().sum()
}

/// On a graphics processor.
fn norm(vector: Tensor<1>) -> Result<f32> {
    let [len] = vector.dims();
    // In two steps: burn's sum of a million values at once is wrong on OpenGL in software.
    let sums = vector.square().reshape([len / ALIGNMENT, ALIGNMENT]).sum_dim(1);
    Ok(host(sums.sum())?.iter().sum::<f32>().sqrt())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn sums_and_norms_are_burns_and_the_same_on_any_number_of_threads() {
        const COUNT: usize = 2 * PART + 3 * ALIGNMENT;
        let wave = |step: f32| {
            let values: Vec<f32> = (0..COUNT).map(|i| (i as f32 * step).sin()).collect();
            Tensor::<1>::from_floats(&values[..], &Device::flex())
        };
        let vectors = || vec![wave(0.3), wave(0.7), wave(1.1)];
        let burns = (wave(0.3) + wave(0.7)) + wave(1.1);
        let (sum, norm_1) = summed(vectors(), 1).unwrap();
        assert_eq!(host(sum).unwrap(), host(burns.clone()).unwrap());
        let expected = norm(burns).unwrap();
        assert!((norm_1 - expected).abs() < 1e-5 * expected, "{norm_1} {expected}");
        for threads in [0, 2, 7] {
            let (_, norm) = summed(vectors(), threads).unwrap();
            assert_eq!(norm, norm_1);
        }
    }

    #[test]
    fn a_value_that_is_no_number_is_seen() {
        let device = Device::flex();
        let mut values = vec![1.0; ALIGNMENT];
        values[5] = f32::NAN;
        let vectors = vec![Tensor::ones([ALIGNMENT], &device), Tensor::from_floats(&values[..], &device)];
        assert!(summed(vectors, 2).unwrap().1.is_nan());
    }
}
