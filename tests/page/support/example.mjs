// The example of the first view (www/pictures/example.png): its settings, and how it is drawn.

/** What the page's own controls say at first, with a digit. */
export const EXAMPLE = { label: '7', seed: 2, steps: 12, style: 'outline' }

/**
 * The greys of every step, by the base and in the style, from the same noise.
 * @param {import('playwright-core').Page} page on the built site
 * @returns {Promise<number[][][]>}
 */
export const drawExample = page =>
  page.evaluate(async ({ style, ...options }) => {
    const { DigitDiffusion } = await import(new URL('digit-diffusion.js', location.href).href)
    const model = await DigitDiffusion.load('models/base/', { device: 'cpu' })
    await model.addAdapter(style)
    /** @type {number[][][]} */
    const tracks = []
    for (const adapters of [{}, { [style]: 1 }]) {
      /** @type {number[][]} */
      const steps = []
      for await (const { image } of model.sample({ ...options, adapters })) steps.push(Array.from({ length: image.data.length / 4 }, (_, i) => image.data[4 * i]))
      tracks.push(steps)
    }
    model.dispose()
    return tracks
  }, EXAMPLE)
