// GroupNorm over one map, or two side by side (as if their channels were concatenated), with SiLU after it if wanted
// (arXiv 1803.08494). A workgroup has one group of one picture.

struct Shape {
    pixels: u32,
    width_0: u32,      // channels of each map
    width_1: u32,
    per_group: u32,    // channels of a group
    weight: u32,       // where the norm's weight begins, its bias behind it
    silu: u32,         // 1: with SiLU
    eps: f32,
}

const LANES = 64u;

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> map_0: array<f32>;
@group(0) @binding(3) var<storage, read> map_1: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

var<workgroup> parts: array<f32, LANES>;

fn value(row: u32, channel: u32) -> f32 {
    if (channel < shape.width_0) {
        return map_0[row * shape.width_0 + channel];
    }
    return map_1[row * shape.width_1 + channel - shape.width_0];
}

// The sum of what all invocations bring.
fn total(lane: u32, part: f32) -> f32 {
    workgroupBarrier();
    parts[lane] = part;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < LANES; i++) {
        sum += parts[i];
    }
    return sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_row = group.y * shape.pixels;
    let first_channel = group.x * shape.per_group;
    let count = shape.pixels * shape.per_group;

    var part = 0.0;
    for (var i = lane; i < count; i += LANES) {
        part += value(first_row + i / shape.per_group, first_channel + i % shape.per_group);
    }
    let mean = total(lane, part) / f32(count);
    part = 0.0;
    for (var i = lane; i < count; i += LANES) {
        let centred = value(first_row + i / shape.per_group, first_channel + i % shape.per_group) - mean;
        part += centred * centred;
    }
    let inverse = inverseSqrt(total(lane, part) / f32(count) + shape.eps);

    let channels = shape.width_0 + shape.width_1;
    for (var i = lane; i < count; i += LANES) {
        let row = first_row + i / shape.per_group;
        let channel = first_channel + i % shape.per_group;
        var x = (value(row, channel) - mean) * inverse * weights[shape.weight + channel] + weights[shape.weight + channels + channel];
        if (shape.silu == 1) {
            x = x / (1.0 + exp(-x));
        }
        result[row * channels + channel] = x;
    }
}
