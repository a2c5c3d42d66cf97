// In the page: this project's class, which draws in workers.
const CLASSES = 10
const GUIDED = { sampler: 'ddim', guidanceScale: 2, guidanceStart: 0, guidanceStop: 1, guidanceEta: 1 }

const drawWith = model => async (batch, steps, first = 0) => {
  const seed = Array.from({ length: batch / 2 }, (_, i) => first + i)
  for await (const step of model.sample({ label: seed.map(i => i % CLASSES), seed, steps, ...GUIDED })) void step
}

const open = async (site, options) => {
  const { DigitDiffusion } = await import(`${site}digit-diffusion.js`)
  return DigitDiffusion.load(`${site}models/base/`, options)
}

/** A run of `steps` on `batch` / 2 digits with guidance; `warmUp` until all workers are there. */
export async function load(site, { device, threads }) {
  const model = await open(site, { device, threads })
  const draw = drawWith(model)
  const warmUp = async () => {
    while (model.threads < threads) await draw(4 * threads, 1)
  }
  return Object.assign(draw, { warmUp })
}

/** One worker, without and with three styles. */
export async function loadStyles(site) {
  const model = await open(site, { device: 'cpu', threads: 1 })
  const draw = drawWith(model)
  const styles = model.catalog.filter(({ turbo }) => !turbo).slice(0, 3).map(({ name }) => name)
  for (const name of styles) await model.addAdapter(name)
  /** Milliseconds until all styles are on, each at a strength of its own. */
  const set = async scale => {
    const begin = performance.now()
    await model.setAdapters(Object.fromEntries(styles.map((name, i) => [name, scale / (i + 1)])))
    return performance.now() - begin
  }
  const timed = async (batch, steps) => {
    const begin = performance.now()
    await draw(batch, steps)
    return (performance.now() - begin) / steps
  }
  return {
    set,
    async plain(batch, steps) {
      await model.setAdapters({})
      return timed(batch, steps)
    },
    async styled(batch, steps) {
      await set(1)
      return timed(batch, steps)
    },
  }
}
