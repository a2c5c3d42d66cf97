// What a helper worker computes: the network for rows of a batch, with the weights that it is given.
// Tests: tests/page/helpers.test.mjs
import * as wasm from '../engine/engine.js'

/** By version of the weights. @type {Map<number, wasm.Network>} */
const networks = new Map()
/** Of the base's configuration. @type {[info: string, unetConfig: string]} */
let texts

export const methods = {
  /** The engine as another worker has compiled it, and the base's configuration. */
  async start({ module, info, unetConfig }) {
    await wasm.default({ module_or_path: module })
    texts = [info, unetConfig]
  },

  weights({ version, values }) {
    networks.set(version, wasm.Network.load(...texts, values))
  },

  /** Of all versions these alone are needed from now on. */
  keep({ versions }) {
    for (const [version, network] of networks) {
      if (versions.includes(version)) continue
      network.free()
      networks.delete(version)
    }
  },

  predict({ version, sample, labels, timestep }) {
    const started = performance.now()
    const output = networks.get(version).predict(sample, labels, timestep)
    return { output, ms: performance.now() - started, transfer: [output.buffer] }
  },
}
