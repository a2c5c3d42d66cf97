// GroupNorm (arXiv 1803.08494), with SiLU after it if SILU, and its gradients. A workgroup has a picture: STRIPES invocations for each of the
// C channels, each of which goes over every STRIPES-th pixel.
//
// Constants: PIXELS (of a picture), C (at most 256), PER_GROUP (channels of a group), EPS, SILU, BACKWARD, AFFINE (whether the gradients of
// weight and bias are wanted).
// Bindings:
//     x [pictures, PIXELS, C], weight [C], bias [C]
//     grad [pictures, PIXELS, C]: the gradient of the result (BACKWARD)
//     result [pictures, PIXELS, C]: the result, or the gradient of x (BACKWARD)
//     affine [pictures, 2, C]: each picture's part of the gradients of weight and bias (BACKWARD and AFFINE)

const LANES = 256u;
const STRIPES = LANES / C;
const COUNT = f32(PIXELS * PER_GROUP);

var<workgroup> parts: array<f32, LANES>;

// The sum of `part` over the stripes of this invocation's channel.
fn sum_over_stripes(lane: u32, part: f32) -> f32 {
    workgroupBarrier();
    parts[lane] = part;
    workgroupBarrier();
    var sum = 0.0;
    for (var stripe = 0u; stripe < STRIPES; stripe++) {
        sum += parts[stripe * C + lane % C];
    }
    return sum;
}

// The sum of `value`, one of each channel, over the channels of this invocation's group.
fn sum_over_group(lane: u32, value: f32) -> f32 {
    workgroupBarrier();
    parts[lane] = value;
    workgroupBarrier();
    let first = lane % C / PER_GROUP * PER_GROUP;
    var sum = 0.0;
    for (var i = 0u; i < PER_GROUP; i++) {
        sum += parts[first + i];
    }
    return sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let in_use = lane < STRIPES * C;
    let channel = lane % C;
    let start = group.x * PIXELS * C + channel;
    let first = select(PIXELS, lane / C, in_use);

    var part = 0.0;
    for (var pixel = first; pixel < PIXELS; pixel += STRIPES) {
        part += x[start + pixel * C];
    }
    let mean = sum_over_group(lane, sum_over_stripes(lane, part)) / COUNT;
    part = 0.0;
    for (var pixel = first; pixel < PIXELS; pixel += STRIPES) {
        let centred = x[start + pixel * C] - mean;
        part += centred * centred;
    }
    let inverse = inverseSqrt(sum_over_group(lane, sum_over_stripes(lane, part)) / COUNT + EPS);

    if (BACKWARD == 0u) {
        for (var pixel = first; pixel < PIXELS; pixel += STRIPES) {
            var value = (x[start + pixel * C] - mean) * inverse * weight[channel] + bias[channel];
            if (SILU == 1u) {
                value = value / (1.0 + exp(-value));
            }
            result[start + pixel * C] = value;
        }
        return;
    }

    var sum = 0.0;
    var product = 0.0;
    for (var pixel = first; pixel < PIXELS; pixel += STRIPES) {
        let normed = (x[start + pixel * C] - mean) * inverse;
        let slope = grad[start + pixel * C] * silu_slope(normed * weight[channel] + bias[channel]);
        sum += slope;
        product += slope * normed;
    }
    sum = sum_over_stripes(lane, sum);
    product = sum_over_stripes(lane, product);
    if (AFFINE == 1u && lane < C) {
        affine[(group.x * 2u) * C + channel] = product;
        affine[(group.x * 2u + 1u) * C + channel] = sum;
    }
    let mean_grad = sum_over_group(lane, sum * weight[channel]) / COUNT;
    let mean_product = sum_over_group(lane, product * weight[channel]) / COUNT;
    for (var pixel = first; pixel < PIXELS; pixel += STRIPES) {
        let normed = (x[start + pixel * C] - mean) * inverse;
        let slope = grad[start + pixel * C] * silu_slope(normed * weight[channel] + bias[channel]);
        result[start + pixel * C] = inverse * (slope * weight[channel] - mean_grad - normed * mean_product);
    }
}

fn silu_slope(x: f32) -> f32 {
    if (SILU == 0u) {
        return 1.0;
    }
    let share = 1.0 / (1.0 + exp(-x));
    return share * (1.0 + x * (1.0 - share));
}
