// The worker that holds the engine: everything heavy happens here, one request after the other (see client.js).
// Not import(): bundlers make one file of a worker.
// Tests: tests/page/worker-protocol.test.mjs, devices.test.mjs
import * as wasm from './engine/engine.js'
import { DigitDiffusionError } from './errors.js'
import { BASE_FILES, ENGINE_FILES, WEIGHTS } from './files.js'
import { RELEASE } from './release.js'
import { refusals as ofDrawing } from './texts/drawing.js'
import { refusals } from './texts/engine.js'
import { bytesOf } from './worker/base-files.js'
import { download, Progress } from './worker/download.js'
import { describeGpu, watchDevices, whyNoWebGpu } from './worker/devices.js'
import { expectEarly } from './worker/early.js'
import { findManifest, shortName } from './worker/manifest.js'
import { nounOf } from './words.js'
import { serve } from './worker/helpers.js'
import { methods as network } from './worker/network.js'
import { pack, packReason } from './worker/pack.js'
import { Requests } from './worker/requests.js'
import { Rows } from './worker/rows.js'
import { startModule } from './worker/start-module.js'
import { downloadAdapter, downloadAdapterFile, downloadAutoencoder, downloadWeights } from './worker/weights.js'

Object.assign(refusals, ofDrawing) // what pack.js makes sentences of

const REST = 100 // milliseconds without a request after which work begins that nobody waits for

let started = false
let engine
/** The steps' rows, shared with other workers. @type {Rows} */
let rows
let catalog = []
let full = false // whether weights in more bits are asked for
let composed = '{}' // the strengths that the engine's working weights hold now
const runs = new Map()
/** What another worker makes a base of: the files as they came. @type {import('./worker/base-files.js').BaseFiles} */
let baseFiles
/** The same of adapters. @type {Map<string, { weights: Blob, config: string }>} */
const adapterFiles = new Map()
let timing // while devices are being timed, nothing else is computed

const text = bytes => new TextDecoder().decode(bytes)
const die = error => postMessage({ died: pack(error) })

/** After a panic WebAssembly only says "unreachable"; the engine remembers why. */
function crash(message) {
  die(new DigitDiffusionError('crashed', { message: (started && wasm.lastPanic()) || message }))
}

// A panic inside an asynchronous call never settles its promise: it surfaces only here.
addEventListener('error', event => crash(event.message))
addEventListener('unhandledrejection', event => crash(String(event.reason?.message ?? event.reason)))

watchDevices(({ message }) => {
  // While loading, or on the CPU, the engine has let go of the device itself. After dispose() this worker is gone.
  if (engine?.backend === 'webgpu') die(new DigitDiffusionError('device-lost', { message }))
})

/** Resolves when nothing is under way, nor has been for a moment. */
async function rest() {
  for (;;) {
    const wait = REST - (performance.now() - requests.last)
    if (wait <= 0 && !requests.pending) return
    await new Promise(resolve => setTimeout(resolve, Math.max(wait, REST / 2)))
  }
}

/**
 * In the background: has the browser compile the engine to fast code; with device 'auto', tries the GPU first and moves the model
 * there if it is the faster one.
 * @param {{ key: string, timing: object } | undefined} remembered how fast they were at an earlier visit
 */
async function settle(device, remembered) {
  let facts
  try {
    if (device === 'auto') facts = await decide(remembered)
    if (engine.backend === 'webgpu') rows.stop()
    postMessage({ settled: { backend: engine.backend, backendReason: packReason(engine.backendReason), ...facts } })
    await rest()
    if (engine.backend === 'cpu') await engine.warmUp()
  } catch (error) {
    crash(String(error?.message ?? error))
  }
}

/** GPU or CPU; answers what to remember of it, if anything was measured. */
async function decide(remembered) {
  await rest()
  // Once a month it is measured anew: browsers and drivers change.
  const key = JSON.stringify([wasm.version(), new Date().toISOString().slice(0, 7), engine.baseHash, await describeGpu()])
  const known = remembered?.key === key ? remembered.timing : undefined
  try {
    if (!(await engine.checkGpu(known))) return
    if (!known) await rest()
    timing = known ? Promise.resolve(known) : engine.timeGpu()
    const measured = await timing
    engine.decide(measured)
    return { remember: { key, timing: measured } }
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error
    console.warn(error) // Whatever it was, the CPU goes on.
  } finally {
    timing = undefined
  }
}

/** Fetches `paths` of a folder side by side, each checked by what `listed` says of it. */
const downloadFolder = (folder, paths, { listed, ...options }) =>
  Promise.all(
    paths.map(path => download(new URL(path, folder), { file: shortName(folder, path), listed: listed?.[path], ...options })),
  )

/**
 * What the numbers of a step's attention are, picture after picture; as wide as what the network sees. `guided`: whether it has learnt to
 * draw without a label, too, which guidance leads away from. `latents`: how many a picture has.
 */
function readInfo({ info }) {
  const { image_size: size, patch_size: patch, latent_channels: latent, ...told } = JSON.parse(info)
  const { tokens_per_class: tokens, channels = 1, null_class_trained: guided = true, guidance_scale: guidanceScale } = told
  const side = size / patch
  const latents = (latent ?? channels * patch * patch) * side * side
  return { maps: { tokens, height: side, width: side }, channels, guided, guidanceScale, autoencoder: latent !== undefined, latents }
}

/** Sets the strengths that the next run begins with; a run under way keeps its own weights. */
function compose(scales) {
  const key = JSON.stringify(scales)
  if (key === composed) return
  composed = undefined
  rows.changed()
  engine.setAdapters(scales)
  composed = key
}

const methods = {
  async load({ build, engines, base, device, threads, manifest, quantized, remembered, early = [] }, { signal, onprogress }) {
    expectEarly(early)
    const why = device === 'webgpu' && (await whyNoWebGpu())
    if (why) throw new DigitDiffusionError('webgpu-unavailable', { why })
    const progress = new Progress(onprogress)
    const starting = startModule(wasm.default, { file: ENGINE_FILES[build], url: engines[build], progress, signal })
    starting.then(() => (started = true), () => {})
    let named
    const downloaded = findManifest({ base, manifest, signal }).then(async list => {
      catalog = list.adapters
      full = quantized === false
      named = list
      const digest = bytes => starting.then(() => wasm.sha256(bytes))
      const shardNames = index => starting.then(() => wasm.shardNames(index))
      const options = { listed: list.files, digest, progress, signal }
      const folder = list.folder ?? base
      const texts = downloadFolder(folder, BASE_FILES.filter(path => path !== WEIGHTS), options)
      const vae = downloadAutoencoder(folder, () => texts.then(([info]) => text(info)), options)
      return Promise.all([texts, downloadWeights(folder, { shardNames, quantized, ...options }), vae]).catch(error => {
        if (error.code === 'missing' && !list.files) error.details.alone = true // its list is missing as well
        throw error
      })
    })
    const [[[info, unetConfig, schedulerConfig], weights, vae], module] = await Promise.all([downloaded, starting])
    onprogress({ phase: 'start' })
    const files = { info: text(info), unetConfig: text(unetConfig), schedulerConfig: text(schedulerConfig), weights, ...vae }
    engine = await wasm.Engine.load(files, device)
    baseFiles = { ...files, weights: weights.map(bytes => new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)])) }
    const start = { module, info: files.info, unetConfig: files.unetConfig }
    rows = new Rows({ threads, start, weights: () => engine.weights(), post: message => postMessage(message) })
    const { backend, backendReason, labels, imageSize, baseHash, alphasCumprod } = engine
    const offered = catalog.map(({ files, ...rest }) => rest)
    const called = { title: typeof named.title === 'string' ? named.title : undefined, noun: nounOf(named.noun, [...labels]) }
    settle(device, remembered)
    return { backend, backendReason, labels: [...labels], imageSize, baseHash, alphasCumprod, catalog: offered, ...readInfo(files), ...called }
  },

  async addAdapter({ name, url, alone, config, weights, partial }, { signal, onprogress }) {
    if (url) {
      const listed = catalog.find(adapter => adapter.url === url)?.files
      const options = { listed, digest: async bytes => wasm.sha256(bytes), progress: new Progress(onprogress), signal }
      ;({ config, weights } = await (alone ? downloadAdapterFile(url, options) : downloadAdapter(url, { quantized: !full, ...options })))
    }
    const { unused, ...added } = engine.addAdapter(name, config, weights, partial)
    adapterFiles.set(name, { weights: new Blob([weights]), config })
    return { ...added, ...(unused && { unused: unused.map(({ tensor, error }) => ({ tensor, error: pack(error) })) }) }
  },

  removeAdapter({ name }) {
    composed = undefined
    rows.changed()
    engine.removeAdapter(name)
    adapterFiles.delete(name)
  },

  base: () => baseFiles,

  adapterFiles: async ({ name }) => ({ ...adapterFiles.get(name), weights: await bytesOf(adapterFiles.get(name).weights) }),

  adapterModules: ({ name }) => engine.adapterModules(name),

  setAdapters: ({ scales }) => compose(scales),

  noise: ({ seed, to, share }) => engine.noise(seed, to, share),

  sample({ run, scales, request }) {
    compose(scales)
    runs.set(run, engine.sample(request))
    if (engine.backend === 'cpu') rows.begin(runs.get(run), request.labels.length * (request.guidanceScale === 1 ? 1 : 2))
  },

  async next({ run }) {
    const started = performance.now()
    const step = await rows.next(runs.get(run))
    return step && { ...step, ms: performance.now() - started }
  },

  free({ run }) {
    const ended = runs.get(run)
    if (!ended) return
    runs.delete(run)
    rows.end(ended)
    ended.free()
  },
}

const buffers = ({ image, x0, rawImage, rawX0, attention }) =>
  [image, x0, rawImage, rawX0, attention].filter(Boolean).map(({ buffer }) => buffer)

const requests = new Requests(methods, {
  crash,
  before: () => timing?.catch(() => {}),
  transfer: result => (result instanceof Float32Array ? [result.buffer] : result?.image ? buffers(result) : []),
})
addEventListener('message', ({ data }) => {
  if (data.helps) return serve(data.helps, network)
  if (data.helper) return rows.told(data.helper)
  requests.take(data)
})
postMessage({ ready: RELEASE })
