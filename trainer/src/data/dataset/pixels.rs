//! What is done to the pixels of all pictures at once. Tests: in `tests.rs` and `eval/neighbours.rs`.

use super::Dataset;

impl Dataset {
    /// The same pictures with so many channels: grey ones in all three, coloured ones as the grey that decoders make of them
    /// (ITU-R BT.709's weights on stored values).
    pub fn in_channels(self, channels: usize) -> Self {
        let area = self.size * self.size;
        let pixels: Vec<u8> = match (self.channels, channels) {
            (1, 3) => self.pixels.chunks_exact(area).flat_map(|grey| grey.repeat(3)).collect(),
            (3, 1) => {
                let grey = |image: &[u8], at: usize| {
                    let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(image[channel * area + at]));
                    ((2126 * red + 7152 * green + 722 * blue) / 10_000) as u8
                };
                self.images().flat_map(|image| (0..area).map(move |at| grey(image, at))).collect()
            }
            _ => return self,
        };
        Self { pixels, channels, ..self }
    }

    /// The negative: light for dark and dark for light.
    pub fn inverted(mut self) -> Self {
        self.pixels.iter_mut().for_each(|pixel| *pixel = 255 - *pixel);
        self
    }

    /// Every picture with its rows and columns exchanged.
    pub fn transposed(mut self) -> Self {
        let size = self.size;
        for image in self.pixels.chunks_exact_mut(size * size) {
            for y in 0..size {
                for x in 0..y {
                    image.swap(y * size + x, x * size + y);
                }
            }
        }
        self
    }

    /// The same pictures smaller by a whole factor, as means of squares of `factor * factor` pixels. The factor must divide
    /// the side into a multiple of [`SIZE_MULTIPLE`](super::SIZE_MULTIPLE).
    pub fn shrunk(&self, factor: usize) -> Self {
        let side = self.size / factor;
        let mean = |image: &[u8], i: usize| {
            let (x, y) = (i % side * factor, i / side * factor);
            let row = |dy: usize| &image[(y + dy) * self.size + x..][..factor];
            let sum: u32 = (0..factor).flat_map(row).map(|&pixel| u32::from(pixel)).sum();
            let area = (factor * factor) as u32;
            ((sum + area / 2) / area) as u8
        };
        let pixels = self.planes().flat_map(|image| (0..side * side).map(move |i| mean(image, i))).collect();
        Self { pixels, size: side, ..self.clone_without_pixels() }
    }
}
