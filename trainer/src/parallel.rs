//! Work on all cores, on rayon's threads. Results depend on the jobs alone and come in their order, whatever the number of
//! threads. Tests: here; that training gives the same bytes on any number of threads, in `tests/it/training.rs` and
//! `trainer/tests/runs`.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// More threads than this are not started, whatever was asked for: no step has as many jobs.
const MOST_THREADS: usize = 256;

/// Processes that share the cores of this one.
static SHARING: AtomicUsize = AtomicUsize::new(1);

/// One thread per core that this process may use, divided among the processes that share them; one where the system does not
/// tell.
pub fn default_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    (cores / SHARING.load(Ordering::Relaxed)).max(1)
}

/// Says how many processes, this one too, share the cores that this one may use.
pub fn share_cores(processes: usize) {
    SHARING.store(processes.max(1), Ordering::Relaxed);
}

/// Whether a device is the CPU, on which work is divided among threads.
pub fn on_cpu(device: &Device) -> bool {
    let plain = device.clone().without_autodiff();
    matches!(plain.as_dispatch(), DispatchDevice::Flex(_) | DispatchDevice::NdArray(_))
}

/// Whether a device is burn's flex.
pub fn is_flex(device: &Device) -> bool {
    matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}

/// Does every job on one of at most `threads` threads, whichever is free; results in the order of the jobs. A single job,
/// or a single thread, is this thread's.
///
/// # Errors
/// The error of the first job that failed, in the order of the jobs; or that the threads cannot be started.
pub fn map<J: Send, T: Send>(
    jobs: Vec<J>,
    threads: usize,
    work: impl Fn(J) -> Result<T> + Send + Sync,
) -> Result<Vec<T>> {
    if threads <= 1 || jobs.len() <= 1 {
        return jobs.into_iter().map(work).collect();
    }
    // All of them before the first error is looked for: rayon's own collecting into a Result would give any.
    let results: Vec<Result<T>> = pool(threads)?.install(|| jobs.into_par_iter().with_max_len(1).map(work).collect());
    results.into_iter().collect()
}

/// Does `background` on one of the `threads` threads while `foreground` is done on this one, which may [`map`] meanwhile.
///
/// # Errors
/// That the threads cannot be started.
pub fn overlap<A: Send, B>(
    threads: usize,
    background: impl FnOnce() -> A + Send,
    foreground: impl FnOnce() -> B,
) -> Result<(A, B)> {
    let mut done = None;
    let foreground = pool(threads)?.in_place_scope(|scope| {
        scope.spawn(|_| done = Some(background()));
        foreground()
    });
    // The scope ends when the background has; a panic of the background is this thread's, too.
    let background = done.ok_or_else(|| not_started(threads, "a job was lost"))?;
    Ok((background, foreground))
}

/// The pool of so many threads, started at its first use and kept: starting threads anew for every step would lose their
/// buffers.
fn pool(threads: usize) -> Result<Arc<ThreadPool>> {
    static POOLS: Mutex<BTreeMap<usize, Arc<ThreadPool>>> = Mutex::new(BTreeMap::new());
    let threads = threads.clamp(1, MOST_THREADS);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&threads) {
        return Ok(Arc::clone(pool));
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("trainer-{i}")).build();
    let pool = Arc::new(pool.map_err(|error| not_started(threads, error))?);
    pools.insert(threads, Arc::clone(&pool));
    Ok(pool)
}

fn not_started(threads: usize, reason: impl ToString) -> Error {
    Error::Threads { threads, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_jobs() {
        let squares: Vec<usize> = (0..50).map(|i| i * i).collect();
        for threads in [0, 1, 3, 64, usize::MAX] {
            assert_eq!(map((0..50).collect(), threads, |i: usize| Ok(i * i)).unwrap(), squares);
        }
    }

    #[test]
    fn the_first_error_is_told_whichever_job_fails_first() {
        for threads in [1, 3] {
            let failing = map((0..50).collect(), threads, |i: usize| match i {
                7 | 31 => Err(Error::Setting { reason: format!("job {i}") }),
                _ => Ok(i),
            });
            assert_eq!(failing.unwrap_err().to_string(), "job 7");
        }
    }

    #[test]
    fn work_in_the_background_does_not_wait_for_threads_that_wait_for_it() {
        for threads in [0, 1, 2] {
            let background = || map((0..8).collect(), threads, |i: usize| Ok(i + 1));
            let foreground = || map((0..8).collect(), threads, |i: usize| Ok(i + 2));
            let (background, foreground) = overlap(threads, background, foreground).unwrap();
            assert_eq!((background.unwrap()[7], foreground.unwrap()[7]), (8, 9));
        }
    }
}
