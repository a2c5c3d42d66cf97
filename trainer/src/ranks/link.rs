//! How the processes of a run reach each other: whole messages, in order between every two.

use crate::error::Result;

/// One process's end of the connections to all others.
pub trait Link: Send + Sync {
    /// Number of this process, from 0.
    fn rank(&self) -> usize;

    /// Number of processes.
    fn size(&self) -> usize;

    /// Sends a message. It may wait until the other one receives.
    ///
    /// # Errors
    /// That the other process is gone, where that is known.
    fn send(&self, to: usize, message: &[u8]) -> Result<()>;

    /// The next message of another process. Nothing when `give_up` says so before it came.
    ///
    /// # Errors
    /// That the other process is gone, where that is known.
    fn receive(&self, from: usize, give_up: &dyn Fn() -> bool) -> Result<Option<Vec<u8>>>;

    /// The name of the machine.
    fn host(&self) -> String;
}

/// The link of a process that is alone.
pub struct Alone;

impl Link for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn send(&self, _: usize, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn receive(&self, _: usize, _: &dyn Fn() -> bool) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn host(&self) -> String {
        String::new()
    }
}

#[cfg(test)]
pub mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::error::Error;

    /// Processes that are threads of this one, joined by channels.
    pub struct Threads {
        rank: usize,
        to: Vec<Sender<Vec<u8>>>,
        from: Vec<Mutex<Receiver<Vec<u8>>>>,
    }

    impl Threads {
        pub fn new(size: usize) -> Vec<Self> {
            let mut to: Vec<Vec<_>> = (0..size).map(|_| Vec::new()).collect();
            let mut from: Vec<Vec<_>> = (0..size).map(|_| Vec::new()).collect();
            for ends in &mut to {
                for others in &mut from {
                    let (sender, receiver) = channel();
                    ends.push(sender);
                    others.push(Mutex::new(receiver));
                }
            }
            to.into_iter().zip(from).enumerate().map(|(rank, (to, from))| Self { rank, to, from }).collect()
        }

        /// What each of `size` processes returns.
        pub fn run<T: Send>(size: usize, work: impl Fn(Self) -> T + Send + Sync) -> Vec<T> {
            let work = &work;
            thread::scope(|scope| {
                let running: Vec<_> = Self::new(size).into_iter().map(|link| scope.spawn(move || work(link))).collect();
                running.into_iter().map(|thread| thread.join().unwrap()).collect()
            })
        }
    }

    impl Link for Threads {
        fn rank(&self) -> usize {
            self.rank
        }

        fn size(&self) -> usize {
            self.to.len()
        }

        fn send(&self, to: usize, message: &[u8]) -> Result<()> {
            self.to[to].send(message.to_vec()).map_err(|_| Error::Device(format!("rank {to} is gone")))
        }

        fn receive(&self, from: usize, give_up: &dyn Fn() -> bool) -> Result<Option<Vec<u8>>> {
            let receiver = self.from[from].lock().unwrap();
            loop {
                match receiver.recv_timeout(Duration::from_millis(1)) {
                    Ok(message) => return Ok(Some(message)),
                    Err(RecvTimeoutError::Timeout) if give_up() => return Ok(None),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Err(Error::Device(format!("rank {from} is gone"))),
                }
            }
        }

        fn host(&self) -> String {
            "here".into()
        }
    }
}
