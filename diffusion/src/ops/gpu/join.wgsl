// Parts of a vector one behind the other, each with zeros up to where the next begins.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    var at = index(id);
    var value = 0.0;
    let place = START + at;
    if (at >= FILLED_0 + FILLED_1 + FILLED_2 + FILLED_3 + FILLED_4 + FILLED_5) {
        return;
    }
    if (at < FILLED_0) {
        if (at < LEN_0) { value = part_0[at]; }
        result[place] = value;
        return;
    }
    at -= FILLED_0;
    if (at < FILLED_1) {
        if (at < LEN_1) { value = part_1[at]; }
        result[place] = value;
        return;
    }
    at -= FILLED_1;
    if (at < FILLED_2) {
        if (at < LEN_2) { value = part_2[at]; }
        result[place] = value;
        return;
    }
    at -= FILLED_2;
    if (at < FILLED_3) {
        if (at < LEN_3) { value = part_3[at]; }
        result[place] = value;
        return;
    }
    at -= FILLED_3;
    if (at < FILLED_4) {
        if (at < LEN_4) { value = part_4[at]; }
        result[place] = value;
        return;
    }
    at -= FILLED_4;
    if (at < LEN_5) { value = part_5[at]; }
    result[place] = value;
}
