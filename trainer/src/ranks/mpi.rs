//! Ranks joined by MPI, by way of crate `mpi`. Called from the main thread only. Tests: in `trainer/tests/mpi`.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mpi::Threading;
use mpi::environment::{Universe, processor_name};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, Source};

use super::link::Link;
use crate::error::{Error, Result};

/// MPI is finalised when it is taken from here and dropped.
static UNIVERSE: Mutex<Option<Universe>> = Mutex::new(None);
/// Looks for a message before the waiting thread begins to sleep between them: another thread may need its core.
const EAGER_LOOKS: u32 = 2000;
const NAP: Duration = Duration::from_micros(50);

/// The processes that one `mpirun` has started.
pub struct Mpi {
    rank: usize,
    size: usize,
    host: String,
}

impl Mpi {
    /// Initialises MPI; where nothing like `mpirun` has started it, this process is alone.
    pub fn start() -> Result<Self> {
        // The main thread alone calls it, the others compute.
        let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else {
            return Err(Error::Rank { reason: "MPI was initialised twice".into() });
        };
        let world = universe.world();
        let started = Self {
            rank: world.rank() as usize,
            size: world.size() as usize,
            host: processor_name().unwrap_or_else(|_| "a host without a name".into()),
        };
        *UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner) = Some(universe);
        Ok(started)
    }
}

impl Link for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn send(&self, to: usize, message: &[u8]) -> Result<()> {
        SimpleCommunicator::world().process_at_rank(to as i32).send(message);
        Ok(())
    }

    fn receive(&self, from: usize, give_up: &dyn Fn() -> bool) -> Result<Option<Vec<u8>>> {
        let world = SimpleCommunicator::world();
        let process = world.process_at_rank(from as i32);
        let mut looks = 0;
        // Not MPI's own waiting: it uses a core wholly, and hears no signal.
        let (message, status) = loop {
            match process.immediate_matched_probe() {
                Some(found) => break found,
                None if give_up() => return Ok(None),
                None if looks < EAGER_LOOKS => {
                    looks += 1;
                    thread::yield_now();
                }
                None => thread::sleep(NAP),
            }
        };
        let mut bytes = vec![0u8; status.count(<u8 as mpi::datatype::Equivalence>::equivalent_datatype()) as usize];
        message.matched_receive_into(&mut bytes[..]);
        Ok(Some(bytes))
    }

    fn host(&self) -> String {
        self.host.clone()
    }
}

/// Leaves the job when all others do.
pub fn finalize() {
    drop(UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Ends all processes of the job, this one too.
pub fn abort(code: i32) {
    SimpleCommunicator::world().abort(code)
}
