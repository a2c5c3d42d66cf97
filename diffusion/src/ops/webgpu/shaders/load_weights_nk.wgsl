// For matmul.wgsl: copies the weights' rows from `first` on and columns from `first_column` on to `weight_tile`, from `weights [N, K]`.

fn load_weights(lane: u32, first: u32, first_column: u32) {
    for (var i = lane; i < TILE_K / 4u * COLUMNS; i += LANES) {
        let k = i % (TILE_K / 4u) * 4u;
        let n = i / (TILE_K / 4u);
        var value = vec4f();
        if (first + k < K && first_column + n < N) {
            value = weights[((first_column + n) * K + first + k) / 4u];
        }
        let slot = k * WEIGHT_STRIDE + n / 4u;
        weight_tile[slot][n % 4u] = value.x;
        weight_tile[slot + WEIGHT_STRIDE][n % 4u] = value.y;
        weight_tile[slot + 2u * WEIGHT_STRIDE][n % 4u] = value.z;
        weight_tile[slot + 3u * WEIGHT_STRIDE][n % 4u] = value.w;
    }
}
