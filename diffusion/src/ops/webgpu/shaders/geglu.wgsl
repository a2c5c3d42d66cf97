// GEGLU, values · gelu(gates) (arXiv 2002.05202), and its gradient. An invocation has four values of a row.
//
// Constants: M rows, WIDTH (values of a row, a multiple of 4), BACKWARD.
// Bindings:
//     x [M, 2 · WIDTH]: in each row the values, then the gates
//     grad [M, WIDTH]: the gradient of the result (BACKWARD)
//     result [M, WIDTH], or the gradient of x [M, 2 · WIDTH] (BACKWARD)

const VEC4S = WIDTH / 4u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let at = index(id);
    if (at >= M * VEC4S) {
        return;
    }
    let first = at / VEC4S * 2u * VEC4S + at % VEC4S;
    let value = x[first];
    let gate = x[first + VEC4S];
    // The normal distribution of the gate, (1 + erf(gate / sqrt 2)) / 2; erf by Abramowitz and Stegun, 7.1.26 (error below 1.5e-7).
    let z = abs(gate) * 0.70710678;
    let t = 1.0 / fma(z, vec4f(0.3275911), vec4f(1.0));
    var sum = vec4f(1.0614054);
    sum = fma(sum, t, vec4f(-1.4531520));
    sum = fma(sum, t, vec4f(1.4214137));
    sum = fma(sum, t, vec4f(-0.28449674));
    sum = fma(sum, t, vec4f(0.2548296));
    let gauss = exp(-z * z);
    let tail = 0.5 * sum * t * gauss;
    let cdf = select(1.0 - tail, tail, gate < vec4f());
    if (BACKWARD == 0u) {
        result[at] = value * gate * cdf;
        return;
    }
    result[first] = grad[at] * gate * cdf;
    result[first + VEC4S] = grad[at] * value * (cdf + gate * gauss * 0.39894228);
}
