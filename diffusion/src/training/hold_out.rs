//! Which pictures are held out: not trained on, but measured on.
//!
//! Tests: here; with whole data sets, `trainer/src/data/dataset/tests.rs`.

use std::collections::BTreeSet;

use crate::noise::NoiseSource;

/// Most pictures that are held out where nobody says how many.
const HELD_OUT: usize = 512;
/// Pictures below which one in ten is held out, not one in twenty: what is measured on two of them says little.
const FEW: usize = 1000;

/// Most pictures that can be held out: every class keeps one.
pub fn most_held_out(labels: &[u16]) -> usize {
    labels.len() - labels.iter().collect::<BTreeSet<_>>().len()
}

/// How many are held out where nobody says so. `few`: whether of few pictures it is a larger share.
pub fn usual_share(labels: &[u16], few: bool) -> usize {
    let parts = if few && labels.len() < FEW { 10 } else { 20 };
    (labels.len() / parts).min(HELD_OUT).min(most_held_out(labels))
}

/// Holds out `count` pictures that `seed` chooses, no class's last one; `evenly`: every class gives its share, so that what
/// is measured on few pictures is not one class alone. Indices of the rest, and of those that are held out, each in order.
pub fn hold_out(labels: &[u16], count: usize, evenly: bool, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    NoiseSource::new(seed).shuffle(&mut order);
    let classes = labels.iter().max().map_or(0, |label| usize::from(*label) + 1);
    let mut totals = vec![0usize; classes];
    labels.iter().for_each(|label| totals[usize::from(*label)] += 1);
    if evenly {
        let mut seen = vec![0usize; classes];
        // The share of its class that each picture completes: in this order, all classes come on together. Classes that are
        // as far as each other come in the order of the shuffle.
        let mut ranked: Vec<(f64, usize)> = order
            .into_iter()
            .map(|index| {
                let class = usize::from(labels[index]);
                seen[class] += 1;
                ((seen[class] as f64 - 0.5) / totals[class] as f64, index)
            })
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        order = ranked.into_iter().map(|(_, index)| index).collect();
    }
    let (mut held_out, mut rest) = (Vec::with_capacity(count.min(labels.len())), Vec::new());
    for index in order {
        let left = &mut totals[usize::from(labels[index])];
        if held_out.len() < count && *left > 1 {
            *left -= 1;
            held_out.push(index);
        } else {
            rest.push(index);
        }
    }
    held_out.sort_unstable();
    rest.sort_unstable();
    (rest, held_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_keeps_one() {
        let one_each: Vec<u16> = (0..10).collect();
        assert_eq!((most_held_out(&one_each), usual_share(&one_each, true)), (0, 0));
        assert_eq!(hold_out(&one_each, 5, true, 0), ((0..10).collect(), Vec::new()));
        let labels = [3, 3, 3, 7, 7, 9];
        assert_eq!(most_held_out(&labels), 3);
        let (rest, held_out) = hold_out(&labels, 3, true, 1);
        assert_eq!((rest.len(), held_out.len()), (3, 3));
        assert!([3, 7, 9].iter().all(|class| rest.iter().any(|&i| labels[i] == *class)));
    }

    #[test]
    fn of_few_pictures_the_share_is_larger() {
        let labels: Vec<u16> = (0..200).map(|i| i % 10).collect();
        assert_eq!((usual_share(&labels, true), usual_share(&labels, false)), (20, 10));
        let (_, held_out) = hold_out(&labels, 20, true, 0);
        let of = |class: u16| held_out.iter().filter(|&&i| labels[i] == class).count();
        assert!((0..10).all(|class| of(class) == 2));
    }
}
