// The worker that teaches, and prepares drawings: started when somebody asks for either (see training-client.js). Not import(): bundlers
// make one file of a worker.
// Tests: tests/page/prepare-drawing.test.mjs, train.test.mjs
import * as wasm from './engine/training.js'
import { DigitDiffusionError } from './errors.js'
import { TRAINING_FILES } from './files.js'
import { RELEASE } from './release.js'
import { refusals } from './texts/engine.js'
import { refusals as ofTraining } from './texts/training.js'
import { Progress } from './worker/download.js'
import { readBase } from './worker/base-files.js'
import { serve } from './worker/helpers.js'
import { methods as learner } from './worker/learner.js'
import { pack } from './worker/pack.js'
import { pixelsOf } from './worker/pixels.js'
import { Requests } from './worker/requests.js'
import { startModule } from './worker/start-module.js'
import { Teaching } from './worker/teaching.js'

Object.assign(refusals, ofTraining) // what pack.js makes sentences of

let started = false
/** @type {Promise<WebAssembly.Module> | undefined} */
let loading
/** @type {Teaching | undefined} */
let teaching
/** The page sees by its end that this worker is gone, where browsers tell. @type {MessagePort} */
let alive

/** After a panic WebAssembly only says "unreachable"; the module remembers why. */
function crash(message) {
  postMessage({ died: pack(new DigitDiffusionError('crashed', { message: (started && wasm.lastPanic()) || message })) })
}
addEventListener('error', event => crash(event.message))
addEventListener('unhandledrejection', event => crash(String(event.reason?.message ?? event.reason)))

const methods = {
  async load({ build, engines }, { signal, onprogress }) {
    loading ??= startModule(wasm.default, { file: TRAINING_FILES[build], url: engines[build], progress: new Progress(onprogress), signal })
    try {
      await loading
      started = true
    } catch (error) {
      loading = undefined // it may be tried again
      throw error
    }
  },

  /** What a picture is for the network: one character, or `several`. */
  async prepare({ source, size, fit, ink, several }) {
    const { data, width, height, scale } = await pixelsOf(source)
    const { characters, fit: fitted, ink: found, notes } = wasm.prepare(data, width, height, { size, fit, ink, one: !several })
    const boxOf = ({ x, y, width, height }) => ({ x: x * scale, y: y * scale, width: width * scale, height: height * scale })
    return { pictures: characters.map(({ pixels }) => pixels), boxes: characters.map(boxOf), notes: { ...notes, fit: fitted, ink: found } }
  },

  /** Begins a run of training, or goes on with one. */
  async begin({ line, ...params }) {
    teaching?.end()
    teaching = undefined
    alive = line
    teaching = await Teaching.begin(params, { module: await loading, post: message => postMessage(message) })
    return teaching.progress
  },

  next: (_, { signal }) => teaching.next(signal),

  /** What has been learnt, as an adapter's files. */
  finish: ({ title }) => teaching.finish(title),

  end() {
    teaching?.end()
    teaching = undefined
    alive?.close()
  },

  /** An adapter's files in another form. */
  async convert({ base: files, adapter, format, title }) {
    const base = wasm.Base.load(await readBase(files))
    try {
      return format === 'kohya' ? { weights: wasm.toKohya(base, adapter, title), config: '' } : wasm.toPeft(base, adapter, title)
    } finally {
      base.free()
    }
  },
}

const requests = new Requests(methods, { crash, transfer: result => (result?.checkpoint ? [result.checkpoint.buffer] : []) })
addEventListener('message', ({ data }) => {
  if (data.helps) return serve(data.helps, learner)
  if (data.helper) return teaching?.told(data.helper)
  requests.take(data)
})
postMessage({ ready: RELEASE })
