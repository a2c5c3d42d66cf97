// result = left · weights (+ bias) (+ residual). Linear layers; and 3 x 3 convolutions, whose left rows are windows of a map (implicit GEMM),
// forward and for the gradient of the map.
//
// Another file gives `left_at(row, k)`, four values of the left matrix, and another `load_weights`, which fills `weight_tile`.
// A workgroup has a tile of ROWS by COLUMNS of the result, an invocation ROWS_EACH by 4 of it. TILE_K columns of the left matrix and rows of
// the weights at a time are copied to workgroup memory.
//
// Constants: M, K, N (K and N multiples of 4), ROWS, COLUMNS, LANES (invocations of a workgroup), ROWS_EACH (4 or 8), BIAS (0: none, 1: [N],
// 2: [pictures, N]), PIXELS (rows of a picture), RESIDUAL.
// Bindings: left [M, K] or what `left_at` reads, weights [K, N] or [N, K], bias, residual [M, N], result [M, N].

const TILE_K = 16u;
const COLUMN_VEC4S = COLUMNS / 4u;
// In vec4s. One more than needed, so that the values of a column lie in different banks.
const LEFT_STRIDE = ROWS / 4u + 1u;
const WEIGHT_STRIDE = COLUMN_VEC4S + 1u;

var<workgroup> left_tile: array<vec4f, TILE_K * LEFT_STRIDE>;
var<workgroup> weight_tile: array<vec4f, TILE_K * WEIGHT_STRIDE>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_row = group_index(group.xz) * ROWS;
    let first_column = group.y * COLUMNS;
    let tile_row = lane / COLUMN_VEC4S;
    let tile_column = lane % COLUMN_VEC4S;
    var sums: array<vec4f, ROWS_EACH>;
    for (var first = 0u; first < K; first += TILE_K) {
        for (var i = lane; i < ROWS * TILE_K / 4u; i += LANES) {
            let row = i / (TILE_K / 4u);
            let k = i % (TILE_K / 4u) * 4u;
            var value = vec4f();
            if (first_row + row < M && first + k < K) {
                value = left_at(first_row + row, first + k);
            }
            let slot = k * LEFT_STRIDE + row / 4u;
            left_tile[slot][row % 4u] = value.x;
            left_tile[slot + LEFT_STRIDE][row % 4u] = value.y;
            left_tile[slot + 2u * LEFT_STRIDE][row % 4u] = value.z;
            left_tile[slot + 3u * LEFT_STRIDE][row % 4u] = value.w;
        }
        load_weights(lane, first, first_column);
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            let b = weight_tile[k * WEIGHT_STRIDE + tile_column];
            for (var v = 0u; v < ROWS_EACH / 4u; v++) {
                let a = left_tile[k * LEFT_STRIDE + tile_row * (ROWS_EACH / 4u) + v];
                sums[4u * v] = fma(vec4f(a.x), b, sums[4u * v]);
                sums[4u * v + 1u] = fma(vec4f(a.y), b, sums[4u * v + 1u]);
                sums[4u * v + 2u] = fma(vec4f(a.z), b, sums[4u * v + 2u]);
                sums[4u * v + 3u] = fma(vec4f(a.w), b, sums[4u * v + 3u]);
            }
        }
        workgroupBarrier();
    }
    let column = first_column + 4u * tile_column;
    if (column >= N) {
        return;
    }
    for (var i = 0u; i < ROWS_EACH; i++) {
        let row = first_row + ROWS_EACH * tile_row + i;
        // Not a break: with the same control flow in each iteration the sums stay in registers.
        if (row < M) {
            let at = (row * N + column) / 4u;
            var value = sums[i];
            if (BIAS == 1u) {
                value += bias[column / 4u];
            }
            if (BIAS == 2u) {
                value += bias[(row / PIXELS * N + column) / 4u];
            }
            if (RESIDUAL == 1u) {
                value += residual[at];
            }
            result[at] = value;
        }
    }
}
