// A tile's weights from `[N, K]`.

fn load_rights(lane: u32, first: u32, first_column: u32) {
    for (var i = lane; i < DEPTH / 4u * COLUMNS; i += LANES) {
        let k = i % (DEPTH / 4u) * 4u;
        let n = i / (DEPTH / 4u);
        var value = vec4f();
        if (first + k < K && first_column + n < N) {
            value = weights[((first_column + n) * K + first + k) / 4u];
        }
        let place = k * RIGHT_STRIDE + n / 4u;
        rights[place][n % 4u] = value.x;
        rights[place + RIGHT_STRIDE][n % 4u] = value.y;
        rights[place + 2u * RIGHT_STRIDE][n % 4u] = value.z;
        rights[place + 3u * RIGHT_STRIDE][n % 4u] = value.w;
    }
}
