//! Connected parts of the ink. Tests: below.

/// A connected part (eight neighbours).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    /// First column and row, and those after the last.
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
    /// Pixels.
    pub area: usize,
    /// Whether it touches the picture's edge.
    pub at_edge: bool,
}

impl Part {
    pub fn width(&self) -> usize {
        self.right - self.left
    }

    pub fn height(&self) -> usize {
        self.bottom - self.top
    }

    /// The longer side.
    pub fn extent(&self) -> usize {
        self.width().max(self.height())
    }

    /// What holds both.
    pub fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
            area: self.area + other.area,
            at_edge: self.at_edge || other.at_edge,
        }
    }
}

/// The parts, and which one each pixel belongs to (from 1 on; 0 is ground).
pub(crate) fn parts(ink: &[bool], width: usize) -> (Vec<Part>, Vec<u32>) {
    let height = ink.len() / width;
    let mut labels = vec![0u32; ink.len()];
    let mut parents = vec![0u32];
    for y in 0..height {
        for x in 0..width {
            let at = y * width + x;
            if !ink[at] {
                continue;
            }
            let mut label = 0;
            let before = [
                (x > 0).then(|| at - 1),
                (x > 0 && y > 0).then(|| at - width - 1),
                (y > 0).then(|| at - width),
                (x + 1 < width && y > 0).then(|| at - width + 1),
            ];
            for neighbour in before.into_iter().flatten() {
                if labels[neighbour] != 0 {
                    let root = find(&mut parents, labels[neighbour]);
                    label = if label == 0 { root } else { join(&mut parents, label, root) };
                }
            }
            if label == 0 {
                label = parents.len() as u32;
                parents.push(label);
            }
            labels[at] = label;
        }
    }
    number(&mut labels, &mut parents, width)
}

fn find(parents: &mut [u32], mut label: u32) -> u32 {
    while parents[label as usize] != label {
        let above = parents[parents[label as usize] as usize];
        parents[label as usize] = above;
        label = above;
    }
    label
}

fn join(parents: &mut [u32], a: u32, b: u32) -> u32 {
    let (low, high) = (a.min(b), a.max(b));
    parents[high as usize] = low;
    low
}

fn number(labels: &mut Vec<u32>, parents: &mut [u32], width: usize) -> (Vec<Part>, Vec<u32>) {
    let height = labels.len() / width;
    let mut numbers = vec![0u32; parents.len()];
    let mut parts: Vec<Part> = Vec::new();
    for (at, label) in labels.iter_mut().enumerate().filter(|(_, label)| **label != 0) {
        let (x, y) = (at % width, at / width);
        let at_edge = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        let pixel = Part { left: x, top: y, right: x + 1, bottom: y + 1, area: 1, at_edge };
        let number = &mut numbers[find(parents, *label) as usize];
        if *number == 0 {
            parts.push(pixel);
            *number = parts.len() as u32;
        } else {
            let part = &mut parts[*number as usize - 1];
            *part = part.with(pixel);
        }
        *label = *number;
    }
    (parts, std::mem::take(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_connected_over_corners() {
        let drawn = ["#.#....", "#.#..#.", "###.#..", ".......", ".##...#"];
        let ink: Vec<bool> = drawn.iter().flat_map(|row| row.bytes().map(|byte| byte == b'#')).collect();
        let (parts, labels) = parts(&ink, 7);
        let shapes: Vec<_> =
            parts.iter().map(|part| (part.left, part.top, part.right, part.bottom, part.area)).collect();
        assert_eq!(shapes, [(0, 0, 3, 3, 7), (4, 1, 6, 3, 2), (1, 4, 3, 5, 2), (6, 4, 7, 5, 1)]);
        assert_eq!(parts.iter().map(|part| part.at_edge).collect::<Vec<_>>(), [true, false, true, true]);
        assert_eq!((labels[2], labels[12], labels[3]), (1, 2, 0));
    }
}
