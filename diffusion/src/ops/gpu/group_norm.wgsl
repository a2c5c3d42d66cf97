// GroupNorm with SiLU after it if wanted (arXiv 1803.08494), and its gradients. A workgroup has a picture: STRIPES invocations for each of
// C channels, as many pixels each.

const LANES = 256u;
const STRIPES = LANES / C;
const COUNT = f32(PIXELS * PER_GROUP);

var<workgroup> parts: array<f32, LANES>;

// The sum over all pixels of this invocation's channel.
fn over_pixels(lane: u32, part: f32) -> f32 {
    workgroupBarrier();
    parts[lane] = part;
    workgroupBarrier();
    var sum = 0.0;
    for (var stripe = 0u; stripe < STRIPES; stripe++) {
        sum += parts[stripe * C + lane % C];
    }
    return sum;
}

// The sum over the channels of this invocation's group of what each channel has.
fn over_group(lane: u32, value: f32) -> f32 {
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
    let here = lane < STRIPES * C;
    let channel = lane % C;
    let start = group.x * PIXELS * C + channel;
    let first = select(PIXELS, lane / C, here);

    var part = 0.0;
    for (var pixel = first; pixel < PIXELS; pixel += STRIPES) {
        part += x[start + pixel * C];
    }
    let mean = over_group(lane, over_pixels(lane, part)) / COUNT;
    part = 0.0;
    for (var pixel = first; pixel < PIXELS; pixel += STRIPES) {
        let centred = x[start + pixel * C] - mean;
        part += centred * centred;
    }
    let inverse = inverseSqrt(over_group(lane, over_pixels(lane, part)) / COUNT + EPS);

    if (BACKWARDS == 0u) {
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
    sum = over_pixels(lane, sum);
    product = over_pixels(lane, product);
    if (AFFINE == 1u && lane < C) {
        affine[(group.x * 2u) * C + channel] = product;
        affine[(group.x * 2u + 1u) * C + channel] = sum;
    }
    let shift = over_group(lane, sum * weight[channel]) / COUNT;
    let slant = over_group(lane, product * weight[channel]) / COUNT;
    for (var pixel = first; pixel < PIXELS; pixel += STRIPES) {
        let normed = (x[start + pixel * C] - mean) * inverse;
        let slope = grad[start + pixel * C] * silu_slope(normed * weight[channel] + bias[channel]);
        result[start + pixel * C] = inverse * (slope * weight[channel] - shift - normed * slant);
    }
}

fn silu_slope(x: f32) -> f32 {
    if (SILU == 0u) {
        return 1.0;
    }
    let share = 1.0 / (1.0 + exp(-x));
    return share * (1.0 + x * (1.0 - share));
}
