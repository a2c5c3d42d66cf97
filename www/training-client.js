// The page's end of training: a worker of its own (training.js) with a module of its own, started when somebody teaches or brings a
// drawing, and ended when nothing has been asked of it for a while.
// Tests: tests/page/prepare-drawing.test.mjs
import { trainerAddress, trainingAddresses } from './addresses.js'
import { Client } from './client.js'
import { mistakes } from './texts/module.js'

const IDLE = 60_000 // milliseconds after which the worker is ended, and its memory is given back
const FITS = ['mnist', 'auto', 'none', 'pad', 'crop', 'stretch']
const INKS = ['auto', 'dark', 'light']

const show = value => (typeof value === 'string' ? `'${value}'` : String(value))

/** What can be posted of a picture; what belongs to the page is copied. @param {any} source @returns {Promise<ImageData | ImageBitmap | Blob>} */
export async function postable(source) {
  if (source instanceof ImageData || source instanceof Blob) return source
  try {
    return await createImageBitmap(source)
  } catch (error) {
    if (error instanceof TypeError) throw new TypeError(mistakes.picture(show(source)), { cause: error })
    throw error // a canvas without pixels, or one that has drawn what its page may not read
  }
}

export class TrainingWorker {
  /** @type {Client | undefined} */
  #client
  #users = 0
  #idle

  /**
   * The worker, with its module; it stays until all who have got it have released it, and a while longer.
   * @param {{ signal?: AbortSignal, onprogress?: (progress: any) => void }} options for the module's download, the first time
   */
  async acquire({ signal, onprogress } = {}) {
    clearTimeout(this.#idle)
    this.#users++
    try {
      const client = (this.#client ??= this.#start())
      await client.call('load', client.engine, { signal, onprogress })
      return client
    } catch (error) {
      this.release()
      throw error
    }
  }

  release() {
    if (!--this.#users) this.#idle = setTimeout(() => this.end(), IDLE)
  }

  /**
   * Has the worker do something.
   * @param {string} method @param {object} params
   * @param {{ signal?: AbortSignal, onprogress?: (progress: any) => void, transfer?: Transferable[] }} options
   * @returns {Promise<any>}
   */
  async call(method, params, { signal, onprogress, transfer } = {}) {
    const client = await this.acquire({ signal, onprogress })
    try {
      return await client.call(method, params, { signal, transfer })
    } finally {
      this.release()
    }
  }

  end() {
    clearTimeout(this.#idle)
    this.#client?.dispose()
    this.#client = undefined
  }

  #start() {
    const client = new Client({ worker: trainerAddress, engines: trainingAddresses })
    client.lost.then(() => {
      if (this.#client === client) this.#client = undefined // the next use starts another one
    })
    return client
  }
}

/** Grey pixels as a canvas takes them. @param {Uint8Array} pixels @param {number} size */
function toImage(pixels, size) {
  const image = new ImageData(size, size)
  pixels.forEach((level, i) => image.data.set([level, level, level, 255], 4 * i))
  return image
}

/**
 * What a drawing or a photograph is for the network.
 * @param {TrainingWorker} worker @param {any} source @param {number} size @param {import('./digit-diffusion.js').PrepareOptions} options
 */
export async function prepareDrawing(worker, source, size, { several = false, fit = 'mnist', ink = 'auto', ...rest } = {}) {
  if (!FITS.includes(fit)) throw new RangeError(mistakes.choice('fit', FITS, show(fit)))
  if (!INKS.includes(ink)) throw new RangeError(mistakes.choice('ink', INKS, show(ink)))
  const posted = await postable(source)
  const transfer = posted instanceof ImageBitmap ? [posted] : []
  const params = { source: posted, size, fit, ink, several: Boolean(several) }
  const { pictures, ...prepared } = await worker.call('prepare', params, { ...rest, transfer })
  return { images: pictures.map(pixels => toImage(pixels, size)), ...prepared }
}
