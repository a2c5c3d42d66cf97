//! How far each pixel is from the nearest one of a set. Tests: below.

/// Squared distances, in pixels, to the nearest pixel that is `true`; infinite where there is none. Exact, in time linear in the
/// pixels (P. F. Felzenszwalb and D. P. Huttenlocher, Distance Transforms of Sampled Functions, 2012).
pub(crate) fn distances(set: &[bool], width: usize) -> Vec<f32> {
    let height = set.len() / width.max(1);
    let mut squared: Vec<f32> = set.iter().map(|&in_set| if in_set { 0.0 } else { f32::INFINITY }).collect();
    let mut line = vec![0.0; width.max(height)];
    let mut hull = Hull::default();
    for x in 0..width {
        for y in 0..height {
            line[y] = squared[y * width + x];
        }
        hull.below(&mut line[..height]);
        for y in 0..height {
            squared[y * width + x] = line[y];
        }
    }
    squared.chunks_exact_mut(width.max(1)).for_each(|row| hull.below(row));
    squared
}

/// The lower envelope of parabolas, one over each pixel of a line.
#[derive(Default)]
struct Hull {
    /// Where each parabola stands, how high, and from where on it is the lowest.
    parabolas: Vec<(f32, f32, f32)>,
}

impl Hull {
    fn below(&mut self, line: &mut [f32]) {
        self.parabolas.clear();
        for (x, &height) in line.iter().enumerate() {
            if height.is_finite() {
                self.add(x as f32, height);
            }
        }
        let mut at = 0;
        for (x, value) in line.iter_mut().enumerate() {
            let x = x as f32;
            while self.parabolas.get(at + 1).is_some_and(|&(.., from)| from <= x) {
                at += 1;
            }
            *value = self.parabolas.get(at).map_or(f32::INFINITY, |&(vertex, height, _)| height + (x - vertex).powi(2));
        }
    }

    fn add(&mut self, x: f32, height: f32) {
        let mut from = f32::NEG_INFINITY;
        while let Some(&(vertex, low, start)) = self.parabolas.last() {
            from = ((height + x * x) - (low + vertex * vertex)) / (2.0 * (x - vertex));
            if from > start {
                break;
            }
            self.parabolas.pop();
            from = f32::NEG_INFINITY;
        }
        self.parabolas.push((x, height, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_distance_is_the_shortest() {
        let (width, height) = (13, 9);
        for step in [1, 5, 7, 31, 116] {
            let set: Vec<bool> = (0..width * height).map(|i| i % step == step / 2).collect();
            let shortest = |i: usize| {
                let to = |j: usize| (i % width).abs_diff(j % width).pow(2) + (i / width).abs_diff(j / width).pow(2);
                (0..set.len()).filter(|&j| set[j]).map(to).min().unwrap() as f32
            };
            let found = distances(&set, width);
            assert!((0..set.len()).all(|i| found[i] == shortest(i)), "{step}");
        }
        assert!(distances(&[false; 6], 3).iter().all(|distance| distance.is_infinite()));
        assert!(distances(&[], 0).is_empty());
    }
}
