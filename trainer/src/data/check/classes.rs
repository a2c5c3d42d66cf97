//! How many pictures each class has. Tests: `check/tests.rs`.

use super::warning::{Purpose, Warning};
use crate::data::dataset::Dataset;
use crate::data::levels;
use crate::messages::shown;

/// Classes with fewer pictures are told: they are learnt by heart.
const FEW: usize = 4;
/// So are those with less than this part of what others have.
const PART: usize = 8;

/// Classes with few pictures or none.
pub fn look(data: &Dataset, purpose: Purpose<'_>) -> Vec<Warning> {
    let counts = counts(data);
    let mut some: Vec<usize> = counts.iter().copied().filter(|&count| count > 0).collect();
    some.sort_unstable();
    let usual = some.get(some.len() / 2).copied().unwrap_or(0);
    let names = data.class_names();
    let is_few = |count: usize| count > 0 && (count < FEW || count * PART < usual);
    let few: Vec<String> = (names.iter().zip(&counts))
        .filter(|(_, count)| is_few(**count))
        .map(|(name, count)| format!("{} ({count})", shown(name)))
        .collect();
    let none: Vec<String> =
        names.iter().zip(&counts).filter(|(_, count)| **count == 0).map(|(name, _)| shown(name)).collect();
    let mut found = Vec::new();
    if !few.is_empty() {
        let pictures = counts.iter().filter(|&&count| is_few(count)).sum();
        let text = format!(
            "{} few pictures, which are learnt by heart rather than as a class (--balanced gives all as many turns): {}",
            if few.len() == 1 { "1 class has".to_owned() } else { format!("{} classes have", few.len()) },
            levels::told(&few)
        );
        found.push(Warning { kind: "few", pictures, stops: false, text });
    }
    if !none.is_empty() && matches!(purpose, Purpose::Known(_)) {
        let text = format!(
            "{} of the base have no picture, and will change with the others, unseen: {}",
            if none.len() == 1 { "1 class".to_owned() } else { format!("{} classes", none.len()) },
            levels::told(&none)
        );
        found.push(Warning { kind: "missing", pictures: 0, stops: false, text });
    }
    found
}

/// Pictures of each class.
pub fn counts(data: &Dataset) -> Vec<usize> {
    let mut counts = vec![0; data.class_names().len()];
    data.labels().iter().for_each(|&label| counts[usize::from(label)] += 1);
    counts
}
