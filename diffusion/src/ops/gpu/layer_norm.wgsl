// LayerNorm over rows of C channels (arXiv 1607.06450), and its gradients. An invocation has a row at a time, a workgroup ROWS of them;
// for the gradients of weight and bias it then has channels.

const LANES = 64u;
const ROWS = 64u;
const FOURS = C / 4u;

var<workgroup> means: array<f32, ROWS>;
var<workgroup> inverses: array<f32, ROWS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first = group.x * ROWS;
    let count = min(ROWS, M - first);
    for (var i = lane; i < count; i += LANES) {
        let start = (first + i) * FOURS;
        var sum = vec4f();
        for (var c = 0u; c < FOURS; c++) {
            sum += x[start + c];
        }
        let mean = dot(sum, vec4f(1.0)) / f32(C);
        var squares = 0.0;
        for (var c = 0u; c < FOURS; c++) {
            let centred = x[start + c] - mean;
            squares += dot(centred, centred);
        }
        let inverse = inverseSqrt(squares / f32(C) + EPS);
        if (BACKWARDS == 0u) {
            for (var c = 0u; c < FOURS; c++) {
                result[start + c] = (x[start + c] - mean) * inverse * weight[c] + bias[c];
            }
            continue;
        }
        means[i] = mean;
        inverses[i] = inverse;
        var shift = 0.0;
        var slant = 0.0;
        for (var c = 0u; c < FOURS; c++) {
            let slope = grad[start + c] * weight[c];
            shift += dot(slope, vec4f(1.0));
            slant += dot(slope, (x[start + c] - mean) * inverse);
        }
        shift /= f32(C);
        slant /= f32(C);
        for (var c = 0u; c < FOURS; c++) {
            let normed = (x[start + c] - mean) * inverse;
            result[start + c] = inverse * (grad[start + c] * weight[c] - shift - normed * slant);
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
            let at = (first + i) * FOURS + c / 4u;
            let slope = grad[at][c % 4u];
            sum += slope;
            product += slope * (x[at][c % 4u] - means[i]) * inverses[i];
        }
        affine[(group.x * 2u) * C + c] = product;
        affine[(group.x * 2u + 1u) * C + c] = sum;
    }
}
