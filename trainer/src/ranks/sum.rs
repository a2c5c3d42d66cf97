//! The sum over the jobs of all ranks, as one process adds them: `((g0 + g1) + g2) + …`. Floats added in another order give
//! other bytes, so the running sum is handed from rank to rank, in parts, so that all ranks add at the same time. Tests: here.
//!
//! 1. From the last rank to the first: whether every rank has done its jobs, or stops, or failed.
//! 2. From the first to the last: what that means for all, and the running sum of losses and gradients.
//! 3. From the last to the first: the sum.
//!
//! Nothing of 2 and 3 waits for a rank's jobs, so no rank is left waiting with half a sum.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::link::Link;
use crate::error::{Error, Result};

/// Values in a message: few enough that all ranks have some to add, many enough that latency does not count.
const PART: usize = 1 << 15;
/// How long the first rank waits for the others once it was asked to stop. They were asked, too, so they answer within a
/// job; a rank that was lost never does, and MPI kills the rest after a second.
const PATIENCE: Duration = Duration::from_millis(250);
/// The same of another rank. Its end is that of all, so the first must have had time to save.
const LONG_PATIENCE: Duration = Duration::from_secs(20);

/// Part `rank` of so many jobs, cut into `size` parts as equal as can be.
pub fn block(jobs: usize, rank: usize, size: usize) -> Range<usize> {
    rank * jobs / size..(rank + 1) * jobs / size
}

/// What a rank's jobs gave, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Jobs {
    /// The loss of each.
    pub losses: Vec<f32>,
    /// The gradients of each, all of one length.
    pub gradients: Vec<Vec<f32>>,
    /// A digest of the weights that they were computed with, or 0. Ranks must not drift apart.
    pub weights: u64,
}

/// The sum over all ranks.
#[derive(Debug, Clone, PartialEq)]
pub enum Sum {
    /// Losses and gradients of all jobs.
    Done {
        /// Their losses' sum.
        loss: f32,
        /// Their gradients' sum.
        gradients: Vec<f32>,
    },
    /// Some rank was asked to stop: all leave the step undone.
    Stopped,
    /// This rank was asked to stop, and the others do not answer.
    Lost,
}

/// Adds what all ranks have; every rank gets the same. `mine` is nothing where this rank was asked to stop before its jobs
/// were done.
///
/// # Errors
/// The error of the last rank that failed, with its number and host; ranks whose weights differ.
pub fn in_order(link: &dyn Link, mine: Result<Option<Jobs>>, stop: &AtomicBool) -> Result<Sum> {
    let (rank, last) = (link.rank(), link.size() - 1);
    let since = Cell::new(None::<Instant>);
    let patience = if rank == 0 { PATIENCE } else { LONG_PATIENCE };
    let give_up = || {
        if !stop.load(Ordering::Relaxed) {
            return false;
        }
        let asked = since.get().unwrap_or_else(Instant::now);
        since.set(Some(asked));
        asked.elapsed() > patience
    };
    let receive = |from| link.receive(from, &give_up);

    let mut state = match &mine {
        Err(error) => State::Failed(of_rank(link, &error.to_string())),
        Ok(None) => State::Stopped,
        Ok(Some(_)) if stop.load(Ordering::Relaxed) => State::Stopped,
        Ok(Some(jobs)) => State::Going(jobs.weights),
    };
    if rank < last {
        let Some(message) = receive(rank + 1)? else { return Ok(Sum::Lost) };
        state = state.and(State::read(&message)?, rank, link);
    }
    if rank > 0 {
        link.send(rank - 1, &state.bytes())?;
        let Some(message) = receive(rank - 1)? else { return Ok(Sum::Lost) };
        state = State::read(&message)?;
    }
    if rank < last {
        link.send(rank + 1, &state.bytes())?;
    }
    let jobs = match (state, mine) {
        (State::Failed(reason), _) => return Err(Error::Rank { reason }),
        (State::Stopped, _) => return Ok(Sum::Stopped),
        (State::Going(_), Ok(Some(jobs))) => jobs,
        (State::Going(_), _) => return Err(Error::Rank { reason: "a rank without its jobs was to go on".into() }),
    };

    let start =
        if rank > 0 { receive(rank - 1)? } else { Some(std::iter::empty::<f32>().sum::<f32>().to_le_bytes().to_vec()) };
    let Some(start) = start else { return Ok(Sum::Lost) };
    // As `Iterator::sum` does it, whose beginning came from the first.
    let mut loss = jobs.losses.iter().fold(float(&start)?, |sum, loss| sum + loss);
    if rank < last {
        link.send(rank + 1, &loss.to_le_bytes())?;
    }
    let mut all = jobs.gradients.into_iter();
    let Some(mut sum) = all.next() else {
        return Err(Error::Rank { reason: of_rank(link, "it had no jobs") });
    };
    let others: Vec<Vec<f32>> = all.collect();
    for from in (0..sum.len()).step_by(PART) {
        let to = (from + PART).min(sum.len());
        let part = &mut sum[from..to];
        if rank > 0 {
            let Some(message) = receive(rank - 1)? else { return Ok(Sum::Lost) };
            // The sum so far comes first: a + b is b + a, bit for bit.
            add(part, &message)?;
        }
        for other in &others {
            part.iter_mut().zip(&other[from..]).for_each(|(sum, value)| *sum += value);
        }
        if rank < last {
            link.send(rank + 1, &bytes(part))?;
        }
    }

    if rank < last {
        let Some(message) = receive(rank + 1)? else { return Ok(Sum::Lost) };
        loss = float(&message)?;
    }
    if rank > 0 {
        link.send(rank - 1, &loss.to_le_bytes())?;
    }
    for part in sum.chunks_mut(PART) {
        if rank < last {
            let Some(message) = receive(rank + 1)? else { return Ok(Sum::Lost) };
            set(part, &message)?;
            if rank > 0 {
                link.send(rank - 1, &message)?;
            }
        } else {
            link.send(rank - 1, &bytes(part))?;
        }
    }
    Ok(Sum::Done { loss, gradients: sum })
}

/// What a rank, or all from it on, have to say before anything is added.
enum State {
    /// Jobs are done, by weights of this digest.
    Going(u64),
    Stopped,
    Failed(String),
}

impl State {
    /// Together with the state of the next rank and those after it.
    fn and(self, next: Self, rank: usize, link: &dyn Link) -> Self {
        match (self, next) {
            (Self::Going(mine), Self::Going(next)) if mine != next => Self::Failed(format!(
                "the weights of rank {rank} on {} and of the next one have drifted apart: their processors compute \
                 differently; use machines of one kind",
                link.host()
            )),
            (_, Self::Failed(reason)) | (Self::Failed(reason), _) => Self::Failed(reason),
            (Self::Stopped, _) | (_, Self::Stopped) => Self::Stopped,
            (going, _) => going,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Going(weights) => [&[0], &weights.to_le_bytes()[..]].concat(),
            Self::Stopped => vec![1],
            Self::Failed(reason) => [&[2], reason.as_bytes()].concat(),
        }
    }

    fn read(message: &[u8]) -> Result<Self> {
        match message {
            [0, weights @ ..] => {
                weights.try_into().map(|bytes| Self::Going(u64::from_le_bytes(bytes))).map_err(|_| out_of_step())
            }
            [1] => Ok(Self::Stopped),
            [2, reason @ ..] => Ok(Self::Failed(String::from_utf8_lossy(reason).into_owned())),
            _ => Err(out_of_step()),
        }
    }
}

/// A sentence with the rank that it is about.
pub fn of_rank(link: &dyn Link, sentence: &str) -> String {
    format!("rank {} on {}: {sentence}", link.rank(), link.host())
}

/// Floats as bytes, the same on every machine.
pub fn bytes(values: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; 4 * values.len()];
    bytes.as_chunks_mut::<4>().0.iter_mut().zip(values).for_each(|(four, value)| *four = value.to_le_bytes());
    bytes
}

/// Floats from their bytes.
pub fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four))
}

fn float(message: &[u8]) -> Result<f32> {
    message.try_into().map(f32::from_le_bytes).map_err(|_| out_of_step())
}

fn add(part: &mut [f32], message: &[u8]) -> Result<()> {
    fits(part, message)?;
    part.iter_mut().zip(floats(message)).for_each(|(sum, value)| *sum += value);
    Ok(())
}

fn set(part: &mut [f32], message: &[u8]) -> Result<()> {
    fits(part, message)?;
    part.iter_mut().zip(floats(message)).for_each(|(sum, value)| *sum = value);
    Ok(())
}

fn fits(part: &[f32], message: &[u8]) -> Result<()> {
    if message.len() == 4 * part.len() { Ok(()) } else { Err(out_of_step()) }
}

fn out_of_step() -> Error {
    Error::Rank { reason: "a message of another rank is not what was to come".into() }
}

#[cfg(test)]
mod tests {
    use super::super::link::tests::Threads;
    use super::*;

    const JOBS: usize = 7;
    const LEN: usize = 2 * PART + 100;

    /// Sums of these depend on their order.
    fn gradients(job: usize) -> Vec<f32> {
        (0..LEN).map(|i| ((job * LEN + i) as f32).sin() * 10f32.powi((job % 4) as i32)).collect()
    }

    fn jobs(link: &Threads) -> Jobs {
        let block = block(JOBS, link.rank(), link.size());
        Jobs {
            losses: block.clone().map(|job| 0.1 * job as f32).collect(),
            gradients: block.map(gradients).collect(),
            weights: 5,
        }
    }

    fn sums(size: usize, mine: impl Fn(&Threads) -> Result<Option<Jobs>> + Sync) -> Vec<Result<Sum>> {
        Threads::run(size, |link| in_order(&link, mine(&link), &AtomicBool::new(false)))
    }

    #[test]
    fn the_sum_is_that_of_one_process_bit_for_bit() {
        let mut expected = gradients(0);
        for job in 1..JOBS {
            expected.iter_mut().zip(gradients(job)).for_each(|(sum, value)| *sum += value);
        }
        let loss = (0..JOBS).map(|job| 0.1 * job as f32).sum::<f32>();
        let expected = Sum::Done { loss, gradients: expected };
        for size in [2, 3, 4, 7] {
            for sum in sums(size, |link| Ok(Some(jobs(link)))) {
                assert!(sum.unwrap() == expected, "{size} ranks");
            }
        }
        // And the order does matter here.
        let backwards = (0..JOBS).rev().map(gradients).reduce(|mut sum, next| {
            sum.iter_mut().zip(next).for_each(|(sum, value)| *sum += value);
            sum
        });
        assert!(expected != Sum::Done { loss, gradients: backwards.unwrap() });
    }

    #[test]
    fn when_one_stops_all_stop() {
        for sum in sums(3, |link| Ok((link.rank() != 1).then(|| jobs(link)))) {
            assert_eq!(sum.unwrap(), Sum::Stopped);
        }
    }

    #[test]
    fn when_one_fails_all_say_which() {
        for sum in sums(3, |link| match link.rank() {
            1 => Err(Error::Setting { reason: "no such class".into() }),
            2 => Ok(None),
            _ => Ok(Some(jobs(link))),
        }) {
            assert_eq!(sum.unwrap_err().to_string(), "rank 1 on here: no such class");
        }
    }

    #[test]
    fn weights_that_drift_apart_are_seen() {
        for sum in sums(3, |link| Ok(Some(Jobs { weights: link.rank() as u64 / 2, ..jobs(link) }))) {
            let message = sum.unwrap_err().to_string();
            assert!(message.contains("rank 1 on here") && message.contains("machines of one kind"), "{message}");
        }
    }

    #[test]
    fn the_first_does_not_wait_for_a_lost_one_when_it_is_to_stop() {
        let sums = Threads::run(2, |link| match link.rank() {
            0 => Some(in_order(&link, Ok(Some(jobs(&link))), &AtomicBool::new(true)).unwrap()),
            // It is there, and says nothing.
            _ => {
                std::thread::sleep(4 * PATIENCE);
                None
            }
        });
        assert_eq!(sums, [Some(Sum::Lost), None]);
    }
}
