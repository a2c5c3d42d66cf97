// What stands in for the model's training, where a test is of what the page does when it is slow or fails.

/**
 * To be run in the page before its scripts: finds the class as it is defined, and replaces its train().
 * @param {{ steps?: number, ms?: number, fails?: string, at?: number }} plan milliseconds for a step; what it fails with, after how many steps
 */
export function standIn({ steps = 60, ms = 20, fails, at = 30 } = {}) {
  const define = Object.defineProperty
  Object.defineProperty = (target, key, descriptor) => {
    if (key === Symbol.toStringTag && descriptor.value === 'DigitDiffusion') patch(/** @type {any} */ (target))
    return define(target, key, descriptor)
  }
  function patch(prototype) {
    if (prototype.train.standsIn) return // a newer plan of the same test
    const grey = (size, pixels) => {
      const image = new ImageData(size, size)
      for (const [i, value] of pixels.entries()) image.data.set([value, value, value, 255], 4 * i)
      return image
    }
    prototype.train = async function* (name, { images, labels, previews, signal, resume, init }) {
      window.trained = { count: images.length, labels, resume: resume && [...resume.slice(0, 1)][0], init }
      for (let step = (resume?.[0] ?? 0) + 1; step <= steps; step++) {
        await new Promise(resolve => setTimeout(resolve, ms))
        signal.throwIfAborted()
        if (fails && step > at) throw Object.assign(new Error(fails), { code: 'crashed' })
        window.steps = step
        const pictures = step % 10 ? undefined : previews.label.map(label => grey(this.imageSize, images[labels.indexOf(label)]))
        yield { step, total: steps, loss: 0.05 + 0.2 * Math.exp(-step / 20), validationLoss: step % 15 ? undefined : 0.07 + 0.15 * Math.exp(-step / 25), rate: 212, secondsLeft: ((steps - step) * ms) / 1000, images: pictures, checkpoint: step % 10 ? undefined : new Uint8Array(1000).fill(step) }
      }
    }
    // As the class does when the loop is left: what it has learnt is there.
    const train = prototype.train
    prototype.train = async function* (name, options) {
      try {
        yield* train.call(this, name, options)
        await this.addAdapter(name, 'models/lora/outline/')
      } finally {
        if (!options.signal.aborted && !this.adapters.some(adapter => adapter.name === name) && !fails) await this.addAdapter(name, 'models/lora/outline/')
      }
    }
    prototype.train.standsIn = true
  }
}
