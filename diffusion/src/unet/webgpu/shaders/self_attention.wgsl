// Attention of a picture's pixels to each other (arXiv 1706.03762): softmax(q kT) v, the queries scaled already.
// An invocation has one head of one pixel; CHANNELS, those of a head, is set where the pipeline is made.

struct Shape {
    rows: u32,     // pixels of all pictures
    pixels: u32,   // of one
    heads: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> qkv: array<f32>; // [rows, 3, heads, CHANNELS]
@group(0) @binding(2) var<storage, read_write> result: array<f32>; // [rows, heads, CHANNELS]

fn score(query: array<f32, CHANNELS>, key: u32) -> f32 {
    var sum = 0.0;
    for (var c = 0u; c < CHANNELS; c++) {
        sum = fma(query[c], qkv[key + c], sum);
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = id.x / shape.heads;
    let head = id.x % shape.heads;
    if (row >= shape.rows) {
        return;
    }
    let width = shape.heads * CHANNELS;
    let first = row / shape.pixels * shape.pixels * 3 * width + head * CHANNELS;
    var query: array<f32, CHANNELS>;
    for (var c = 0u; c < CHANNELS; c++) {
        query[c] = qkv[row * 3 * width + head * CHANNELS + c];
    }
    var most = -3.0e38;
    for (var pixel = 0u; pixel < shape.pixels; pixel++) {
        most = max(most, score(query, first + pixel * 3 * width + width));
    }
    var all = 0.0;
    var sums: array<f32, CHANNELS>;
    for (var pixel = 0u; pixel < shape.pixels; pixel++) {
        let key = first + pixel * 3 * width + width;
        let share = exp(score(query, key) - most);
        all += share;
        for (var c = 0u; c < CHANNELS; c++) {
            sums[c] = fma(share, qkv[key + width + c], sums[c]);
        }
    }
    for (var c = 0u; c < CHANNELS; c++) {
        result[row * width + head * CHANNELS + c] = sums[c] / all;
    }
}
