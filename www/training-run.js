// The page's end of a run of training: asks for some steps after the other, draws previews meanwhile, and keeps what has been learnt.
// Tests: tests/page/train.test.mjs, train-sleep.test.mjs, taught.test.mjs
import { DigitDiffusionError, isAbort } from './errors.js'
import { DEFAULTS, defaultsWith, readSampleOptions, readTrainOptions } from './options.js'
import { training as texts } from './texts/module.js'
import { postable } from './training-client.js'

const SILENCE = 5000 // milliseconds between looks at a worker that owes an answer
const LOOKS = 24 // without an answer after which it is taken for dead: a step takes a slow device long; one that wakes has missed one look at most

/** Resolves when the page is seen, or `stop` is. @param {AbortSignal} stop */
function seen(stop) {
  if (!document.hidden || stop.aborted) return
  return new Promise(resolve => {
    const look = () => (!document.hidden || stop.aborted) && resolve(undefined)
    document.addEventListener('visibilitychange', look, { signal: stop })
    stop.addEventListener('abort', look)
  })
}

/**
 * A worker that was killed says nothing: where browsers tell, its line has closed; else it has not answered for too long.
 * @param {import('./client.js').Client} client
 */
async function answered(client, answer) {
  let looks = 0
  const watch = setInterval(() => ++looks === LOOKS && client.lose(new DigitDiffusionError('crashed', { message: '' })), SILENCE)
  try {
    return await answer
  } finally {
    clearInterval(watch)
  }
}

/** What is asked for, in a form that can be posted; wrong arguments throw at once. */
export function readTraining(options, facts) {
  const { previews, signal, background = false, threads = DEFAULTS.threads, onprogress, init, ...read } = readTrainOptions(options, facts)
  const preview = previews && readSampleOptions({ ...previews, steps: previews.steps ?? DEFAULTS.steps }, facts, defaultsWith(facts)).request
  return { preview, signal, background, threads, onprogress, init, read }
}

/**
 * @param {import('./training-client.js').TrainingWorker} worker
 * @param {{ base: () => Promise<object>, files: (name: string) => Promise<object>, draw: (files: any, request: object, signal?: AbortSignal) => Promise<ImageData[]>,
 *   add: (files: any) => Promise<unknown> }} model what the model itself does: gives its files and an adapter's, draws with one, adds one
 * @param {{ title: string, size: number } & ReturnType<typeof readTraining>} options
 */
export async function* train(worker, model, { title, size, preview, signal, background, threads, onprogress, init, read }) {
  const client = await worker.acquire({ signal, onprogress })
  const stop = new AbortController()
  const { port1: line, port2 } = new MessageChannel()
  line.addEventListener('close', () => stop.signal.aborted || client.lose(new DigitDiffusionError('crashed', { message: '' })))
  line.start()
  let begun = false
  /** @type {Promise<any> | undefined} */
  let pending
  let keeps = true
  const ask = async () => {
    if (!background) await seen(stop.signal)
    return stop.signal.aborted ? undefined : answered(client, client.call('next', {}, { signal }))
  }
  try {
    const [base, adapter, images, heldImages] = await Promise.all([model.base(), init && model.files(init), posted(read.images), read.heldOut && posted(read.heldOut.images)])
    const heldOut = read.heldOut && { ...read.heldOut, images: heldImages }
    const transfer = [port2, ...[...images, ...(heldImages ?? [])].filter(image => image instanceof ImageBitmap)]
    const { step, total } = await client.call('begin', { line: port2, base, ...read, images, heldOut, init: adapter, size, threads, previews: Boolean(preview) }, { signal, transfer })
    begun = true
    pending = ask()
    yield { step, total }
    for (;;) {
      const { done, files, ...report } = await pending
      // The next steps are taken while previews are drawn, and while the caller looks at these.
      pending = done ? undefined : ask()
      pending?.catch(() => {}) // told when its turn comes
      yield { ...report, threads: client.threads, ...(files && { images: await model.draw(files, preview, signal) }) }
      if (done) return
    }
  } catch (error) {
    keeps = false
    if (error.code !== 'crashed') throw error
    throw new DigitDiffusionError('training', { kind: 'training-lost', reason: error.details.message, message: texts.lost(error.details.message) })
  } finally {
    stop.abort()
    try {
      await pending?.catch(error => (keeps &&= isAbort(error)))
      if (begun && keeps && !signal?.aborted) await model.add(await answered(client, client.call('finish', { title })))
    } finally {
      client.call('end').catch(() => {})
      line.close()
      worker.release()
    }
  }
}

/** @param {any[]} images */
const posted = images => Promise.all(images.map(image => (image instanceof Uint8Array ? image : postable(image))))
