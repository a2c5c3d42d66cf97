//! Sums and products of vectors, for what is too small or too seldom to be packed. The loops are ones that the compiler makes SIMD of; none
//! is inlined into code that is compiled to be small.

/// The sum of the products of what stands at the same place.
#[inline(never)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum::<f32>();
    for (a, b) in a.zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f32>() + rest
}

/// `to += factor · from`.
#[inline(never)]
pub fn add_scaled(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

/// `to = to · factor`.
#[inline(never)]
pub fn scale(to: &mut [f32], factor: f32) {
    to.iter_mut().for_each(|to| *to *= factor);
}

/// `to = (to - from) · factor + from`.
#[inline(never)]
pub fn scale_from(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = (*to - from) * factor + from;
    }
}

/// The same with a factor for each place.
#[inline(never)]
pub fn scale_each_from(to: &mut [f32], factors: &[f32], from: &[f32]) {
    for ((to, factor), from) in to.iter_mut().zip(factors).zip(from) {
        *to = (*to - from) * factor + from;
    }
}

/// `to = to · factor`, with a factor for each place.
#[inline(never)]
pub fn scale_each(to: &mut [f32], factors: &[f32]) {
    for (to, factor) in to.iter_mut().zip(factors) {
        *to *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_say_what_they_are_called() {
        let a: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert_eq!(dot(&a, &a), (0..37).map(|i| i * i).sum::<i32>() as f32);
        let mut sum = vec![1.0; 3];
        add_scaled(&mut sum, 2.0, &[1.0, 2.0, 3.0]);
        assert_eq!(sum, [3.0, 5.0, 7.0]);
        scale_from(&mut sum, 0.5, &[1.0, 1.0, 1.0]);
        assert_eq!(sum, [2.0, 3.0, 4.0]);
        scale(&mut sum, 2.0);
        scale_each(&mut sum, &[1.0, 0.0, 0.5]);
        assert_eq!(sum, [4.0, 0.0, 4.0]);
        scale_each_from(&mut sum, &[0.0, 2.0, 1.0], &[1.0, 1.0, 1.0]);
        assert_eq!(sum, [1.0, -1.0, 4.0]);
    }
}
