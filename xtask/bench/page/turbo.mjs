// In the page: a digit through this project's class with one worker, by the base's own rule and in four and two calls; and what the rule's
// nineteen calls of the network cost onnxruntime-web, with one thread.
const CLASSES = 10
const LATENTS = [4, 14, 14]
/** Steps of the rule with guidance, which ask the network twice, and without. */
const [GUIDED, PLAIN] = [7, 5]
/** Digits of one measurement. */
const DIGITS = { usual: 2, 'turbo-4': 8, 'turbo-2': 16, theirs: 1 }

export async function load(site) {
  const { DigitDiffusion } = await import(`${site}digit-diffusion.js`)
  const model = await DigitDiffusion.load(`${site}models/base/`, { device: 'cpu', threads: 1 })
  for (const name of ['turbo-4', 'turbo-2']) await model.addAdapter(name)
  let seed = 0
  const calls = await theirs(site, model.labels.length)
  /** Milliseconds of one finished digit, by its request to the class. Switching is not in it: the model keeps both networks. */
  const digit = async name => {
    if (name === 'theirs') return calls()
    const adapters = name === 'usual' ? {} : { [name]: 1 }
    for await (const step of model.sample({ label: 0, seed: 0, adapters })) void step
    const begin = performance.now()
    for (let i = 0; i < DIGITS[name]; i++) for await (const step of model.sample({ label: seed % CLASSES, seed: seed++, adapters })) void step
    return (performance.now() - begin) / DIGITS[name]
  }
  return { digit }
}

/** Milliseconds of the calls alone: what is between them is left out in its favour. */
async function theirs(site, classes) {
  const ort = await import(`${site}ort/ort.wasm.min.mjs`)
  ort.env.wasm.numThreads = 1
  ort.env.wasm.wasmPaths = `${site}ort/`
  const { tokens_per_class: tokens } = await (await fetch(`${site}models/base/digit_diffusion.json`)).json()
  const network = await ort.InferenceSession.create(`${site}onnx/base.onnx`, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' })
  const length = LATENTS.reduce((product, side) => product * side)
  const width = (classes + 1) * tokens
  const inputs = batch => {
    const rows = new Float32Array(batch * tokens * width)
    for (let b = 0; b < batch; b++) for (let t = 0; t < tokens; t++) rows[(b * tokens + t) * width + (b ? classes : 3) * tokens + t] = 1
    const sample = Float32Array.from({ length: batch * length }, () => 2 * Math.random() - 1)
    return {
      sample: new ort.Tensor('float32', sample, [batch, ...LATENTS]),
      timestep: new ort.Tensor('float32', new Float32Array(batch).fill(500), [batch]),
      class_rows: new ort.Tensor('float32', rows, [batch, tokens, width]),
    }
  }
  const [guided, plain] = [inputs(2), inputs(1)]
  const call = async feeds => (await network.run(feeds)).prediction.getData()
  return async () => {
    const begin = performance.now()
    for (let i = 0; i < DIGITS.theirs; i++) {
      for (let step = 0; step < GUIDED; step++) await call(guided)
      for (let step = 0; step < PLAIN; step++) await call(plain)
    }
    return (performance.now() - begin) / DIGITS.theirs
  }
}
