//! Which pictures are held out: not trained on, but measured on.
//!
//! Tests: here; with whole data sets, `trainer/src/data/dataset/tests.rs`.

use crate::noise::NoiseSource;
use crate::order::in_order;

/// Most pictures that are held out where nobody says how many.
const HELD_OUT: usize = 512;
/// Pictures below which one in ten is held out, not one in twenty: what is measured on two of them says little.
const FEW: usize = 1000;

/// Most pictures that can be held out: every class keeps one.
pub fn most_held_out(labels: &[u16]) -> usize {
    labels.len() - totals(labels).iter().filter(|total| **total > 0).count()
}

/// How many pictures each class has.
fn totals(labels: &[u16]) -> Vec<usize> {
    let mut totals = vec![0; labels.iter().max().map_or(0, |label| usize::from(*label) + 1)];
    labels.iter().for_each(|label| totals[usize::from(*label)] += 1);
    totals
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
    let mut totals = totals(labels);
    if evenly {
        let mut seen = vec![0usize; totals.len()];
        // The share of its class that each picture completes: in this order, all classes come on together. Classes that are
        // as far as each other come in the order of the shuffle.
        let share = |index: &usize| {
            let class = usize::from(labels[*index]);
            seen[class] += 1;
            (seen[class] as f64 - 0.5) / totals[class] as f64
        };
        let shares: Vec<f64> = order.iter().map(share).collect();
        let ranks = in_order(shares.len(), &|a, b| shares[a] < shares[b]);
        order = ranks.into_iter().map(|rank| order[rank]).collect();
    }
    let (mut is_held_out, mut found) = (vec![false; labels.len()], 0);
    for index in order {
        let left = &mut totals[usize::from(labels[index])];
        if found < count && *left > 1 {
            *left -= 1;
            found += 1;
            is_held_out[index] = true;
        }
    }
    let those = |held_out: bool| (0..labels.len()).filter(|index| is_held_out[*index] == held_out).collect();
    (those(false), those(true))
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
