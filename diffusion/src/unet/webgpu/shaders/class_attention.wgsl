// Cross-attention to the tokens of a picture's class, LayerNorm before it and residual after it. Keys and values are multiplied out
// once per class (`precompute.rs`), so that a pixel's channels go straight to its scores, and its shares straight to what is added.
// An invocation has one head of one pixel, then some of its channels; TOKENS is set where the pipeline is made.

struct Shape {
    rows: u32,           // pixels of all pictures
    pixels: u32,         // of one
    channels: u32,       // in vec4s
    heads: u32,
    bias: u32,           // where it begins in `weights`, in vec4s
    classes: u32,        // where this layer's part of each class begins in `classes`, in vec4s
    class_stride: u32,   // from class to class, in vec4s
}

const LANES = 64u;

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
// For each class and layer: scores [heads · TOKENS, channels], gather [heads · TOKENS, channels], constants of the scores.
@group(0) @binding(2) var<storage, read> classes: array<vec4f>;
@group(0) @binding(3) var<storage, read> class_of: array<u32>;
@group(0) @binding(4) var<storage, read_write> x: array<vec4f>;

var<workgroup> shares: array<f32, LANES * TOKENS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let together = LANES / shape.heads; // pixels of this workgroup
    let slot = lane / shape.heads;
    let head = lane % shape.heads;
    let row = group.x * together + slot;
    let here = slot < together && row < shape.rows;
    let start = row * shape.channels;
    let columns = shape.heads * TOKENS;
    var class_start = 0u;
    if (here) {
        class_start = shape.classes + class_of[row / shape.pixels] * shape.class_stride;

        var sum = vec4f();
        for (var c = 0u; c < shape.channels; c++) {
            sum += x[start + c];
        }
        let count = f32(4 * shape.channels);
        let mean = dot(sum, vec4f(1.0)) / count;
        var squares = 0.0;
        for (var c = 0u; c < shape.channels; c++) {
            let centred = x[start + c] - mean;
            squares += dot(centred, centred);
        }
        let scale = inverseSqrt(squares / count + 1e-5);

        var scores: array<f32, TOKENS>;
        var most = -3.0e38;
        let constants = class_start + 2 * columns * shape.channels;
        for (var token = 0u; token < TOKENS; token++) {
            let column = head * TOKENS + token;
            let matrix = class_start + column * shape.channels;
            var score = classes[constants + column / 4][column % 4];
            for (var c = 0u; c < shape.channels; c++) {
                score += dot((x[start + c] - mean) * scale, classes[matrix + c]);
            }
            scores[token] = score;
            most = max(most, score);
        }
        var all = 0.0;
        for (var token = 0u; token < TOKENS; token++) {
            scores[token] = exp(scores[token] - most);
            all += scores[token];
        }
        for (var token = 0u; token < TOKENS; token++) {
            shares[slot * columns + head * TOKENS + token] = scores[token] / all;
        }
    }
    // Until all heads of a pixel have read its channels, none may be written.
    storageBarrier();
    workgroupBarrier();
    if (here) {
        let matrix = class_start + columns * shape.channels;
        for (var c = head; c < shape.channels; c += shape.heads) {
            var sum = x[start + c] + weights[shape.bias + c];
            for (var column = 0u; column < columns; column++) {
                sum = fma(vec4f(shares[slot * columns + column]), classes[matrix + column * shape.channels + c], sum);
            }
            x[start + c] = sum;
        }
    }
}
