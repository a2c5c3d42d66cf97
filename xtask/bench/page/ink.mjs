// In the page: this engine and onnxruntime-web on the networks of the base behind an autoencoder, one thread each.
const BASE = 'models/ink/base/'
const STEPS = 12
const SIDE = 16 // of the latents
const CHANNELS = 4
const CLASSES = 10

export const load = async site => ({ ours: await ours(site), theirs: await theirs(site) })

const median = values => [...values].sort((a, b) => a - b)[values.length >> 1]

/** Milliseconds of a step, of the decoding and of a whole digit, guided at each step: the last step's time is one of both. */
async function ours(site) {
  const get = async (path, kind) => (await fetch(`${site}${BASE}${path}`))[kind]()
  const module = await import(`${site}engine/engine.js`)
  await module.default({ module_or_path: `${site}engine/engine-relaxed_bg.wasm` })
  const [info, unetConfig, schedulerConfig, vaeConfig] = await Promise.all(
    ['digit_diffusion.json', 'unet/config.json', 'scheduler/scheduler_config.json', 'vae/config.json'].map(path => get(path, 'text')),
  )
  const [weights, vaeWeights] = await Promise.all(['unet', 'vae'].map(path => get(`${path}/diffusion_pytorch_model.safetensors`, 'arrayBuffer')))
  const files = { info, unetConfig, schedulerConfig, weights: new Uint8Array(weights), vaeConfig, vaeWeights: new Uint8Array(vaeWeights) }
  const engine = await module.Engine.load(files, 'cpu')
  let seed = 0
  return async () => {
    const run = engine.sample({ labels: [seed % CLASSES], seeds: [seed++], steps: STEPS, sampler: 'ddim', guidanceScale: 2, guidanceStart: 0, guidanceStop: 1, guidanceEta: 1 })
    const times = []
    for (let i = 0; i < STEPS; i++) {
      const begin = performance.now()
      await run.next()
      times.push(performance.now() - begin)
    }
    run.free()
    const step = median(times.slice(1, -1))
    return { step, decode: times.at(-1) - step, digit: times.reduce((sum, ms) => sum + ms, 0) }
  }
}

/** The same; of the arithmetic between the networks' calls, guidance alone: what is left out is in its favour. */
async function theirs(site) {
  const ort = await import(`${site}ort/ort.wasm.min.mjs`)
  ort.env.wasm.numThreads = 1
  ort.env.wasm.wasmPaths = `${site}ort/`
  const { tokens_per_class: tokens } = await (await fetch(`${site}${BASE}digit_diffusion.json`)).json()
  const open = name => ort.InferenceSession.create(`${site}onnx/${name}.onnx`, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' })
  const [network, decoder] = [await open('base'), await open('decoder')]
  const length = CHANNELS * SIDE * SIDE
  const rows = new Float32Array(2 * tokens * (CLASSES + 1) * tokens)
  for (let b = 0; b < 2; b++) for (let t = 0; t < tokens; t++) rows[(b * tokens + t) * (CLASSES + 1) * tokens + (b ? 3 : CLASSES) * tokens + t] = 1
  const class_rows = new ort.Tensor('float32', rows, [2, tokens, (CLASSES + 1) * tokens])
  return async () => {
    let x = Float32Array.from({ length }, () => 2 * Math.random() - 1)
    const times = []
    for (let i = 0; i < STEPS; i++) {
      const begin = performance.now()
      const sample = new Float32Array(2 * length)
      sample.set(x)
      sample.set(x, length)
      const { prediction } = await network.run({
        sample: new ort.Tensor('float32', sample, [2, CHANNELS, SIDE, SIDE]),
        timestep: new ort.Tensor('float32', new Float32Array(2).fill(1000 - (i + 1) * 80), [2]),
        class_rows,
      })
      const v = await prediction.getData()
      x = x.map((_, j) => v[j] + 2 * (v[j + length] - v[j]))
      times.push(performance.now() - begin)
    }
    const begin = performance.now()
    const { pictures } = await decoder.run({ latents: new ort.Tensor('float32', x, [1, CHANNELS, SIDE, SIDE]) })
    await pictures.getData()
    const decode = performance.now() - begin
    return { step: median(times.slice(1)), decode, digit: times.reduce((sum, ms) => sum + ms, 0) + decode }
  }
}
