// Joins up to six parts to a vector, one after the other, each followed by zeros up to the start of the next. An invocation has one value.
//
// Constants: START (where in the vector the first part starts); for each part i its length LEN_i, and FILLED_i, its length with the zeros
// after it (0 for parts that are missing).
// Bindings: part_0 [LEN_0] to part_5 [LEN_5], result: the whole vector.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    var at = index(id);
    var value = 0.0;
    let to = START + at;
    if (at >= FILLED_0 + FILLED_1 + FILLED_2 + FILLED_3 + FILLED_4 + FILLED_5) {
        return;
    }
    if (at < FILLED_0) {
        if (at < LEN_0) { value = part_0[at]; }
        result[to] = value;
        return;
    }
    at -= FILLED_0;
    if (at < FILLED_1) {
        if (at < LEN_1) { value = part_1[at]; }
        result[to] = value;
        return;
    }
    at -= FILLED_1;
    if (at < FILLED_2) {
        if (at < LEN_2) { value = part_2[at]; }
        result[to] = value;
        return;
    }
    at -= FILLED_2;
    if (at < FILLED_3) {
        if (at < LEN_3) { value = part_3[at]; }
        result[to] = value;
        return;
    }
    at -= FILLED_3;
    if (at < FILLED_4) {
        if (at < LEN_4) { value = part_4[at]; }
        result[to] = value;
        return;
    }
    at -= FILLED_4;
    if (at < LEN_5) { value = part_5[at]; }
    result[to] = value;
}
