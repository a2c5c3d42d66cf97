// In the page: onnxruntime-web on the same network and weights, with the same guidance and sampler around it.
const CLASSES = 10

/** `threads` of more than one want an isolated page. */
export async function load(site, { device, threads = 1 }) {
  const ort = await import(`${site}ort/ort.${device === 'cpu' ? 'wasm' : 'webgpu'}.min.mjs`)
  ort.env.wasm.numThreads = threads
  ort.env.wasm.wasmPaths = `${site}ort/`
  const { tokens_per_class: tokens } = await (await fetch(`${site}models/base/digit_diffusion.json`)).json()
  const options = { executionProviders: [device === 'cpu' ? 'wasm' : 'webgpu'], graphOptimizationLevel: 'all' }
  const session = await ort.InferenceSession.create(`${site}onnx/base.onnx`, options)
  const alphas = cosine(1000)
  const length = 4 * 14 * 14

  return async (batch, steps) => {
    const half = batch / 2
    const rows = new Float32Array(batch * tokens * (CLASSES + 1) * tokens)
    for (let b = 0; b < batch; b++)
      for (let t = 0; t < tokens; t++) rows[(b * tokens + t) * (CLASSES + 1) * tokens + (b < half ? CLASSES : b % CLASSES) * tokens + t] = 1
    const class_rows = new ort.Tensor('float32', rows, [batch, tokens, (CLASSES + 1) * tokens])
    let x = Float32Array.from({ length: half * length }, gauss)
    for (let i = 0; i < steps; i++) {
      const t = Math.round(((steps - i) * 1000) / steps) - 1
      const before = t - 1000 / steps
      const [a, b] = [alphas[t], before < 0 ? 1 : alphas[Math.round(before)]]
      const sample = new Float32Array(batch * length)
      sample.set(x)
      sample.set(x, half * length)
      const { prediction } = await session.run({
        sample: new ort.Tensor('float32', sample, [batch, 4, 14, 14]),
        timestep: new ort.Tensor('float32', new Float32Array(batch).fill(t), [batch]),
        class_rows,
      })
      const v = await prediction.getData()
      // Guidance 2, v-prediction, DDIM.
      x = x.map((value, j) => {
        const guided = v[j] + 2 * (v[j + half * length] - v[j])
        const [x0, eps] = [Math.sqrt(a) * value - Math.sqrt(1 - a) * guided, Math.sqrt(a) * guided + Math.sqrt(1 - a) * value]
        return Math.sqrt(b) * x0 + Math.sqrt(1 - b) * eps
      })
    }
    return x
  }
}

const gauss = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())

function cosine(total) {
  const bar = t => Math.cos((((t / total + 0.008) / 1.008) * Math.PI) / 2) ** 2
  const alphas = []
  for (let t = 0, product = 1; t < total; t++) alphas.push((product *= 1 - Math.min(1 - bar(t + 1) / bar(t), 0.999)))
  return alphas
}
