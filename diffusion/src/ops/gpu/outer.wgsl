// For each SEGMENT of rows, leftᵀ · right, and below it the sums of right's columns: gradients of weights and biases, not yet summed
// over the segments. A workgroup has a tile of 64 by COLUMNS for one segment, an invocation four times four of it.

const TALL = 64u;
const TOGETHER = 16u; // rows
const ACROSS = COLUMNS / 4u;

var<workgroup> lefts: array<vec4f, TOGETHER * TALL / 4u>;
var<workgroup> rights: array<vec4f, TOGETHER * ACROSS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_k = group.x * TALL;
    let first_column = group.y * COLUMNS;
    let start = group.z * SEGMENT;
    let end = min(start + SEGMENT, M);
    let down = lane / ACROSS;
    let across = lane % ACROSS;
    var sums: array<vec4f, 4>;
    var column_sum = vec4f();
    for (var first = start; first < end; first += TOGETHER) {
        for (var i = lane; i < TOGETHER * TALL / 4u; i += LANES) {
            let row = first + i / (TALL / 4u);
            let k = first_k + i % (TALL / 4u) * 4u;
            var value = vec4f();
            if (row < end && k < K) {
                value = left_at(row, k);
            }
            lefts[i] = value;
        }
        for (var i = lane; i < TOGETHER * ACROSS; i += LANES) {
            let row = first + i / ACROSS;
            let column = first_column + i % ACROSS * 4u;
            var value = vec4f();
            if (row < end && column < N) {
                value = right[(row * N + column) / 4u];
            }
            rights[i] = value;
        }
        workgroupBarrier();
        for (var row = 0u; row < TOGETHER; row++) {
            let a = lefts[row * TALL / 4u + down];
            let b = rights[row * ACROSS + across];
            sums[0] = fma(vec4f(a.x), b, sums[0]);
            sums[1] = fma(vec4f(a.y), b, sums[1]);
            sums[2] = fma(vec4f(a.z), b, sums[2]);
            sums[3] = fma(vec4f(a.w), b, sums[3]);
            if (group.x == 0u) {
                column_sum += b;
            }
        }
        workgroupBarrier();
    }
    let column = first_column + 4u * across;
    if (column >= N) {
        return;
    }
    let segment = group.z * (K + 1u) * N;
    for (var i = 0u; i < 4u; i++) {
        let k = first_k + 4u * down + i;
        if (k < K) {
            parts[(segment + k * N + column) / 4u] = sums[i];
        }
    }
    if (group.x == 0u && down == 0u) {
        parts[(segment + K * N + column) / 4u] = column_sum;
    }
}
