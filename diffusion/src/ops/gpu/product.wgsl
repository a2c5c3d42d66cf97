// result = left · weights (+ bias) (+ residual): Linears, and 3 x 3 convolutions whose left rows are the windows of a map, forwards
// and from the result's gradient back to the map. A workgroup has a tile of 64 rows and COLUMNS columns, an invocation four times
// four of it; depth by depth both sides of the tile's product lie in the workgroup's memory.

const ROWS = 64u;
const DEPTH = 16u;
const ACROSS = COLUMNS / 4u;
// In fours; so wide that the rows of one column lie in as many banks as can be.
const LEFT_STRIDE = ROWS / 4u + 1u;

var<workgroup> lefts: array<vec4f, DEPTH * LEFT_STRIDE>;
var<workgroup> rights: array<vec4f, DEPTH * ACROSS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_row = group.x * ROWS;
    let first_column = group.y * COLUMNS;
    let down = lane / ACROSS;
    let across = lane % ACROSS;
    var sums: array<vec4f, 4>;
    for (var first = 0u; first < K; first += DEPTH) {
        for (var i = lane; i < ROWS * DEPTH / 4u; i += LANES) {
            let row = i / (DEPTH / 4u);
            let k = i % (DEPTH / 4u) * 4u;
            var value = vec4f();
            if (first_row + row < M && first + k < K) {
                value = left_at(first_row + row, first + k);
            }
            for (var j = 0u; j < 4u; j++) {
                lefts[(k + j) * LEFT_STRIDE + row / 4u][row % 4u] = value[j];
            }
        }
        for (var i = lane; i < DEPTH * COLUMNS; i += LANES) {
            let k = i / COLUMNS;
            let n = i % COLUMNS;
            var value = 0.0;
            if (first + k < K && first_column + n < N) {
                value = weight_at(first + k, first_column + n);
            }
            rights[k * ACROSS + n / 4u][n % 4u] = value;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let a = lefts[k * LEFT_STRIDE + down];
            let b = rights[k * ACROSS + across];
            sums[0] = fma(vec4f(a.x), b, sums[0]);
            sums[1] = fma(vec4f(a.y), b, sums[1]);
            sums[2] = fma(vec4f(a.z), b, sums[2]);
            sums[3] = fma(vec4f(a.w), b, sums[3]);
        }
        workgroupBarrier();
    }
    let column = first_column + 4u * across;
    if (column >= N) {
        return;
    }
    for (var i = 0u; i < 4u; i++) {
        let row = first_row + 4u * down + i;
        if (row >= M) {
            break;
        }
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
