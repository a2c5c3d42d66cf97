// Scaled dot-product attention and its gradients. The softmax is computed in one pass (online softmax, arXiv 1805.02867); attention weights
// are computed again in the backward pass, never stored.
//
// Constants: PICTURES, QUERIES and KEYS (of a picture), HEADS, DEPTH (channels of a head, a multiple of 4), SCALE, STAGE.
// An invocation has one head of
//     STAGE 0: one query, and computes its row of the result;
//     STAGE 1: one query, and computes its gradient and what stage 2 needs of its softmax;
//     STAGE 2: one key, and computes its gradient and that of its value.
//
// Bindings, with C = HEADS · DEPTH:
//     queries [PICTURES, QUERIES, C], keys and values [PICTURES, KEYS, C]
//     grad [PICTURES, QUERIES, C]: the gradient of the result (stages 1 and 2)
//     stats [PICTURES, QUERIES, HEADS] (log of the softmax's denominator, grad · result): written by stage 1, read by stage 2
//     result: stage 0 the result, stage 1 the queries' gradient, stage 2 the keys' gradient
//     second_result: stage 2 the values' gradient

const VEC4S = DEPTH / 4u;
const ROW = HEADS * VEC4S;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let own = select(QUERIES, KEYS, STAGE == 2u); // queries or keys of a picture
    let own_index = index(id);
    if (own_index >= PICTURES * own * HEADS) {
        return;
    }
    let head = own_index % HEADS;
    let picture = own_index / HEADS / own;
    let first_query = picture * QUERIES * ROW + head * VEC4S;
    let first_key = picture * KEYS * ROW + head * VEC4S;
    let at = own_index / HEADS * ROW + head * VEC4S;

    if (STAGE == 2u) {
        var own_key: array<vec4f, VEC4S>;
        var own_value: array<vec4f, VEC4S>;
        for (var i = 0u; i < VEC4S; i++) {
            own_key[i] = keys[at + i];
            own_value[i] = values[at + i];
        }
        var key_grad: array<vec4f, VEC4S>;
        var value_grad: array<vec4f, VEC4S>;
        for (var query = 0u; query < QUERIES; query++) {
            let from_query = first_query + query * ROW;
            let query_stats = stats[(picture * QUERIES + query) * HEADS + head];
            var score = 0.0;
            var grad_dot_value = 0.0;
            for (var i = 0u; i < VEC4S; i++) {
                score += dot(queries[from_query + i], own_key[i]);
                grad_dot_value += dot(grad[from_query + i], own_value[i]);
            }
            let weight = exp(score * SCALE - query_stats.x);
            let slope = weight * (grad_dot_value - query_stats.y) * SCALE;
            for (var i = 0u; i < VEC4S; i++) {
                value_grad[i] += weight * grad[from_query + i];
                key_grad[i] += slope * queries[from_query + i];
            }
        }
        for (var i = 0u; i < VEC4S; i++) {
            result[at + i] = key_grad[i];
            second_result[at + i] = value_grad[i];
        }
        return;
    }

    var own_query: array<vec4f, VEC4S>;
    var own_grad: array<vec4f, VEC4S>;
    for (var i = 0u; i < VEC4S; i++) {
        own_query[i] = queries[at + i];
        own_grad[i] = grad[at + i];
    }
    var max_score = -3.0e38;
    var denominator = 0.0;
    var out: array<vec4f, VEC4S>;
    for (var key = 0u; key < KEYS; key++) {
        let from_key = first_key + key * ROW;
        var score = 0.0;
        for (var i = 0u; i < VEC4S; i++) {
            score += dot(own_query[i], keys[from_key + i]);
        }
        score *= SCALE;
        let new_max = max(max_score, score);
        let rescale = exp(max_score - new_max);
        let weight = exp(score - new_max);
        max_score = new_max;
        denominator = denominator * rescale + weight;
        for (var i = 0u; i < VEC4S; i++) {
            out[i] = out[i] * rescale + weight * values[from_key + i];
        }
    }
    if (STAGE == 0u) {
        for (var i = 0u; i < VEC4S; i++) {
            result[at + i] = out[i] / denominator;
        }
        return;
    }

    let log_denominator = max_score + log(denominator);
    var grad_dot_result = 0.0;
    for (var i = 0u; i < VEC4S; i++) {
        grad_dot_result += dot(own_grad[i], out[i] / denominator);
    }
    stats[own_index] = vec2f(log_denominator, grad_dot_result);
    var query_grad: array<vec4f, VEC4S>;
    for (var key = 0u; key < KEYS; key++) {
        let from_key = first_key + key * ROW;
        var score = 0.0;
        var grad_dot_value = 0.0;
        for (var i = 0u; i < VEC4S; i++) {
            score += dot(own_query[i], keys[from_key + i]);
            grad_dot_value += dot(own_grad[i], values[from_key + i]);
        }
        let slope = exp(score * SCALE - log_denominator) * (grad_dot_value - grad_dot_result) * SCALE;
        for (var i = 0u; i < VEC4S; i++) {
            query_grad[i] += slope * keys[from_key + i];
        }
    }
    for (var i = 0u; i < VEC4S; i++) {
        result[at + i] = query_grad[i];
    }
}
