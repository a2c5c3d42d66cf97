// The sum of each picture's pixels, `map [PICTURES, PIXELS, N] -> [PICTURES, N]`.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let at = index(id);
    if (at >= PICTURES * N / 4u) {
        return;
    }
    let start = at / (N / 4u) * PIXELS * N / 4u + at % (N / 4u);
    var sum = vec4f();
    for (var pixel = 0u; pixel < PIXELS; pixel++) {
        sum += map[start + pixel * N / 4u];
    }
    result[at] = sum;
}
