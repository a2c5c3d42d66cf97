// The same on the way back: for a pixel of the map, the up to nine pixels of the result that saw it (and saw each of its SIZE by SIZE
// copies), each with the gradients of C channels.

fn left_at(row: u32, k: u32) -> vec4f {
    let copy = k / (9u * C);
    let tap = k / C % 9u;
    let picture = row / (MAP_HEIGHT * MAP_WIDTH);
    let pixel = row % (MAP_HEIGHT * MAP_WIDTH);
    let y = i32(pixel / MAP_WIDTH * SIZE + copy / SIZE + 1u) - i32(tap / 3u);
    let x = i32(pixel % MAP_WIDTH * SIZE + copy % SIZE + 1u) - i32(tap % 3u);
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
