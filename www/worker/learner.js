// What a worker computes that helps another one to teach: loss and gradients of jobs, with the parameters that it is given.
// Tests: tests/page/train.test.mjs
import * as wasm from '../engine/training.js'
import { readBase } from './base-files.js'

/** @type {wasm.Network} */
let network

export const methods = {
  /** The module as the other worker has compiled it, the base's files, and those of an adapter of the shape that is trained. */
  async start({ module, base, adapter }) {
    await wasm.default({ module_or_path: module })
    const loaded = wasm.Base.load(await readBase(base))
    network = wasm.Network.load(loaded, adapter)
    loaded.free()
  },

  parameters({ values }) {
    network.setParameters(values)
  },

  gradients({ job }) {
    const started = performance.now()
    const output = network.gradients(job)
    return { output, ms: performance.now() - started, transfer: [output.buffer] }
  },

  loss({ job }) {
    const started = performance.now()
    return { output: network.loss(job), ms: performance.now() - started }
  },
}
