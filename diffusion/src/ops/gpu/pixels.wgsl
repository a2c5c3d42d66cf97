// The sum of each picture's pixels, `map [pictures, PIXELS, N] -> [pictures, N]`. A workgroup has a picture and FOURS channels in fours:
// STRIPES invocations for each, as many pixels each.

const STRIPES = 64u / FOURS;

var<workgroup> parts: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let four = group.y * FOURS + lane % FOURS;
    let stripe = lane / FOURS;
    let start = group.x * PIXELS * N / 4u + four;
    var sum = vec4f();
    if (stripe < STRIPES && four < N / 4u) {
        for (var pixel = stripe; pixel < PIXELS; pixel += STRIPES) {
            sum += map[start + pixel * N / 4u];
        }
    }
    parts[lane] = sum;
    workgroupBarrier();
    if (lane >= FOURS || four >= N / 4u) {
        return;
    }
    for (var other = 1u; other < STRIPES; other++) {
        sum += parts[other * FOURS + lane];
    }
    result[group.x * N / 4u + four] = sum;
}
