// In the page: this engine.
const CLASSES = 10

/** Loads the engine and the base, of the files that the page takes, as the worker does; answers `draw` and what it is made of. */
export async function load(site, { device }) {
  const get = async (path, kind) => {
    const answer = await fetch(`${site}models/base/${path}`)
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
    return answer[kind]()
  }
  const [engine, ...files] = await Promise.all([
    import(`${site}engine/engine.js`).then(async module => {
      await module.default({ module_or_path: `${site}engine/engine-relaxed_bg.wasm` })
      return module
    }),
    get('digit_diffusion.json', 'text'),
    get('unet/config.json', 'text'),
    get('scheduler/scheduler_config.json', 'text'),
    get('unet/diffusion_pytorch_model.quantized.safetensors', 'arrayBuffer'),
  ])
  const [info, unetConfig, schedulerConfig, weights] = files
  const loaded = await engine.Engine.load({ info, unetConfig, schedulerConfig, weights: new Uint8Array(weights) }, device)
  /** A run of `steps` on `batch` / 2 digits with guidance. */
  return async (batch, steps, seed = 0) => {
    const seeds = Array.from({ length: batch / 2 }, (_, i) => seed + i)
    const run = loaded.sample({ labels: seeds.map(i => i % CLASSES), seeds, steps, sampler: 'ddim', guidanceScale: 2, guidanceStart: 0, guidanceStop: 1, guidanceEta: 1 })
    while (await run.next());
    run.free()
  }
}
