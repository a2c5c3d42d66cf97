//! Memory that layers pass on to each other.

/// Buffers that are free.
#[derive(Debug, Default)]
pub struct Buffers(Vec<Vec<f32>>);

impl Buffers {
    /// `len` floats that hold anything.
    pub fn take(&mut self, len: usize) -> Vec<f32> {
        // The smallest that is large enough, or else the largest.
        let fits = |buffer: &Vec<f32>| (buffer.capacity() < len, buffer.capacity().abs_diff(len));
        let best = (0..self.0.len()).min_by_key(|&i| fits(&self.0[i]));
        let mut buffer = best.map(|i| self.0.swap_remove(i)).unwrap_or_default();
        buffer.resize(len, 0.0);
        buffer
    }

    /// Gives one back.
    pub fn give(&mut self, buffer: Vec<f32>) {
        self.0.push(buffer);
    }

    /// How many have been given back and not taken since.
    pub fn given(&self) -> usize {
        self.0.len()
    }

    /// Another length.
    pub fn again(&mut self, buffer: Vec<f32>, len: usize) -> Vec<f32> {
        self.give(buffer);
        self.take(len)
    }
}
