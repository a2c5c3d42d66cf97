//! Several processes, on one machine or many, that train or draw together. Each does a block of the jobs; what comes out is
//! what one process writes, bit for bit, whatever their number. Built with the feature `mpi` they are the ranks of an MPI
//! job; without it there is one. Tests: here, with threads for processes; with MPI, in `trainer/tests/mpi`.
//!
//! Everything that ranks do together, all of them must call in the same order: [`Ranks::agree`], [`Ranks::sum`],
//! [`Ranks::share`], [`Ranks::from_first`]. The first rank alone writes files and talks.

mod link;
#[cfg(feature = "mpi")]
mod mpi;
mod sum;

use std::fs;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};
use crate::{messages, parallel};
use link::{Alone, Link};
pub use sum::{Jobs, Sum, bytes, floats};
use sum::{block, of_rank};

/// First byte of a message of one rank to all, or of all to one: a sentence about what failed follows.
const FAILED: u8 = 2;
/// First byte of any other.
const FINE: u8 = 0;

/// The processes of a run.
#[derive(Clone)]
pub struct Ranks {
    link: Arc<dyn Link>,
    /// Whether the others were given up.
    lost: Arc<AtomicBool>,
    /// Number among the processes of this machine, from 0.
    local: usize,
}

/// Those that [`Ranks::start`] has found.
static STARTED: OnceLock<Ranks> = OnceLock::new();

impl Ranks {
    /// One process alone.
    pub fn alone() -> Self {
        Self::of(Arc::new(Alone))
    }

    fn of(link: Arc<dyn Link>) -> Self {
        Self { link, lost: Arc::default(), local: 0 }
    }

    /// Joins the other processes of this job, where there are any; all but the first are silent from now on. Cores that
    /// several processes of a machine may use are divided among them.
    ///
    /// # Errors
    /// A job of several processes that cannot join each other.
    pub fn start() -> Result<Self> {
        if let Some(ranks) = STARTED.get() {
            return Ok(ranks.clone());
        }
        let mut ranks = Self::join()?;
        if !ranks.is_first() {
            messages::mute(true);
        }
        if ranks.size() > 1 {
            let everybody = ranks.share(Ok(format!("{}\n{}", ranks.link.host(), cores()).into_bytes()))?;
            let mine = &everybody[ranks.rank()];
            let host = |place: &[u8]| place.split(|&byte| byte == b'\n').next().unwrap_or_default().to_vec();
            ranks.local = everybody[..ranks.rank()].iter().filter(|other| host(other) == host(mine)).count();
            parallel::share_cores(everybody.iter().filter(|other| *other == mine).count());
        }
        Ok(STARTED.get_or_init(|| ranks).clone())
    }

    #[cfg(feature = "mpi")]
    fn join() -> Result<Self> {
        Ok(Self::of(Arc::new(mpi::Mpi::start()?)))
    }

    #[cfg(not(feature = "mpi"))]
    fn join() -> Result<Self> {
        let started = |name| std::env::var(name).ok()?.parse::<usize>().ok();
        if ["OMPI_COMM_WORLD_RANK", "PMI_RANK"].into_iter().find_map(started).is_some_and(|rank| rank > 0) {
            messages::mute(true);
        }
        match ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].into_iter().find_map(started) {
            Some(size) if size > 1 => Err(Error::Rank {
                reason: format!(
                    "MPI started {size} processes, but this trainer was built without MPI; build it with `--features mpi`"
                ),
            }),
            _ => Ok(Self::alone()),
        }
    }

    /// The processes that [`start`](Self::start) has joined; this one alone where it was not called.
    pub fn here() -> Self {
        STARTED.get().cloned().unwrap_or_else(Self::alone)
    }

    /// Number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.link.rank()
    }

    /// Number of processes.
    pub fn size(&self) -> usize {
        self.link.size()
    }

    /// Number of this process among those of its machine, from 0.
    pub fn local(&self) -> usize {
        self.local
    }

    /// Whether this process writes and talks.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// This rank's part of so many jobs.
    pub fn block(&self, jobs: usize) -> Range<usize> {
        block(jobs, self.rank(), self.size())
    }

    /// The sum over the jobs of all ranks, in the order of the jobs. See [`Sum`].
    ///
    /// # Errors
    /// What failed on any rank.
    pub fn sum(&self, mine: Result<Option<Jobs>>, stop: &AtomicBool) -> Result<Sum> {
        let sum = sum::in_order(&*self.link, mine, stop);
        if matches!(sum, Ok(Sum::Lost)) {
            self.lost.store(true, Ordering::Relaxed);
        }
        sum
    }

    /// Checks that all ranks have the same of everything named, as its value's text.
    ///
    /// # Errors
    /// What differs, and where; what failed on any rank before.
    pub fn agree(&self, named: &[(&str, String)]) -> Result<()> {
        let values = named.iter().map(|(_, value)| value.as_str());
        let text = serde_json::to_string(&values.collect::<Vec<_>>()).unwrap_or_default();
        let everybody = self.share(Ok(format!("{}\n{text}", self.link.host()).into_bytes()))?;
        let read = |message: &Vec<u8>| -> (String, Vec<String>) {
            let text = String::from_utf8_lossy(message).into_owned();
            let (host, values) = text.split_once('\n').unwrap_or_default();
            (host.to_owned(), serde_json::from_str(values).unwrap_or_default())
        };
        let places: Vec<_> = everybody.iter().map(read).collect();
        for (rank, (host, values)) in places.iter().enumerate().skip(1) {
            let (first_host, first) = &places[0];
            if let Some(i) = (0..named.len()).find(|&i| values.get(i) != first.get(i)) {
                let reason = format!(
                    "rank {rank} on {host} has {} than rank 0 on {first_host}; all must see the same files",
                    named[i].0
                );
                return Err(Error::Rank { reason });
            }
        }
        Ok(())
    }

    /// The value of the first rank.
    ///
    /// # Errors
    /// That another process is gone.
    pub fn from_first(&self, mine: u64) -> Result<u64> {
        if !self.is_first() {
            return match self.receive(0)?[..] {
                [FINE, ref value @ ..] => Ok(u64::from_le_bytes(value.try_into().map_err(|_| out_of_step())?)),
                _ => Err(out_of_step()),
            };
        }
        for rank in 1..self.size() {
            self.link.send(rank, &[&[FINE], &mine.to_le_bytes()[..]].concat())?;
        }
        Ok(mine)
    }

    /// What every rank has, in their order: at the first rank. An empty list at the others.
    ///
    /// # Errors
    /// What failed on this rank; at the first, on any.
    pub fn gather(&self, mine: Result<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
        if self.is_first() {
            let mut all = vec![mine?];
            for rank in 1..self.size() {
                all.push(self.fine(rank)?);
            }
            return Ok(all);
        }
        self.link.send(0, &[&[FINE], &mine?[..]].concat())?;
        Ok(Vec::new())
    }

    /// What every rank has, in their order, at every rank.
    ///
    /// # Errors
    /// What failed on any rank.
    pub fn share(&self, mine: Result<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
        let all = self.gather(mine)?;
        if self.is_first() {
            for rank in 1..self.size() {
                for part in &all {
                    self.link.send(rank, &[&[FINE], &part[..]].concat())?;
                }
            }
            return Ok(all);
        }
        (0..self.size()).map(|_| self.fine(0)).collect()
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        self.link.receive(from, &|| false)?.ok_or_else(out_of_step)
    }

    fn fine(&self, from: usize) -> Result<Vec<u8>> {
        match self.receive(from)? {
            message if message.first() == Some(&FINE) => Ok(message[1..].to_vec()),
            message if message.first() == Some(&FAILED) => {
                Err(Error::Rank { reason: String::from_utf8_lossy(&message[1..]).into_owned() })
            }
            _ => Err(out_of_step()),
        }
    }
}

/// The cores that this process may use, where the system tells.
fn cores() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("Cpus_allowed:")).unwrap_or_default().trim().to_owned()
}

fn out_of_step() -> Error {
    Error::Rank { reason: "a message of another rank is not what was to come".into() }
}

/// What is to be said of an error that ended this process: nothing yet where another one says it. The first rank says
/// its own. Another one hands it to the first; where that one does not end all in ten seconds, it has to be said here.
pub fn sentence_of(error: String) -> String {
    let Some(ranks) = STARTED.get().filter(|ranks| !ranks.is_first()) else { return error };
    let sentence = of_rank(&*ranks.link, &error);
    let message = [&[FAILED], sentence.as_bytes()].concat();
    if ranks.link.send(0, &message).is_ok() {
        std::thread::sleep(std::time::Duration::from_secs(10));
    }
    messages::mute(false);
    sentence
}

/// Leaves the job at the end of the program, which has `failed` or not. Where it has, or other ranks were lost, all
/// processes are ended.
pub fn leave(failed: bool) {
    #[cfg(feature = "mpi")]
    if let Some(ranks) = STARTED.get() {
        let lost = ranks.lost.load(Ordering::Relaxed);
        match (failed, lost) {
            _ if ranks.size() == 1 => mpi::finalize(),
            (true, _) => mpi::abort(1),
            (false, true) => mpi::abort(130),
            (false, false) => mpi::finalize(),
        }
    }
    #[cfg(not(feature = "mpi"))]
    let _ = failed;
}

/// What each of `size` ranks returns, which are threads of this process.
#[cfg(test)]
pub fn run<T: Send>(size: usize, work: impl Fn(Ranks) -> T + Send + Sync) -> Vec<T> {
    link::tests::Threads::run(size, |link| work(Ranks::of(Arc::new(link))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_all_jobs_in_order() {
        for (jobs, size) in [(7, 3), (4, 4), (2, 1), (64, 5)] {
            let blocks: Vec<_> = (0..size).map(|rank| block(jobs, rank, size)).collect();
            assert!(blocks.iter().all(|block| !block.is_empty()), "{blocks:?}");
            assert_eq!(blocks.into_iter().flatten().collect::<Vec<_>>(), (0..jobs).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ranks_with_other_pictures_are_named_on_all() {
        let say = |rank: usize| format!("{}", usize::from(rank == 2));
        for refused in
            run(3, |ranks| ranks.agree(&[("other settings", "a".into()), ("other pictures", say(ranks.rank()))]))
        {
            assert_eq!(
                refused.unwrap_err().to_string(),
                "rank 2 on here has other pictures than rank 0 on here; all must see the same files"
            );
        }
        assert!(run(3, |ranks| ranks.agree(&[("", "a\nb".into())])).iter().all(Result::is_ok));
    }

    #[test]
    fn everybody_has_everything_in_order() {
        for all in run(3, |ranks| ranks.share(Ok(vec![ranks.rank() as u8; ranks.rank()]))) {
            assert_eq!(all.unwrap(), [vec![], vec![1], vec![2, 2]]);
        }
        assert_eq!(run(3, |ranks| ranks.from_first(7 + ranks.rank() as u64).unwrap()), [7, 7, 7]);
        let all = run(2, |ranks| ranks.gather(Ok(vec![ranks.rank() as u8])).unwrap());
        assert_eq!(all, [vec![vec![0], vec![1]], vec![]]);
        assert_eq!(Ranks::alone().share(Ok(vec![3])).unwrap(), [[3]]);
    }
}
