// Copies a convolution's weights to the right matrix of a product. Another file gives `weight_at(k, n)`. An invocation has one value.
//
// Constants: K, N.
// Bindings: weights: what `weight_at` reads, result [K, N].

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let at = index(id);
    if (at < K * N) {
        result[at] = weight_at(at / N, at % N);
    }
}
