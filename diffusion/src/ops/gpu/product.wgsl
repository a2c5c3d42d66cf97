// result = left · weights (+ bias) (+ residual): Linears, and 3 x 3 convolutions whose left rows are the windows of a map, forwards
// and from the result's gradient back to the map. A workgroup has a tile of ROWS rows and COLUMNS columns, an invocation HIGH times four
// of it; depth by depth both sides of the tile's product lie in the workgroup's memory.

const DEPTH = 16u;
const ACROSS = COLUMNS / 4u;
// In fours; so wide that the values of one column lie in as many banks as can be.
const LEFT_STRIDE = ROWS / 4u + 1u;
const RIGHT_STRIDE = ACROSS + 1u;

var<workgroup> lefts: array<vec4f, DEPTH * LEFT_STRIDE>;
var<workgroup> rights: array<vec4f, DEPTH * RIGHT_STRIDE>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_row = group_index(group.xz) * ROWS;
    let first_column = group.y * COLUMNS;
    let down = lane / ACROSS;
    let across = lane % ACROSS;
    var sums: array<vec4f, HIGH>;
    for (var first = 0u; first < K; first += DEPTH) {
        for (var i = lane; i < ROWS * DEPTH / 4u; i += LANES) {
            let row = i / (DEPTH / 4u);
            let k = i % (DEPTH / 4u) * 4u;
            var value = vec4f();
            if (first_row + row < M && first + k < K) {
                value = left_at(first_row + row, first + k);
            }
            let place = k * LEFT_STRIDE + row / 4u;
            lefts[place][row % 4u] = value.x;
            lefts[place + LEFT_STRIDE][row % 4u] = value.y;
            lefts[place + 2u * LEFT_STRIDE][row % 4u] = value.z;
            lefts[place + 3u * LEFT_STRIDE][row % 4u] = value.w;
        }
        load_rights(lane, first, first_column);
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let b = rights[k * RIGHT_STRIDE + across];
            for (var four = 0u; four < HIGH / 4u; four++) {
                let a = lefts[k * LEFT_STRIDE + down * (HIGH / 4u) + four];
                sums[4u * four] = fma(vec4f(a.x), b, sums[4u * four]);
                sums[4u * four + 1u] = fma(vec4f(a.y), b, sums[4u * four + 1u]);
                sums[4u * four + 2u] = fma(vec4f(a.z), b, sums[4u * four + 2u]);
                sums[4u * four + 3u] = fma(vec4f(a.w), b, sums[4u * four + 3u]);
            }
        }
        workgroupBarrier();
    }
    let column = first_column + 4u * across;
    if (column >= N) {
        return;
    }
    for (var i = 0u; i < HIGH; i++) {
        let row = first_row + HIGH * down + i;
        // Not a break: the sums stay in registers where every turn is alike.
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
