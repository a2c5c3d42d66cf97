//! The little vector arithmetic that layers share. Lanes are pulp's: AVX2 or AVX-512 natively, SIMD128 in the browser.

use pulp::{Simd, WithSimd};

/// Computes in this processor's vectors.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub fn vectorized<O: WithSimd>(operation: O) -> O::Output {
    pulp::Arch::new().dispatch(operation)
}

/// Computes in the vectors that this module was compiled for: a browser without them does not load it. (What pulp chooses from at run
/// time would all have to be here.)
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

/// How many floats a vector holds here.
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

/// A vector from the beginning of `values`; what is missing is zero.
#[inline(always)]
pub fn load<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match S::as_simd_f32s(values).0.first() {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(values),
    }
}

/// Writes a vector to the beginning of `values`, as much as has room.
#[inline(always)]
pub fn store<S: Simd>(simd: S, values: &mut [f32], vector: S::f32s) {
    match S::as_mut_simd_f32s(values).0.first_mut() {
        Some(place) => *place = vector,
        None => simd.partial_store_f32s(values, vector),
    }
}

/// N vectors. In a loop, and whatever is called in vectors' context marked as always inline: a closure or a function of the standard
/// library that stays a call is compiled without the vectors' instructions, and every one of them becomes a call.
#[inline(always)]
pub fn each<S: Simd, const N: usize>(simd: S, mut vector: impl FnMut(usize) -> S::f32s) -> [S::f32s; N] {
    let mut vectors = [simd.splat_f32s(0.0); N];
    for (i, place) in vectors.iter_mut().enumerate() {
        *place = vector(i);
    }
    vectors
}

/// The larger in each place. (In WebAssembly a maximum that cares for NaN costs seven instructions.)
#[inline(always)]
pub fn max<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
    simd.select_f32s(simd.greater_than_f32s(a, b), a, b)
}

/// What all the lanes of a head have together, in each of them; the lanes are those of `heads` heads in turn.
#[inline(always)]
pub fn across<S: Simd>(
    simd: S,
    mut vector: S::f32s,
    heads: usize,
    join: fn(S, S::f32s, S::f32s) -> S::f32s,
) -> S::f32s {
    let mut turn = heads;
    while turn < S::F32_LANES {
        vector = join(simd, vector, simd.rotate_right_f32s(vector, turn));
        turn *= 2;
    }
    vector
}
