//! Classes that take turns, however many pictures each has. Tests: in `tests.rs`.

use super::Dataset;

impl Dataset {
    /// The same data, of which training draws every class as often as every other. An epoch still has as many pictures as there are:
    /// those of small classes come several times, of a large class another part each time.
    pub fn balanced(mut self) -> Self {
        let mut turns = vec![Vec::new(); self.class_names.len()];
        (0..).zip(&self.labels).for_each(|(index, &label)| turns[usize::from(label)].push(index));
        turns.retain(|pictures: &Vec<u32>| !pictures.is_empty());
        self.turns = turns;
        self
    }

    /// The picture that training takes as number `index` of an epoch, which counts from 0.
    pub fn turn(&self, index: usize, epoch: usize) -> usize {
        if self.turns.is_empty() {
            return index;
        }
        let pictures = &self.turns[index % self.turns.len()];
        let drawn = self.len().div_ceil(self.turns.len());
        pictures[(index / self.turns.len() + epoch * drawn) % pictures.len()] as usize
    }
}
