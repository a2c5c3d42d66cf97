// In the page: this project's class, once with one worker and once with one for each core.
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
    return draw
  }
  return { one: await open(1), all: await open(navigator.hardwareConcurrency) }
}
