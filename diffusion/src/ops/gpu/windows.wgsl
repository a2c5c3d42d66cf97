// Row `row` of a convolution's left matrix: the nine pixels around a pixel of the result, each with D channels. The map has
// MAP_HEIGHT by MAP_WIDTH pixels, every one of them SIZE by SIZE times; the result every STRIDE-th.

fn left_at(row: u32, k: u32) -> vec4f {
    let tap = k / D;
    let picture = row / (HEIGHT * WIDTH);
    let pixel = row % (HEIGHT * WIDTH);
    let y = i32(pixel / WIDTH * STRIDE + tap / 3u) - 1;
    let x = i32(pixel % WIDTH * STRIDE + tap % 3u) - 1;
    if (y < 0 || x < 0 || y >= i32(SIZE * MAP_HEIGHT) || x >= i32(SIZE * MAP_WIDTH)) {
        return vec4f();
    }
    return left[(((picture * MAP_HEIGHT + u32(y) / SIZE) * MAP_WIDTH + u32(x) / SIZE) * D + k % D) / 4u];
}
