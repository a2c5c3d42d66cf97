// values · gelu(gates) of rows of values, then gates (GEGLU, arXiv 2002.05202), and its gradient. WIDTH values in a row.

const FOURS = WIDTH / 4u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let at = index(id);
    if (at >= M * FOURS) {
        return;
    }
    let first = at / FOURS * 2u * FOURS + at % FOURS;
    let value = x[first];
    let gate = x[first + FOURS];
    // (1 + erf(gate / sqrt 2)) / 2, erf by Abramowitz and Stegun, 7.1.26 (error below 1.5e-7).
    let z = abs(gate) * 0.70710678;
    let t = 1.0 / fma(z, vec4f(0.3275911), vec4f(1.0));
    var sum = vec4f(1.0614054);
    sum = fma(sum, t, vec4f(-1.4531520));
    sum = fma(sum, t, vec4f(1.4214137));
    sum = fma(sum, t, vec4f(-0.28449674));
    sum = fma(sum, t, vec4f(0.2548296));
    let bell = exp(-z * z);
    let tail = 0.5 * sum * t * bell;
    let share = select(1.0 - tail, tail, gate < vec4f());
    if (BACKWARDS == 0u) {
        result[at] = value * gate * share;
        return;
    }
    result[first] = grad[at] * gate * share;
    result[first + FOURS] = grad[at] * value * (share + gate * bell * 0.39894228);
}
