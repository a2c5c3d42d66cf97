// Scaled dot-product attention with HEADS heads of DEPTH channels, and its gradients; weights are computed anew, never kept. An invocation
// has one head of one query (STAGE 0: the result; 1: the query's gradient, and what stage 2 needs), or of one key (2: its gradient and its
// value's). Softmax as it goes (arXiv 1805.02867).

const FOURS = DEPTH / 4u;
const ROW = HEADS * FOURS;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let own = select(QUERIES, KEYS, STAGE == 2u); // of a picture
    let own_index = index(id);
    if (own_index >= PICTURES * own * HEADS) {
        return;
    }
    let head = own_index % HEADS;
    let picture = own_index / HEADS / own;
    let first_query = picture * QUERIES * ROW + head * FOURS;
    let first_key = picture * KEYS * ROW + head * FOURS;
    let at = own_index / HEADS * ROW + head * FOURS;

    if (STAGE == 2u) {
        var own_key: array<vec4f, FOURS>;
        var own_value: array<vec4f, FOURS>;
        for (var i = 0u; i < FOURS; i++) {
            own_key[i] = keys[at + i];
            own_value[i] = values[at + i];
        }
        var key_grad: array<vec4f, FOURS>;
        var value_grad: array<vec4f, FOURS>;
        for (var query = 0u; query < QUERIES; query++) {
            let from_query = first_query + query * ROW;
            let stats = notes[(picture * QUERIES + query) * HEADS + head];
            var score = 0.0;
            var product = 0.0;
            for (var i = 0u; i < FOURS; i++) {
                score += dot(queries[from_query + i], own_key[i]);
                product += dot(grad[from_query + i], own_value[i]);
            }
            let share = exp(score * SCALE - stats.x);
            let slope = share * (product - stats.y) * SCALE;
            for (var i = 0u; i < FOURS; i++) {
                value_grad[i] += share * grad[from_query + i];
                key_grad[i] += slope * queries[from_query + i];
            }
        }
        for (var i = 0u; i < FOURS; i++) {
            result[at + i] = key_grad[i];
            second[at + i] = value_grad[i];
        }
        return;
    }

    var own_query: array<vec4f, FOURS>;
    var own_grad: array<vec4f, FOURS>;
    for (var i = 0u; i < FOURS; i++) {
        own_query[i] = queries[at + i];
        own_grad[i] = grad[at + i];
    }
    var most = -3.0e38;
    var all = 0.0;
    var out: array<vec4f, FOURS>;
    for (var key = 0u; key < KEYS; key++) {
        let from_key = first_key + key * ROW;
        var score = 0.0;
        for (var i = 0u; i < FOURS; i++) {
            score += dot(own_query[i], keys[from_key + i]);
        }
        score *= SCALE;
        let higher = max(most, score);
        let fade = exp(most - higher);
        let share = exp(score - higher);
        most = higher;
        all = all * fade + share;
        for (var i = 0u; i < FOURS; i++) {
            out[i] = out[i] * fade + share * values[from_key + i];
        }
    }
    if (STAGE == 0u) {
        for (var i = 0u; i < FOURS; i++) {
            result[at + i] = out[i] / all;
        }
        return;
    }

    let whole = most + log(all);
    var along = 0.0;
    for (var i = 0u; i < FOURS; i++) {
        along += dot(own_grad[i], out[i] / all);
    }
    notes[own_index] = vec2f(whole, along);
    var query_grad: array<vec4f, FOURS>;
    for (var key = 0u; key < KEYS; key++) {
        let from_key = first_key + key * ROW;
        var score = 0.0;
        var product = 0.0;
        for (var i = 0u; i < FOURS; i++) {
            score += dot(own_query[i], keys[from_key + i]);
            product += dot(own_grad[i], values[from_key + i]);
        }
        let slope = exp(score * SCALE - whole) * (product - along) * SCALE;
        for (var i = 0u; i < FOURS; i++) {
            query_grad[i] += slope * keys[from_key + i];
        }
    }
    for (var i = 0u; i < FOURS; i++) {
        result[at + i] = query_grad[i];
    }
}
