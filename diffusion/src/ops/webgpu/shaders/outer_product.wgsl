// leftᵀ · right of each segment of SEGMENT_ROWS rows, and below it the sums of right's columns: the parts of the gradients of a weight and a
// bias, which sum_segments.wgsl adds up. A workgroup has a tile of TILE_K by COLUMNS for one segment, an invocation 4 by 4 of it.
//
// Another file gives `left_at(row, k)`, four values of the left matrix.
// Constants: M rows, K, N (multiples of 4), COLUMNS, LANES (invocations of a workgroup), SEGMENT_ROWS.
// Bindings: left [M, K] or what `left_at` reads, right [M, N], parts [segments, K + 1, N].

const TILE_K = 64u;
const TILE_ROWS = 16u; // rows in workgroup memory
const COLUMN_VEC4S = COLUMNS / 4u;

var<workgroup> left_tile: array<vec4f, TILE_ROWS * TILE_K / 4u>;
var<workgroup> right_tile: array<vec4f, TILE_ROWS * COLUMN_VEC4S>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_k = group.x * TILE_K;
    let first_column = group.y * COLUMNS;
    let start = group.z * SEGMENT_ROWS;
    let end = min(start + SEGMENT_ROWS, M);
    let tile_k = lane / COLUMN_VEC4S;
    let tile_column = lane % COLUMN_VEC4S;
    var sums: array<vec4f, 4>;
    var column_sum = vec4f();
    for (var first = start; first < end; first += TILE_ROWS) {
        for (var i = lane; i < TILE_ROWS * TILE_K / 4u; i += LANES) {
            let row = first + i / (TILE_K / 4u);
            let k = first_k + i % (TILE_K / 4u) * 4u;
            var value = vec4f();
            if (row < end && k < K) {
                value = left_at(row, k);
            }
            left_tile[i] = value;
        }
        for (var i = lane; i < TILE_ROWS * COLUMN_VEC4S; i += LANES) {
            let row = first + i / COLUMN_VEC4S;
            let column = first_column + i % COLUMN_VEC4S * 4u;
            var value = vec4f();
            if (row < end && column < N) {
                value = right[(row * N + column) / 4u];
            }
            right_tile[i] = value;
        }
        workgroupBarrier();
        for (var row = 0u; row < TILE_ROWS; row++) {
            let a = left_tile[row * TILE_K / 4u + tile_k];
            let b = right_tile[row * COLUMN_VEC4S + tile_column];
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
    let column = first_column + 4u * tile_column;
    if (column >= N) {
        return;
    }
    let segment = group.z * (K + 1u) * N;
    for (var i = 0u; i < 4u; i++) {
        let k = first_k + 4u * tile_k + i;
        if (k < K) {
            parts[(segment + k * N + column) / 4u] = sums[i];
        }
    }
    if (group.x == 0u && tile_k == 0u) {
        parts[(segment + K * N + column) / 4u] = column_sum;
    }
}
