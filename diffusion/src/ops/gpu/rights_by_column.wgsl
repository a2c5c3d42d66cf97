// A tile's weights from `[N, K]`.

fn load_rights(lane: u32, first: u32, first_column: u32) {
    for (var i = lane; i < DEPTH / 4u * COLUMNS; i += LANES) {
        let k = i % (DEPTH / 4u) * 4u;
        let n = i / (DEPTH / 4u);
        var value = vec4f();
        if (first + k < K && first_column + n < N) {
            value = weights[((first_column + n) * K + first + k) / 4u];
        }
        for (var j = 0u; j < 4u; j++) {
            rights[(k + j) * RIGHT_STRIDE + n / 4u][n % 4u] = value[j];
        }
    }
}
