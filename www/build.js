// Which build of the engine this browser can run, and where the builds are.
// Tests: tests/page/parity.test.mjs, failures.test.mjs

/** Whether WebAssembly has the instructions of `code`: validates a module whose only function, () -> v128, consists of them. */
const runs = (/** @type {number[]} */ code) =>
  WebAssembly.validate(
    new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, code.length + 4, 1, code.length + 2, 0, ...code, 11]),
  )
const SPLAT = [65, 1, 253, 17] // i32.const 1, i32x4.splat
const POPCNT = [...SPLAT, 253, 98] // i8x16.popcnt, one of the last instructions of SIMD
const FUSED = [...SPLAT, ...SPLAT, ...SPLAT, 253, 133, 2] // f32x4.relaxed_madd

/** With fused multiply-add, or without; undefined where the browser lacks SIMD, or WebAssembly. @returns {'relaxed' | 'plain' | undefined} */
export function probeBuild() {
  if (typeof WebAssembly !== 'object') return undefined
  return runs(FUSED) ? 'relaxed' : runs(POPCNT) ? 'plain' : undefined
}
