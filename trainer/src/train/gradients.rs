//! A step's gradients: loss and gradients of each of its jobs, and their sum as one vector with its norm. Tests: here.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use diffusion::training::ALIGNMENT;
use diffusion::training::sum::{PART, add_part};

use super::tensors::{host, tensor};
use crate::error::{Error, Result};
use crate::parallel;

/// Loss and gradients of a batch that was cut into jobs: both are sums over the jobs, so `loss` should give each job its
/// share of the batch's mean. The gradients are still to be summed: what `gather` makes of each job's, in their order.
///
/// Every job works on a fork of the module, whose graph shares nothing with the others.
///
/// # Errors
/// Those of `loss` and `gather`; that a loss cannot be read from the device.
pub fn of_jobs<M: Module + Sync, J: Send, G: Send>(
    module: &M,
    device: &Device,
    jobs: Vec<J>,
    threads: usize,
    loss: impl Fn(&M, J) -> Result<Tensor<1>> + Send + Sync,
    gather: impl Fn(&M, GradientsParams) -> Result<G> + Send + Sync,
) -> Result<(f32, Vec<G>)> {
    let (losses, gradients) = each_of_jobs(module, device, jobs, threads, loss, gather)?;
    Ok((losses.iter().sum(), gradients))
}

/// The same with the loss of each job.
///
/// # Errors
/// As [`of_jobs`].
pub fn each_of_jobs<M: Module + Sync, J: Send, G: Send>(
    module: &M,
    device: &Device,
    jobs: Vec<J>,
    threads: usize,
    loss: impl Fn(&M, J) -> Result<Tensor<1>> + Send + Sync,
    gather: impl Fn(&M, GradientsParams) -> Result<G> + Send + Sync,
) -> Result<(Vec<f32>, Vec<G>)> {
    let parts = parallel::map(jobs, threads, |job| {
        let module = module.clone().fork(device);
        let loss = loss(&module, job)?;
        let gradients = gather(&module, GradientsParams::from_grads(loss.clone().backward(), &module))?;
        // Only now: reading the value waits for the device.
        Ok((host(loss)?.iter().sum::<f32>(), gradients))
    })?;
    Ok(parts.into_iter().unzip())
}

/// The sum of vectors of one length, a multiple of [`ALIGNMENT`], and its Euclidean norm.
///
/// # Errors
/// None or of several lengths; that they cannot be read from the device.
pub fn sum_and_norm(vectors: Vec<Tensor<1>>, threads: usize) -> Result<(Tensor<1>, f32)> {
    let mut others = vectors.into_iter();
    let Some(first) = others.next() else {
        return Err(Error::Setting { reason: "a step without pictures has no gradients".into() });
    };
    let device = first.device();
    if !parallel::on_cpu(&device) {
        let sum = others.fold(first, |sum, vector| sum + vector);
        let norm = norm_on_gpu(sum.clone())?;
        return Ok((sum, norm));
    }
    let mut sum = host(first)?;
    let others = others.map(host).collect::<Result<Vec<_>>>()?;
    let others: Vec<&[f32]> = others.iter().map(|other| &other[..]).collect();
    if let Some(other) = others.iter().find(|other| other.len() != sum.len()) {
        return Err(Error::Device(format!("gradients of {} and of {} values", sum.len(), other.len())));
    }
    let jobs = sum.chunks_mut(PART).enumerate().collect();
    let squares = parallel::map(jobs, threads, |(i, part): (usize, &mut [f32])| Ok(add_part(part, i, &others)))?;
    Ok((tensor(sum, &device), squares.iter().sum::<f32>().sqrt()))
}

fn norm_on_gpu(vector: Tensor<1>) -> Result<f32> {
    let [len] = vector.dims();
    // In two steps: burn's sum of a million values at once is wrong on OpenGL in software.
    let sums = vector.square().reshape([len / ALIGNMENT, ALIGNMENT]).sum_dim(1);
    Ok(host(sums.sum())?.iter().sum::<f32>().sqrt())
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};

    use super::*;

    #[test]
    fn gradients_are_bit_for_bit_the_same_on_any_number_of_threads() {
        let device = Device::flex().autodiff();
        let linear = LinearConfig::new(3, 2).init(&device);
        let sums = |threads| {
            let loss = |linear: &Linear, job: usize| {
                let rows: Vec<f32> = (0..6).map(|i| ((job * 6 + i) as f32).sin()).collect();
                let input = Tensor::<1>::from_floats(&rows[..], &device).reshape([2, 3]);
                Ok(linear.forward(input).powi_scalar(2).sum() / 8.0)
            };
            let gather = |linear: &Linear, gradients: GradientsParams| {
                host(gradients.get::<2>(linear.weight.id).unwrap().flatten(0, 1))
            };
            of_jobs(&linear, &device, (0..4).collect(), threads, loss, gather).unwrap()
        };
        let (loss, parts) = sums(1);
        assert!(loss > 0.0 && parts.len() == 4 && parts.iter().flatten().any(|&g| g != 0.0));
        assert_eq!((loss, parts.clone()), sums(2));
        assert_eq!((loss, parts), sums(5));
    }

    #[test]
    fn an_error_of_one_job_is_the_steps() {
        let device = Device::flex().autodiff();
        let linear = LinearConfig::new(3, 2).init(&device);
        for threads in [1, 3] {
            let loss = |linear: &Linear, job: usize| match job {
                2 => Err(Error::Setting { reason: "no such class".into() }),
                _ => Ok(linear.forward(Tensor::<2>::ones([2, 3], &device)).sum()),
            };
            let failed = of_jobs(&linear, &device, (0..4).collect(), threads, loss, |_, _| Ok(()));
            assert_eq!(failed.unwrap_err().to_string(), "no such class");
        }
    }

    #[test]
    fn sums_and_norms_are_burns_and_the_same_on_any_number_of_threads() {
        const COUNT: usize = 2 * PART + 3 * ALIGNMENT;
        let wave = |step: f32| {
            let values: Vec<f32> = (0..COUNT).map(|i| (i as f32 * step).sin()).collect();
            Tensor::<1>::from_floats(&values[..], &Device::flex())
        };
        let vectors = || vec![wave(0.3), wave(0.7), wave(1.1)];
        let burns = (wave(0.3) + wave(0.7)) + wave(1.1);
        let (sum, norm_1) = sum_and_norm(vectors(), 1).unwrap();
        assert_eq!(host(sum).unwrap(), host(burns.clone()).unwrap());
        let expected = norm_on_gpu(burns).unwrap();
        assert!((norm_1 - expected).abs() < 1e-5 * expected, "{norm_1} {expected}");
        for threads in [0, 2, 7] {
            let (_, norm) = sum_and_norm(vectors(), threads).unwrap();
            assert_eq!(norm, norm_1);
        }
    }

    #[test]
    fn vectors_that_do_not_belong_together_are_refused() {
        let ones = |len: usize| Tensor::ones([len], &Device::flex());
        let message = sum_and_norm(vec![ones(2 * ALIGNMENT), ones(ALIGNMENT)], 2).unwrap_err().to_string();
        assert!(message.contains("128") && message.contains("64"), "{message}");
        assert!(sum_and_norm(vec![], 2).is_err());
    }

    #[test]
    fn a_value_that_is_no_number_is_seen() {
        let device = Device::flex();
        let mut values = vec![1.0; ALIGNMENT];
        values[5] = f32::NAN;
        let vectors = vec![Tensor::ones([ALIGNMENT], &device), Tensor::from_floats(&values[..], &device)];
        assert!(sum_and_norm(vectors, 2).unwrap().1.is_nan());
    }
}
