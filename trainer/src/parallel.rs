//! Work on all cores with results that depend on the jobs alone, which are combined in their order, not on how many
//! cores there are.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::{iter, panic, thread};

use burn::backend::DispatchDevice;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use crate::error::{Error, Result};

/// One thread per core that this process may use.
pub fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Whether a device is the processor that this program runs on.
pub fn on_cpu(device: &Device) -> bool {
    let plain = device.clone().without_autodiff();
    matches!(plain.as_dispatch(), DispatchDevice::Flex(_) | DispatchDevice::NdArray(_))
}

/// Does every job on one of at most `threads` threads, whichever is free; results in the order of the jobs.
pub fn map<J: Send, T: Send>(jobs: Vec<J>, threads: usize, work: impl Fn(J) -> T + Sync) -> Vec<T> {
    if threads <= 1 || jobs.len() <= 1 {
        return jobs.into_iter().map(work).collect();
    }
    let workers = threads.min(jobs.len());
    let jobs = Mutex::new(jobs.into_iter().enumerate());
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    let labour = || iter::from_fn(next).map(|(i, job)| (i, work(job))).collect::<Vec<_>>();
    let mut results: Vec<(usize, T)> = thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(labour)).collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined.flat_map(|result| result.unwrap_or_else(|panic| panic::resume_unwind(panic))).collect()
    });
    results.sort_unstable_by_key(|&(i, _)| i);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Does `aside` on a thread of its own while `work` is done on this one.
pub fn beside<A: Send, B>(aside: impl FnOnce() -> A + Send, work: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let aside = scope.spawn(aside);
        let done = work();
        (aside.join().unwrap_or_else(|panic| panic::resume_unwind(panic)), done)
    })
}

/// Loss and gradients of a batch that was cut into jobs: both are sums over the jobs, so `loss` should
/// give each job its share of the batch's mean. The gradients are still to be summed: what `gather` makes of each job's.
///
/// Every job works on a fork of the module, whose graph shares nothing with the others.
pub fn gradients<M: Module + Sync, J: Send, G: Send>(
    module: &M,
    device: &Device,
    jobs: Vec<J>,
    threads: usize,
    loss: impl Fn(&M, J) -> Tensor<1> + Sync,
    gather: impl Fn(&M, GradientsParams) -> G + Sync,
) -> Result<(f32, Vec<G>)> {
    let parts = map(jobs, threads, |job| {
        let module = module.clone().fork(device);
        let loss = loss(&module, job);
        let gradients = gather(&module, GradientsParams::from_grads(loss.clone().backward(), &module));
        // Only now: reading the value waits for the device.
        (loss.into_data().try_to_vec::<f32>(), gradients)
    });
    let mut total = 0.0;
    let mut gradients = Vec::with_capacity(parts.len());
    for (value, part) in parts {
        total += value.map_err(|error| Error::Device(format!("{error:?}")))?.iter().sum::<f32>();
        gradients.push(part);
    }
    Ok((total, gradients))
}

/// The sum of gradients of one module.
pub fn sum<M: Module>(module: &M, parts: Vec<GradientsParams>) -> GradientsParams {
    let mut sum = Sum { parts, total: GradientsParams::new() };
    module.visit(&mut sum);
    sum.total
}

struct Sum {
    parts: Vec<GradientsParams>,
    total: GradientsParams,
}

impl ModuleVisitor for Sum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let parts = self.parts.iter_mut().filter_map(|part| part.remove::<D>(param.id));
        if let Some(total) = parts.reduce(|total, part| total + part) {
            self.total.register(param.id, total);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;

    use super::*;

    #[test]
    fn results_keep_the_order_of_the_jobs() {
        let squares: Vec<usize> = (0..50).map(|i| i * i).collect();
        for threads in [0, 1, 3, 64] {
            assert_eq!(map((0..50).collect(), threads, |i: usize| i * i), squares);
        }
    }

    #[test]
    fn gradients_are_bit_for_bit_the_same_on_any_number_of_threads() {
        let device = Device::flex().autodiff();
        let linear = LinearConfig::new(3, 2).init(&device);
        let sums = |threads| {
            let loss = |linear: &burn::nn::Linear, job: usize| {
                let rows: Vec<f32> = (0..6).map(|i| ((job * 6 + i) as f32).sin()).collect();
                let input = Tensor::<1>::from_floats(&rows[..], &device).reshape([2, 3]);
                linear.forward(input).powi_scalar(2).sum() / 8.0
            };
            let (loss, parts) =
                gradients(&linear, &device, (0..4).collect(), threads, loss, |_, gradients| gradients).unwrap();
            let sum = sum(&linear, parts);
            let weight = sum.get::<2>(linear.weight.id).unwrap().into_data().try_to_vec::<f32>().unwrap();
            (loss, weight)
        };
        let (loss, weight) = sums(1);
        assert!(loss > 0.0 && weight.iter().any(|&g| g != 0.0));
        assert_eq!((loss, weight.clone()), sums(2));
        assert_eq!((loss, weight), sums(5));
    }
}
