// A tile's weights from `[K, N]`.

fn load_rights(lane: u32, first: u32, first_column: u32) {
    for (var i = lane; i < DEPTH * ACROSS; i += LANES) {
        let k = first + i / ACROSS;
        let column = first_column + i % ACROSS * 4u;
        var value = vec4f();
        if (k < K && column < N) {
            value = weights[(k * N + column) / 4u];
        }
        rights[i / ACROSS * RIGHT_STRIDE + i % ACROSS] = value;
    }
}
