// The most multiply-adds a second that WebAssembly's SIMD reaches on this core: a loop of twelve independent sums, fused where
// the browser has relaxed SIMD. Two floating-point operations each.
const SUMS = 12
const leb = value => {
  const bytes = []
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128)
  return [...bytes, value]
}
const op = code => [253, ...leb(code)]
const get = local => [32, local]
const set = local => [33, local]
const SPLAT = op(19) // f32x4.splat
const [ADD, MUL, FUSED] = [op(228), op(230), op(261)]

function assemble(fused) {
  // Locals: 0 the count, 1 x, 2 y, 3 … the sums.
  const sums = Array.from({ length: SUMS }, (_, i) => 3 + i)
  const step = sum => (fused ? [...get(1), ...get(2), ...get(sum), ...FUSED, ...set(sum)] : [...get(sum), ...get(1), ...get(2), ...MUL, ...ADD, ...set(sum)])
  const constant = (value, local) => [67, ...new Uint8Array(new Float32Array([value]).buffer), ...SPLAT, ...set(local)]
  // Without fusion each product needs a factor of its own, or the compiler would compute it once: x is moved along.
  const vary = fused ? [] : [...get(1), ...get(2), ...ADD, ...set(1)]
  const loop = [3, 64, ...sums.flatMap((sum, i) => [...(i % 4 ? [] : vary), ...step(sum)]), ...get(0), 65, 1, 107, 34, 0, 13, 0, 11]
  const result = [...sums.slice(1).reduce((code, sum) => [...code, ...get(sum), ...ADD], get(sums[0])), ...op(31), 0]
  const body = [1, ...leb(SUMS + 2), 123, ...constant(1e-20, 1), ...constant(1e-20, 2), ...loop, ...result, 11]
  const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes]
  const code = [1, ...leb(body.length), ...body]
  return new Uint8Array([
    ...[0, 97, 115, 109, 1, 0, 0, 0],
    ...section(1, [1, 96, 1, 127, 1, 125]),
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 102, 0, 0]),
    ...section(10, code),
  ])
}

/** GFLOP/s. */
export async function peak() {
  const bytes = [true, false].map(assemble).find(bytes => WebAssembly.validate(bytes))
  const { f } = (await WebAssembly.instantiate(bytes)).instance.exports
  const turns = 2e6
  let best = Infinity
  for (let i = 0; i < 8; i++) {
    const begin = performance.now()
    f(turns)
    best = Math.min(best, performance.now() - begin)
  }
  return (turns * SUMS * 4 * 2) / best / 1e6
}
