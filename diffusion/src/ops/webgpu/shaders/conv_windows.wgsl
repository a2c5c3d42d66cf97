// For matmul.wgsl and outer_product.wgsl: the left matrix of a 3 x 3 convolution with padding 1, [pictures · HEIGHT · WIDTH, 9 · D]. A row
// has the nine pixels of the map around a pixel of the result, each with D channels.
//
// Constants: MAP_HEIGHT, MAP_WIDTH, D (of the map), UPSAMPLING (1 or 2: nearest neighbour, before the convolution), HEIGHT, WIDTH (of the
// result), STRIDE.
// Binding: left [pictures, MAP_HEIGHT, MAP_WIDTH, D].

fn left_at(row: u32, k: u32) -> vec4f {
    let tap = k / D;
    let picture = row / (HEIGHT * WIDTH);
    let pixel = row % (HEIGHT * WIDTH);
    let y = i32(pixel / WIDTH * STRIDE + tap / 3u) - 1;
    let x = i32(pixel % WIDTH * STRIDE + tap % 3u) - 1;
    if (y < 0 || x < 0 || y >= i32(UPSAMPLING * MAP_HEIGHT) || x >= i32(UPSAMPLING * MAP_WIDTH)) {
        return vec4f();
    }
    return left[(((picture * MAP_HEIGHT + u32(y) / UPSAMPLING) * MAP_WIDTH + u32(x) / UPSAMPLING) * D + k % D) / 4u];
}
