//! Which parts of the ink are one character: an i and its dot, the bar of a 5, the strokes of 三. Tests: below.
//!
//! All distances are measured in the height of a character, which is the middle of the larger parts' longer sides: within one,
//! gaps are a fraction of it, between two seldom.

use super::parts::Part;

/// Parts that are at least this share of the largest say how large characters are.
const LARGE: f32 = 0.4;
/// Parts smaller than this belong to a larger one nearby.
const SMALL: f32 = 0.45;
/// How far a small part is from its character at most.
const NEAR: f32 = 0.35;
/// Gaps within one character: beside each other, and one above the other.
const BESIDE: f32 = 0.1;
const ABOVE: f32 = 0.45;
/// How much of the narrower part stands above the other where they are one character.
const SHARED: f32 = 0.5;

/// Parts that are one character: what they are together, and their indices.
type Group = (Part, Vec<usize>);

/// Sorts in place, equal ones as they come. Not by the standard library: its sort is 5 KB of a browser's module for each type
/// and order, and there are few parts.
fn sort(groups: &mut [Group], less: &dyn Fn(&Group, &Group) -> bool) {
    for end in 1..groups.len() {
        let at = groups[..end].iter().rposition(|known| !less(&groups[end], known)).map_or(0, |last| last + 1);
        groups[at..=end].rotate_right(1);
    }
}

/// Indices of parts, a group for each character, in reading order.
pub(crate) fn characters(parts: &[Part]) -> Vec<Vec<usize>> {
    let unit = height(parts);
    let mut groups: Vec<Group> = parts.iter().enumerate().map(|(i, part)| (*part, vec![i])).collect();
    sort(&mut groups, &|a, b| a.0.extent() > b.0.extent());
    while let Some((a, b)) = pair(&groups, unit) {
        let (part, members) = groups.remove(b);
        let (whole, all) = &mut groups[a];
        *whole = whole.with(part);
        all.extend(members);
    }
    in_reading_order(groups, unit)
}

/// How high a character is.
pub(crate) fn height(parts: &[Part]) -> f32 {
    let largest = parts.iter().map(Part::extent).max().unwrap_or(0) as f32;
    let large = parts.iter().filter(|part| part.extent() as f32 >= LARGE * largest);
    let mut large: Vec<Group> = large.map(|part| (*part, Vec::new())).collect();
    sort(&mut large, &|a, b| a.0.extent() < b.0.extent());
    large.get(large.len() / 2).map_or(1, |(part, _)| part.extent()).max(1) as f32
}

/// The closest two that are one, the larger first.
fn pair(groups: &[Group], unit: f32) -> Option<(usize, usize)> {
    let pairs = (0..groups.len()).flat_map(|a| (a + 1..groups.len()).map(move |b| (a, b)));
    let fits = pairs.filter_map(|(a, b)| closeness(&groups[a].0, &groups[b].0, unit).map(|gap| (a, b, gap)));
    fits.min_by(|x, y| x.2.total_cmp(&y.2)).map(|(a, b, _)| (a, b))
}

/// Whether a part may belong to a character.
pub(crate) fn near(large: &Part, other: &Part, unit: f32) -> bool {
    closeness(large, other, unit).is_some()
}

/// How far apart two parts of one character are; `None` of two characters.
fn closeness(large: &Part, other: &Part, unit: f32) -> Option<f32> {
    let across = gap((large.left, large.right), (other.left, other.right)) / unit;
    let down = gap((large.top, large.bottom), (other.top, other.bottom)) / unit;
    let (aside, below) = (across.max(0.0), down.max(0.0));
    let together = (aside * aside + below * below).sqrt();
    let whole = large.with(*other);
    let narrower = large.width().min(other.width()) as f32 / unit;
    let lower = large.height().min(other.height()) as f32 / unit;
    let small = (other.extent() as f32) < SMALL * unit;
    let within = across < 0.0 && down < 0.0 && (-across).min(-down) > 0.25 * narrower.min(lower);
    // What is put together is about as high and wide as a character.
    let fits = whole.height() as f32 <= 1.5 * unit && whole.width() as f32 <= 1.5 * unit;
    let over = fits && down < ABOVE && -across >= SHARED * narrower;
    let beside = fits && whole.width() as f32 <= 1.2 * unit && across < BESIDE && -down >= SHARED * lower;
    (within || small && together < NEAR || over || beside).then_some(together)
}

/// The gap between two intervals; negative where they overlap.
fn gap(a: (usize, usize), b: (usize, usize)) -> f32 {
    a.0.max(b.0) as f32 - a.1.min(b.1) as f32
}

fn in_reading_order(mut groups: Vec<Group>, unit: f32) -> Vec<Vec<usize>> {
    let middle = |part: &Part| (part.top + part.bottom) as f32 / 2.0;
    sort(&mut groups, &|a, b| middle(&a.0) < middle(&b.0));
    let mut rows: Vec<Vec<Group>> = Vec::new();
    for group in groups {
        // The right neighbour's height says where a tilted row is.
        let near = |row: &Vec<Group>| {
            let closest = row.iter().min_by_key(|(part, _)| part.left.abs_diff(group.0.left));
            closest.is_some_and(|(part, _)| (middle(part) - middle(&group.0)).abs() < 0.6 * unit)
        };
        match rows.iter_mut().rev().find(|row| near(row)) {
            Some(row) => row.push(group),
            None => rows.push(vec![group]),
        }
    }
    let sorted = |mut row: Vec<Group>| {
        sort(&mut row, &|a, b| a.0.left + a.0.right < b.0.left + b.0.right);
        row.into_iter().map(|(_, members)| members)
    };
    rows.into_iter().flat_map(sorted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(left: usize, top: usize, width: usize, height: usize) -> Part {
        let area = width * height / 3;
        Part { left, top, right: left + width, bottom: top + height, area, at_edge: false }
    }

    #[test]
    fn characters_of_many_parts_are_one() {
        let i = [part(100, 40, 10, 60), part(101, 15, 9, 10)];
        assert_eq!(characters(&i), [[0, 1]]);
        let three = [part(10, 10, 60, 8), part(15, 35, 50, 8), part(5, 62, 70, 9)];
        assert_eq!(characters(&three).len(), 1);
        let five_and_bar = [part(10, 20, 40, 70), part(58, 14, 25, 8)];
        assert_eq!(characters(&five_and_bar), [[0, 1]]);
    }

    #[test]
    fn several_are_read_row_by_row() {
        let sheet = [
            part(200, 25, 40, 60),
            part(20, 20, 40, 60),
            part(110, 14, 12, 60),
            part(30, 150, 40, 60),
            part(140, 155, 40, 60),
        ];
        assert_eq!(characters(&sheet), [[1], [2], [0], [3], [4]]);
        assert!(characters(&[]).is_empty());
    }
}
