//! Memory that layers reuse instead of allocating.
//!
//! Tests: `a_run_needs_no_more_memory_the_longer_it_is` in `diffusion/src/unet/cpu/`.

/// A pool of free buffers.
#[derive(Debug, Default)]
pub struct Buffers(Vec<Vec<f32>>);

impl Buffers {
    /// A buffer of `len` floats, with any values.
    pub fn take(&mut self, len: usize) -> Vec<f32> {
        // The smallest one that is large enough, else the largest.
        let fits = |buffer: &Vec<f32>| (buffer.capacity() < len, buffer.capacity().abs_diff(len));
        let best = (0..self.0.len()).min_by_key(|&i| fits(&self.0[i]));
        let mut buffer = best.map(|i| self.0.swap_remove(i)).unwrap_or_default();
        buffer.resize(len, 0.0);
        buffer
    }

    /// Gives a buffer back.
    pub fn give(&mut self, buffer: Vec<f32>) {
        self.0.push(buffer);
    }

    /// Number of free buffers.
    pub fn free_count(&self) -> usize {
        self.0.len()
    }

    /// Floats that all free buffers have room for.
    pub fn free_floats(&self) -> usize {
        self.0.iter().map(Vec::capacity).sum()
    }

    /// Gives `buffer` back and takes one of `len` floats.
    pub fn exchange(&mut self, buffer: Vec<f32>, len: usize) -> Vec<f32> {
        self.give(buffer);
        self.take(len)
    }
}
