//! Vectors of the processor, by pulp: AVX2 or AVX-512 natively, SIMD128 in the browser; and operations on them that layers share.
//!
//! Tests: those of the modules that use them.

use pulp::{Simd, WithSimd};

/// Runs an operation with the vectors that this processor has.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub fn vectorized<O: WithSimd>(operation: O) -> O::Output {
    pulp::Arch::new().dispatch(operation)
}

/// Runs an operation with the vectors that this module was compiled for. A browser without them does not load it; a choice at run time
/// would need the code for all of them in the module.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub fn vectorized<O: WithSimd>(operation: O) -> O::Output {
    #[cfg(feature = "relaxed-simd")]
    use pulp::wasm::RelaxedSimd as Vectors;
    #[cfg(not(feature = "relaxed-simd"))]
    use pulp::wasm::Simd128 as Vectors;
    match Vectors::try_new() {
        Some(vectors) => Simd::vectorize(vectors, operation),
        None => unreachable!("the browser has loaded a module whose instructions it lacks"),
    }
}

/// Floats of a vector on this processor.
pub fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    vectorized(Lanes)
}

/// A vector from the start of `values`, filled up with zeros.
#[inline(always)]
pub fn load<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match S::as_simd_f32s(values).0.first() {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(values),
    }
}

/// Writes a vector to the start of `values`, as much as fits.
#[inline(always)]
pub fn store<S: Simd>(simd: S, values: &mut [f32], vector: S::f32s) {
    match S::as_mut_simd_f32s(values).0.first_mut() {
        Some(slot) => *slot = vector,
        None => simd.partial_store_f32s(values, vector),
    }
}

/// N vectors, as by [`std::array::from_fn`]. That one, or any closure or function that is not inlined, would be compiled without the vector
/// instructions, each of which would become a call. Hence the loop, and `#[inline(always)]` on all that uses vectors.
#[inline(always)]
pub fn from_fn<S: Simd, const N: usize>(simd: S, mut vector: impl FnMut(usize) -> S::f32s) -> [S::f32s; N] {
    let mut vectors = [simd.splat_f32s(0.0); N];
    for (i, slot) in vectors.iter_mut().enumerate() {
        *slot = vector(i);
    }
    vectors
}

/// The larger of each pair of lanes. A maximum that respects NaN costs seven instructions in WebAssembly.
#[inline(always)]
pub fn max<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
    simd.select_f32s(simd.greater_than_f32s(a, b), a, b)
}

/// Reduces the lanes of each head by `join`; all lanes of the head get the result. Lane `i` belongs to head `i % heads`.
#[inline(always)]
pub fn reduce_heads<S: Simd>(
    simd: S,
    mut vector: S::f32s,
    heads: usize,
    join: fn(S, S::f32s, S::f32s) -> S::f32s,
) -> S::f32s {
    let mut step = heads;
    while step < S::F32_LANES {
        vector = join(simd, vector, simd.rotate_right_f32s(vector, step));
        step *= 2;
    }
    vector
}
