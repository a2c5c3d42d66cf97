// In the page: this project's class, once with one worker and once with one for each core; with one worker also with styles.
const CLASSES = 10

/** Loads both; answers what draws with each, and how long a step took. */
export async function load(site) {
  const { DigitDiffusion } = await import(`${site}digit-diffusion.js`)
  const open = async threads => {
    const model = await DigitDiffusion.load(`${site}models/base/`, { device: 'cpu', threads })
    /** Milliseconds of a step of a run of `steps` on `batch` / 2 digits with guidance. */
    const draw = async (batch, steps) => {
      const seed = Array.from({ length: batch / 2 }, (_, i) => i)
      const begin = performance.now()
      for await (const step of model.sample({ label: seed.map(i => i % CLASSES), seed, steps, sampler: 'ddim', guidanceScale: 2, guidanceStart: 0, guidanceStop: 1, guidanceEta: 1 })) void step
      return (performance.now() - begin) / steps
    }
    // Until all workers are there.
    while (model.threads < threads) await draw(4 * threads, 1)
    return { model, draw }
  }
  const [one, all] = [await open(1), await open(navigator.hardwareConcurrency)]
  const styles = one.model.catalog.slice(0, 3).map(({ name }) => name)
  for (const name of styles) await one.model.addAdapter(name)
  /** Milliseconds until all styles are on, each at a strength of its own. */
  const set = async scale => {
    const begin = performance.now()
    await one.model.setAdapters(Object.fromEntries(styles.map((name, i) => [name, scale / (i + 1)])))
    return performance.now() - begin
  }
  return {
    one: one.draw,
    all: all.draw,
    set,
    /** As `one`, with the styles off, and with them on. */
    async plain(batch, steps) {
      await one.model.setAdapters({})
      return one.draw(batch, steps)
    },
    async styled(batch, steps) {
      await set(1)
      return one.draw(batch, steps)
    },
  }
}
