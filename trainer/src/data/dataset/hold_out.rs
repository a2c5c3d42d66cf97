//! Holding out pictures that are not trained on. Tests: in `tests.rs`.

use diffusion::training::{hold_out, most_held_out};

use super::Dataset;
use crate::error::Result;

impl Dataset {
    /// Most pictures that can be held out: every class keeps one.
    pub fn most_held_out(&self) -> usize {
        most_held_out(&self.labels)
    }

    /// Holds out `count` pictures that `seed` chooses, no class's last one. Returns the rest, and the held-out ones.
    ///
    /// # Errors
    /// A count of 0, or above [`most_held_out`](Self::most_held_out).
    pub fn split(self, count: usize, seed: u64) -> Result<(Self, Self)> {
        self.divide(count, false, seed)
    }

    /// The same, with every class giving its share: what is measured on few pictures must not be one class alone.
    ///
    /// # Errors
    /// As [`split`](Self::split).
    pub fn split_evenly(self, count: usize, seed: u64) -> Result<(Self, Self)> {
        self.divide(count, true, seed)
    }

    fn divide(self, count: usize, evenly: bool, seed: u64) -> Result<(Self, Self)> {
        let most = self.most_held_out();
        if !(1..=most).contains(&count) {
            return Err(self.refuse(format!(
                "{count} of its {} pictures cannot be held out, where every class keeps one to learn from: --hold-out is {most} at most, 0 holds out none",
                self.len()
            )));
        }
        let (rest, held_out) = hold_out(&self.labels, count, evenly, seed);
        Ok((self.pick(&rest), self.pick(&held_out)))
    }
}
