// Weights as `[K, N]`, whose rows are read one behind the other.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let at = index(id);
    if (at < K * N) {
        result[at] = weight_at(at / N, at % N);
    }
}
