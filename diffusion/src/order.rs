//! One way to sort for all that is small, or is sorted once.
//!
//! Tests: below.

/// Indices of `count` things in ascending order, equal ones as they come. Not generic: the standard library's sort is 5 KB of
/// a browser's module for each type that is sorted.
pub(crate) fn in_order(count: usize, less: &dyn Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut run = 1;
    while run < count {
        let mut merged = Vec::with_capacity(count);
        for pair in order.chunks(2 * run) {
            let (mut left, mut right) = pair.split_at(run.min(pair.len()));
            while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
                if less(*b, *a) {
                    merged.push(*b);
                    right = right_rest;
                } else {
                    merged.push(*a);
                    left = left_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        order = merged;
        run *= 2;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn equal_ones_stay_as_they_come() {
        for count in [0, 1, 2, 3, 7, 64, 65, 200] {
            let values: Vec<usize> = (0..count).map(|i| i * i * 31 % 17).collect();
            let mut sorted: Vec<usize> = (0..count).collect();
            sorted.sort_by_key(|i| values[*i]);
            assert_eq!(in_order(count, &|a, b| values[a] < values[b]), sorted);
        }
    }
}
