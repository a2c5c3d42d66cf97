// For matmul.wgsl: the left matrix for the gradient of a 3 x 3 convolution's map, [pictures · MAP_HEIGHT · MAP_WIDTH, UPSAMPLING² · 9 · C].
// A row has, for each of the UPSAMPLING² copies of a pixel of the map, the gradients of the up to nine pixels of the result that read it,
// each with C channels.
//
// Constants: as in conv_windows.wgsl; C (channels of the result).
// Binding: left [pictures, HEIGHT, WIDTH, C]: the gradient of the result.

fn left_at(row: u32, k: u32) -> vec4f {
    let copy = k / (9u * C);
    let tap = k / C % 9u;
    let picture = row / (MAP_HEIGHT * MAP_WIDTH);
    let pixel = row % (MAP_HEIGHT * MAP_WIDTH);
    let y = i32(pixel / MAP_WIDTH * UPSAMPLING + copy / UPSAMPLING + 1u) - i32(tap / 3u);
    let x = i32(pixel % MAP_WIDTH * UPSAMPLING + copy % UPSAMPLING + 1u) - i32(tap % 3u);
    if (y < 0 || x < 0 || u32(y) % STRIDE != 0u || u32(x) % STRIDE != 0u) {
        return vec4f();
    }
    let from_y = u32(y) / STRIDE;
    let from_x = u32(x) / STRIDE;
    if (from_y >= HEIGHT || from_x >= WIDTH) {
        return vec4f();
    }
    return left[(((picture * HEIGHT + from_y) * WIDTH + from_x) * C + k % C) / 4u];
}
