// What outer.wgsl has left, `parts [SEGMENTS, K + 1, N]`, summed: K rows are the weights' gradient, the last is the bias's. A workgroup
// has sixteen sums, sixteen invocations each.

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
        weight[place(i / N, i % N)] = sum;
    } else {
        bias[i - K * N] = sum;
    }
}
