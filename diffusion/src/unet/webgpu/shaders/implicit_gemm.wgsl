// Implicit GEMM: result (+)= left · weights + bias, for convolutions (the row of the left matrix is found from pixel and tap), Linears
// and shortcuts. An invocation computes ROWS rows of four columns. All reads are vec4s; no barriers.

// Variants; each is a pipeline of its own.
override LAYER_NORM: bool = false; // the left rows are normed first (the weights of the LayerNorm are folded into the matrix)
override GEGLU: bool = false;      // the matrix has twice the columns: values, then gates (arXiv 2002.05202)

struct Shape {
    rows: u32,           // of the result, over all pictures
    height: u32,         // of a picture of the result; with upsample, of one of its four phases
    width: u32,
    left_height: u32,
    left_width: u32,
    side: u32,           // of the convolution kernel: 3, 2 or 1
    stride: u32,
    padding: u32,
    depth: u32,          // channels of the left matrix, columns of the result, channels of the shortcut's maps: in vec4s
    columns: u32,
    shortcut_0: u32,
    shortcut_1: u32,
    weights: u32,        // offset in vec4s
    bias: u32,
    time: u32,           // offset of the first picture's time projection in `step`, in vec4s
    time_stride: u32,    // between pictures, in vec4s; 0: no time projection
    residual: u32,       // 1: `residual` is added
    accumulate: u32,     // 1: the old content of `result` is added
    upsample: u32,       // 1: the result has twice the side; each of its four phases has weights of its own
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
@group(0) @binding(2) var<storage, read> left: array<vec4f>;
@group(0) @binding(3) var<storage, read> shortcut_0: array<vec4f>;
@group(0) @binding(4) var<storage, read> shortcut_1: array<vec4f>;
@group(0) @binding(5) var<storage, read> residual: array<vec4f>;
@group(0) @binding(6) var<storage, read> step: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> result: array<vec4f>;

fn times(a: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f, sum: vec4f) -> vec4f {
    return fma(vec4f(a.w), w3, fma(vec4f(a.z), w2, fma(vec4f(a.y), w1, fma(vec4f(a.x), w0, sum))));
}

// x (1 + erf(x / sqrt 2)) / 2, erf by Abramowitz and Stegun, 7.1.26 (error below 1.5e-7).
fn gelu(x: vec4f) -> vec4f {
    let z = abs(x) * 0.70710678;
    let t = 1.0 / fma(z, vec4f(0.3275911), vec4f(1.0));
    var sum = vec4f(1.0614054);
    sum = fma(sum, t, vec4f(-1.4531520));
    sum = fma(sum, t, vec4f(1.4214137));
    sum = fma(sum, t, vec4f(-0.28449674));
    sum = fma(sum, t, vec4f(0.2548296));
    let tail = sum * t * exp(-z * z);
    return 0.5 * (x + abs(x) - abs(x) * tail);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let column = id.x;
    let first = id.y * ROWS;
    let phase = id.z;
    if (column >= shape.columns || first >= shape.rows) {
        return;
    }
    let pixels = shape.height * shape.width;
    let taps = shape.side * shape.side;
    let wide = select(shape.columns, 2 * shape.columns, GEGLU);
    let depth = taps * shape.depth + shape.shortcut_0 + shape.shortcut_1;
    var weight = shape.weights + phase * depth * 4 * wide + column;

    // Past the end the last row is computed again but not stored.
    var rows: array<u32, ROWS>;
    for (var i = 0u; i < ROWS; i++) {
        rows[i] = min(first + i, shape.rows - 1);
    }

    var shift: array<f32, ROWS>;
    var scale: array<f32, ROWS>;
    if (LAYER_NORM) {
        // arXiv 1607.06450
        for (var i = 0u; i < ROWS; i++) {
            var sum = vec4f();
            for (var k = 0u; k < shape.depth; k++) {
                sum += left[rows[i] * shape.depth + k];
            }
            let count = f32(4 * shape.depth);
            let mean = dot(sum, vec4f(1.0)) / count;
            var squares = 0.0;
            for (var k = 0u; k < shape.depth; k++) {
                let centred = left[rows[i] * shape.depth + k] - mean;
                squares += dot(centred, centred);
            }
            shift[i] = mean;
            scale[i] = inverseSqrt(squares / count + 1e-5);
        }
    }

    var sums: array<vec4f, ROWS>;
    var gates: array<vec4f, ROWS>;
    for (var tap = 0u; tap < taps; tap++) {
        var starts: array<u32, ROWS>;
        var inside: array<f32, ROWS>;
        for (var i = 0u; i < ROWS; i++) {
            let picture = rows[i] / pixels;
            let pixel = rows[i] % pixels;
            let y = i32(pixel / shape.width * shape.stride + tap / shape.side + phase / 2) - i32(shape.padding);
            let x = i32(pixel % shape.width * shape.stride + tap % shape.side + phase % 2) - i32(shape.padding);
            let there = y >= 0 && x >= 0 && y < i32(shape.left_height) && x < i32(shape.left_width);
            inside[i] = select(0.0, 1.0, there);
            starts[i] = select(0u, ((picture * shape.left_height + u32(y)) * shape.left_width + u32(x)) * shape.depth, there);
        }
        for (var k = 0u; k < shape.depth; k++) {
            let w0 = weights[weight];
            let w1 = weights[weight + wide];
            let w2 = weights[weight + 2 * wide];
            let w3 = weights[weight + 3 * wide];
            for (var i = 0u; i < ROWS; i++) {
                var value = left[starts[i] + k] * inside[i];
                if (LAYER_NORM) {
                    value = (value - shift[i]) * scale[i];
                }
                sums[i] = times(value, w0, w1, w2, w3, sums[i]);
                if (GEGLU) {
                    let gate = weight + shape.columns;
                    gates[i] = times(value, weights[gate], weights[gate + wide], weights[gate + 2 * wide], weights[gate + 3 * wide], gates[i]);
                }
            }
            weight += 4 * wide;
        }
    }
    for (var k = 0u; k < shape.shortcut_0; k++) {
        for (var i = 0u; i < ROWS; i++) {
            let value = shortcut_0[rows[i] * shape.shortcut_0 + k];
            sums[i] = times(value, weights[weight], weights[weight + wide], weights[weight + 2 * wide], weights[weight + 3 * wide], sums[i]);
        }
        weight += 4 * wide;
    }
    for (var k = 0u; k < shape.shortcut_1; k++) {
        for (var i = 0u; i < ROWS; i++) {
            let value = shortcut_1[rows[i] * shape.shortcut_1 + k];
            sums[i] = times(value, weights[weight], weights[weight + wide], weights[weight + 2 * wide], weights[weight + 3 * wide], sums[i]);
        }
        weight += 4 * wide;
    }

    for (var i = 0u; i < ROWS; i++) {
        let row = first + i;
        if (row >= shape.rows) {
            break;
        }
        let picture = row / pixels;
        var value = sums[i] + weights[shape.bias + column];
        if (GEGLU) {
            value *= gelu(gates[i] + weights[shape.bias + shape.columns + column]);
        }
        if (shape.time_stride > 0) {
            value += step[shape.time + picture * shape.time_stride + column];
        }
        var target_row = row;
        if (shape.upsample == 1) {
            let pixel = row % pixels;
            let y = 2 * (pixel / shape.width) + phase / 2;
            let x = 2 * (pixel % shape.width) + phase % 2;
            target_row = (picture * 2 * shape.height + y) * 2 * shape.width + x;
        }
        let at = target_row * shape.columns + column;
        if (shape.residual == 1) {
            value += residual[at];
        }
        if (shape.accumulate == 1) {
            value += result[at];
        }
        result[at] = value;
    }
}
