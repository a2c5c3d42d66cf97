// For matmul.wgsl: copies the weights' rows from `first` on and columns from `first_column` on to `weight_tile`, from `weights [K, N]`.

fn load_weights(lane: u32, first: u32, first_column: u32) {
    for (var i = lane; i < TILE_K * COLUMN_VEC4S; i += LANES) {
        let k = first + i / COLUMN_VEC4S;
        let column = first_column + i % COLUMN_VEC4S * 4u;
        var value = vec4f();
        if (k < K && column < N) {
            value = weights[(k * N + column) / 4u];
        }
        weight_tile[i / COLUMN_VEC4S * WEIGHT_STRIDE + i % COLUMN_VEC4S] = value;
    }
}
