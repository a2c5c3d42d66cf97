// The sum over the segments of what outer_product.wgsl, group_norm.wgsl and layer_norm.wgsl have left: K rows are the gradient of a weight, the
// last row that of a bias. A workgroup has TOGETHER sums, TOGETHER invocations each.
//
// Another file gives `weight_index(k, n)`, where a value belongs in `weight`.
// Constants: SEGMENTS, K, N.
// Bindings: parts [SEGMENTS, K + 1, N], weight: K · N values, bias [N].

const TOGETHER = 16u;

var<workgroup> subtotals: array<f32, TOGETHER * TOGETHER>;

@compute @workgroup_size(TOGETHER * TOGETHER)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group.xy) * TOGETHER + lane % TOGETHER;
    var sum = 0.0;
    if (i < (K + 1u) * N) {
        for (var segment = lane / TOGETHER; segment < SEGMENTS; segment += TOGETHER) {
            sum += parts[segment * (K + 1u) * N + i];
        }
    }
    subtotals[lane] = sum;
    workgroupBarrier();
    if (lane >= TOGETHER || i >= (K + 1u) * N) {
        return;
    }
    for (var other = lane + TOGETHER; other < TOGETHER * TOGETHER; other += TOGETHER) {
        sum += subtotals[other];
    }
    if (i < K * N) {
        weight[weight_index(i / N, i % N)] = sum;
    } else {
        bias[i - K * N] = sum;
    }
}
