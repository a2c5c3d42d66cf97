//! The middle line of strokes: thinning (Zhang and Suen 1984), then short side branches are pruned. Tests: here.

use super::field::{FINE, Field};

/// Side branches of up to this many points come from bumps of the edge, not from the digit.
const PRUNE: usize = 2 * FINE;

/// The points of the finer grid on the middle line of the ink.
pub fn middle_line(image: &Field) -> Vec<bool> {
    let side = image.size * FINE;
    let mut points = image.ink();
    clear_border(&mut points, side);
    thin(&mut points, side);
    prune(&mut points, side);
    points
}

/// The eight neighbours, clockwise from the one above. The border is always clear.
fn around(point: usize, side: usize) -> [usize; 8] {
    let (up, down) = (point - side, point + side);
    [up, up + 1, point + 1, down + 1, down, down - 1, point - 1, up - 1]
}

fn neighbours(points: &[bool], point: usize, side: usize) -> [bool; 8] {
    around(point, side).map(|neighbour| points[neighbour])
}

fn clear_border(points: &mut [bool], side: usize) {
    for i in 0..side {
        for border in [i, (side - 1) * side + i, i * side, i * side + side - 1] {
            points[border] = false;
        }
    }
}

fn thin(points: &mut [bool], side: usize) {
    loop {
        let mut changed = false;
        for first_pass in [true, false] {
            let removable = |&p: &usize| points[p] && is_removable(&neighbours(points, p, side), first_pass);
            let peeled: Vec<usize> = (0..points.len()).filter(removable).collect();
            changed |= !peeled.is_empty();
            for point in peeled {
                points[point] = false;
            }
        }
        if !changed {
            return;
        }
    }
}

/// Zhang and Suen's conditions; the two passes peel opposite sides.
fn is_removable(n: &[bool; 8], first_pass: bool) -> bool {
    let [up, _, right, _, down, _, left, _] = *n;
    let sides = if first_pass { !(right && down && (up || left)) } else { !(up && left && (right || down)) };
    let count = n.iter().filter(|&&n| n).count();
    sides && (2..=6).contains(&count) && crossings(n) == 1
}

/// How often the ring of neighbours changes from empty to marked: the branches at this point.
fn crossings(n: &[bool; 8]) -> usize {
    (0..8).filter(|&i| !n[i] && n[(i + 1) % 8]).count()
}

fn prune(points: &mut [bool], side: usize) {
    let is_end = |points: &[bool], p: usize| points[p] && crossings(&neighbours(points, p, side)) == 1;
    let ends: Vec<usize> = (0..points.len()).filter(|&p| is_end(points, p)).collect();
    for end in ends {
        let mut branch = vec![end];
        while branch.len() <= PRUNE {
            let tip = branch[branch.len() - 1];
            let onward = around(tip, side).into_iter().filter(|n| points[*n] && !branch.contains(n));
            let onward: Vec<usize> = onward.collect();
            match onward[..] {
                [next] => branch.push(next),
                // The end of a free line: it is a stroke of its own, short as it may be.
                [] => break,
                // A fork: the points so far are a side branch.
                _ => {
                    for point in branch {
                        points[point] = false;
                    }
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn_digit;

    #[test]
    fn a_thick_stroke_becomes_one_line_of_about_its_length() {
        let line = middle_line(&Field::from_grey(&drawn_digit(1), 28));
        let side = 28 * FINE;
        let rows: Vec<usize> =
            (0..side).map(|y| line[y * side..(y + 1) * side].iter().filter(|&&p| p).count()).collect();
        let inked = rows.iter().filter(|&&count| count > 0).count();
        assert!((14 * FINE..24 * FINE).contains(&inked), "{inked}");
        assert!(rows.iter().all(|&count| count <= 3), "{rows:?}");
    }

    #[test]
    fn a_ring_stays_closed() {
        let side = 28 * FINE;
        let line = middle_line(&Field::from_grey(&drawn_digit(0), 28));
        let ends = (0..line.len()).filter(|&p| line[p] && crossings(&neighbours(&line, p, side)) == 1).count();
        assert!(line.iter().any(|&p| p));
        assert_eq!(ends, 0);
    }
}
