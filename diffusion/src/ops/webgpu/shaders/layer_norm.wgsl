// LayerNorm over rows of C channels (arXiv 1607.06450), and its gradients. A workgroup has ROWS rows, an invocation one of them; for the
// gradients of weight and bias an invocation then has channels.
//
// Constants: M rows, C (a multiple of 4), EPS, BACKWARD, AFFINE (whether the gradients of weight and bias are wanted).
// Bindings:
//     x [M, C], weight [C], bias [C]
//     grad [M, C]: the gradient of the result (BACKWARD)
//     result [M, C]: the result, or the gradient of x (BACKWARD)
//     affine [workgroups, 2, C]: each workgroup's part of the gradients of weight and bias (BACKWARD and AFFINE)

const LANES = 64u;
const ROWS = 64u;
const VEC4S = C / 4u;

var<workgroup> means: array<f32, ROWS>;
var<workgroup> inverses: array<f32, ROWS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first = group.x * ROWS;
    let count = min(ROWS, M - first);
    for (var i = lane; i < count; i += LANES) {
        let start = (first + i) * VEC4S;
        var sum = vec4f();
        for (var c = 0u; c < VEC4S; c++) {
            sum += x[start + c];
        }
        let mean = dot(sum, vec4f(1.0)) / f32(C);
        var squares = 0.0;
        for (var c = 0u; c < VEC4S; c++) {
            let centred = x[start + c] - mean;
            squares += dot(centred, centred);
        }
        let inverse = inverseSqrt(squares / f32(C) + EPS);
        if (BACKWARD == 0u) {
            for (var c = 0u; c < VEC4S; c++) {
                result[start + c] = (x[start + c] - mean) * inverse * weight[c] + bias[c];
            }
            continue;
        }
        means[i] = mean;
        inverses[i] = inverse;
        var mean_grad = 0.0;
        var mean_product = 0.0;
        for (var c = 0u; c < VEC4S; c++) {
            let slope = grad[start + c] * weight[c];
            mean_grad += dot(slope, vec4f(1.0));
            mean_product += dot(slope, (x[start + c] - mean) * inverse);
        }
        mean_grad /= f32(C);
        mean_product /= f32(C);
        for (var c = 0u; c < VEC4S; c++) {
            let normed = (x[start + c] - mean) * inverse;
            result[start + c] = inverse * (grad[start + c] * weight[c] - mean_grad - normed * mean_product);
        }
    }
    if (AFFINE == 0u) {
        return;
    }
    workgroupBarrier();
    for (var c = lane; c < C; c += LANES) {
        var sum = 0.0;
        var product = 0.0;
        for (var i = 0u; i < count; i++) {
            let at = (first + i) * VEC4S + c / 4u;
            let slope = grad[at][c % 4u];
            sum += slope;
            product += slope * (x[at][c % 4u] - means[i]) * inverses[i];
        }
        affine[(group.x * 2u) * C + c] = product;
        affine[(group.x * 2u + 1u) * C + c] = sum;
    }
}
