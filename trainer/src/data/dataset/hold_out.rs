//! Holding out pictures that are not trained on. Tests: in `tests.rs`.

use std::collections::BTreeSet;

use diffusion::noise::NoiseSource;

use super::Dataset;
use crate::error::Result;

impl Dataset {
    /// Most pictures that can be held out: every class keeps one.
    pub fn most_held_out(&self) -> usize {
        let classes: BTreeSet<u16> = self.labels.iter().copied().collect();
        self.len() - classes.len()
    }

    /// Holds out `count` pictures that `seed` chooses, no class's last one. Returns the rest, and the held-out ones.
    ///
    /// # Errors
    /// A count of 0, or above [`most_held_out`](Self::most_held_out).
    pub fn split(self, count: usize, seed: u64) -> Result<(Self, Self)> {
        let order = self.shuffled(count, seed)?;
        Ok(self.divide(count, order))
    }

    /// The same, with every class giving its share: what is measured on few pictures must not be one class alone.
    ///
    /// # Errors
    /// As [`split`](Self::split).
    pub fn split_evenly(self, count: usize, seed: u64) -> Result<(Self, Self)> {
        let order = self.shuffled(count, seed)?;
        let mut totals = vec![0usize; self.class_names.len()];
        self.labels.iter().for_each(|&label| totals[usize::from(label)] += 1);
        let mut seen = vec![0usize; totals.len()];
        // The share of its class that each picture completes: in this order, all classes come on together. Classes that are
        // as far as each other come in the order of the shuffle.
        let mut ranked: Vec<(f64, usize)> = order
            .into_iter()
            .map(|index| {
                let class = usize::from(self.labels[index]);
                seen[class] += 1;
                ((seen[class] as f64 - 0.5) / totals[class] as f64, index)
            })
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(self.divide(count, ranked.into_iter().map(|(_, index)| index).collect()))
    }

    fn shuffled(&self, count: usize, seed: u64) -> Result<Vec<usize>> {
        let most = self.most_held_out();
        if !(1..=most).contains(&count) {
            return Err(self.refuse(format!(
                "{count} of its {} pictures cannot be held out, where every class keeps one to learn from: --hold-out is {most} at most, 0 holds out none",
                self.len()
            )));
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        NoiseSource::new(seed).shuffle(&mut order);
        Ok(order)
    }

    /// The first `count` pictures in this order are held out, but for each class's last one.
    fn divide(self, count: usize, order: Vec<usize>) -> (Self, Self) {
        let mut left = vec![0usize; self.class_names.len()];
        self.labels.iter().for_each(|&label| left[usize::from(label)] += 1);
        let (mut held_out, mut rest) = (Vec::with_capacity(count), Vec::new());
        for index in order {
            let left = &mut left[usize::from(self.labels[index])];
            if held_out.len() < count && *left > 1 {
                *left -= 1;
                held_out.push(index);
            } else {
                rest.push(index);
            }
        }
        held_out.sort_unstable();
        rest.sort_unstable();
        (self.pick(&rest), self.pick(&held_out))
    }
}
