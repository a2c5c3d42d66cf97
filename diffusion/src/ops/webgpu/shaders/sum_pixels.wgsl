// The sum over each picture's pixels. A workgroup has a picture and VEC4S vec4s of channels: STRIPES invocations for each vec4, each of which
// goes over every STRIPES-th pixel.
//
// Constants: PIXELS, N (channels, a multiple of 4), VEC4S (at most 16).
// Bindings: map [pictures, PIXELS, N], result [pictures, N].

const STRIPES = 64u / VEC4S;

var<workgroup> parts: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let vec4_index = group.y * VEC4S + lane % VEC4S;
    let stripe = lane / VEC4S;
    let start = group.x * PIXELS * N / 4u + vec4_index;
    var sum = vec4f();
    if (stripe < STRIPES && vec4_index < N / 4u) {
        for (var pixel = stripe; pixel < PIXELS; pixel += STRIPES) {
            sum += map[start + pixel * N / 4u];
        }
    }
    parts[lane] = sum;
    workgroupBarrier();
    if (lane >= VEC4S || vec4_index >= N / 4u) {
        return;
    }
    for (var other = 1u; other < STRIPES; other++) {
        sum += parts[other * VEC4S + lane];
    }
    result[group.x * N / 4u + vec4_index] = sum;
}
