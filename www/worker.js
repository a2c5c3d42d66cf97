// The worker that holds the engine: everything heavy happens here, one request after the other (see client.js).
// Not import(): bundlers make one file of a worker.
import * as cpu from './engine/cpu.js'
import * as webgpu from './engine/webgpu.js'
import { DigitDiffusionError, isAbort, pack } from './errors.js'
import { notes } from './texts/module.js'
import { download, Progress, receive } from './worker/download.js'
import { watchDevices, whyNoWebGpu } from './worker/devices.js'
import { findManifest, shortName } from './worker/manifest.js'

const BASE_FILES = [
  'digit_diffusion.json',
  'unet/config.json',
  'scheduler/scheduler_config.json',
  'unet/diffusion_pytorch_model.safetensors',
]
const GPU_ENGINE = 'engine/webgpu_bg.wasm'
const ADAPTER_FILES = ['adapter_config.json', 'adapter_model.safetensors']

let wasm // the engine's module, once it has started: the build for the CPU, or the one for WebGPU
let engine
let catalog = []
let composed = '{}' // the strengths that the engine's working weights hold now
const runs = new Map()
const aborts = new Map()

const text = bytes => new TextDecoder().decode(bytes)
const die = error => postMessage({ died: pack(error) })

/** After a panic WebAssembly only says "unreachable"; the engine remembers why. */
function crash(message) {
  die(new DigitDiffusionError('crashed', { message: wasm?.lastPanic() ?? message }))
}

// A panic inside an asynchronous call never settles its promise: it surfaces only here.
addEventListener('error', event => crash(event.message))
addEventListener('unhandledrejection', event => crash(String(event.reason?.message ?? event.reason)))

watchDevices(({ message }) => {
  // While loading, or on the CPU, the engine has let go of the device itself. After dispose() this worker is gone.
  if (engine?.backend === 'webgpu') die(new DigitDiffusionError('device-lost', { message }))
})

// A function whose body uses a fused multiply-add: valid only where WebAssembly has relaxed SIMD.
const SPLAT = [65, 1, 253, 17]
const FUSED = [...SPLAT, ...SPLAT, ...SPLAT, 253, 133, 2]
const RELAXED_PROBE = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, ...FUSED, 11]

/** The engine for the CPU: small, and needed in any case, to check what arrives; with fused multiply-add where the browser has it. */
function startCpu(options) {
  return WebAssembly.validate(new Uint8Array(RELAXED_PROBE))
    ? start(cpu, { file: 'engine/cpu-relaxed_bg.wasm', url: new URL('./engine/cpu-relaxed_bg.wasm', import.meta.url), ...options })
    : start(cpu, { file: 'engine/cpu_bg.wasm', url: new URL('./engine/cpu_bg.wasm', import.meta.url), ...options })
}

/** The engine for WebGPU: many times as large, and fetched only where it is of use. */
const startWebGpu = options =>
  start(webgpu, { file: GPU_ENGINE, url: new URL('./engine/webgpu_bg.wasm', import.meta.url), ...options })

/** Fetches and starts one of the engine's builds. */
async function start(module, { file, url, progress, signal }) {
  const chunks = receive(url, { file, progress, signal })
  let failure
  const body = new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (error) {
        failure = error
        controller.error(error)
      }
    },
  })
  try {
    // Compiled while it arrives, whatever MIME type the host gives it.
    await module.default({ module_or_path: new Response(body, { headers: { 'content-type': 'application/wasm' } }) })
  } catch {
    throw failure ?? new DigitDiffusionError('engine-file', { file })
  }
  return module
}

/**
 * The engine that `device` asks for, once it has started: by itself, WebGPU only where it is not emulated, and the CPU where
 * the larger engine cannot be had.
 * @returns {Promise<{ module: object, note?: string }>} `note` says why WebGPU is not used, if that is not for the engine to say
 */
async function chooseEngine({ device, cpuStarted, ...options }) {
  if (device === 'webgpu') return { module: await startWebGpu(options) }
  await cpuStarted
  if (device === 'cpu' || !(await cpu.hasGpu())) return { module: cpu }
  try {
    return { module: await startWebGpu(options) }
  } catch (error) {
    if (isAbort(error) || options.signal.aborted) throw error
    options.progress.forget(GPU_ENGINE)
    return { module: cpu, note: notes.withoutWebGpu(error.message) }
  }
}

/** Fetches `paths` of a folder side by side, each checked by what `listed` says of it. */
const downloadFolder = (folder, paths, { listed, ...options }) =>
  Promise.all(
    paths.map(path => download(new URL(path, folder), { file: shortName(folder, path), listed: listed?.[path], ...options })),
  )

/** What the numbers of a step's attention are, picture after picture; as wide as what the network sees. */
function mapShape({ info }) {
  const { image_size: size, patch_size: patch, tokens_per_class: tokens } = JSON.parse(info)
  return { tokens, height: size / patch, width: size / patch }
}

/** Sets the strengths that the next run begins with; a run under way keeps its own weights. */
function compose(scales) {
  const key = JSON.stringify(scales)
  if (key === composed) return
  composed = undefined
  engine.setAdapters(scales)
  composed = key
}

const methods = {
  async load({ base, device, manifest }, { signal, onprogress }) {
    const why = device === 'webgpu' && (await whyNoWebGpu())
    if (why) throw new DigitDiffusionError('webgpu-unavailable', { why })
    const progress = new Progress(onprogress)
    const cpuStarted = startCpu({ progress, signal })
    const started = chooseEngine({ device, cpuStarted, progress, signal })
    const downloaded = findManifest({ base, manifest, signal }).then(async list => {
      catalog = list.adapters
      const digest = bytes => cpuStarted.then(() => cpu.sha256(bytes))
      return downloadFolder(base, BASE_FILES, { listed: list.files, digest, progress, signal })
    })
    const [[info, unetConfig, schedulerConfig, weights], { module, note }] = await Promise.all([downloaded, started, cpuStarted])
    wasm = module
    onprogress({ phase: 'start' })
    const files = { info: text(info), unetConfig: text(unetConfig), schedulerConfig: text(schedulerConfig), weights }
    engine = await wasm.Engine.load(files, device)
    const { backend, labels, imageSize, baseHash, alphasCumprod } = engine
    const offered = catalog.map(({ files, ...rest }) => rest)
    const backendNote = note ?? engine.backendNote
    const maps = mapShape(files)
    return { backend, backendNote, labels: [...labels], imageSize, baseHash, alphasCumprod, catalog: offered, maps }
  },

  async addAdapter({ name, url, config, weights }, { signal, onprogress }) {
    if (url) {
      const listed = catalog.find(adapter => adapter.url === url)?.files
      const digest = async bytes => wasm.sha256(bytes)
      const files = await downloadFolder(url, ADAPTER_FILES, { listed, digest, progress: new Progress(onprogress), signal })
      config = text(files[0])
      weights = files[1]
    }
    const { rank, modules } = engine.addAdapter(name, config, weights)
    return { name, rank, modules }
  },

  removeAdapter({ name }) {
    composed = undefined
    engine.removeAdapter(name)
  },

  adapterModules: ({ name }) => engine.adapterModules(name),

  setAdapters: ({ scales }) => compose(scales),

  sample({ run, scales, request }) {
    compose(scales)
    runs.set(run, engine.sample(request))
  },

  async next({ run }) {
    const started = performance.now()
    const step = await runs.get(run).next()
    return step && { ...step, ms: performance.now() - started }
  },

  free({ run }) {
    runs.get(run)?.free()
    runs.delete(run)
  },
}

const buffers = ({ image, x0, rawImage, rawX0, attention }) =>
  [image, x0, rawImage, rawX0, attention].filter(Boolean).map(({ buffer }) => buffer)

addEventListener('message', async ({ data: { id, method, params, abort } }) => {
  if (abort) return aborts.get(abort)?.abort()
  const controller = new AbortController()
  aborts.set(id, controller)
  try {
    const onprogress = progress => postMessage({ id, progress })
    const result = await methods[method](params, { signal: controller.signal, onprogress })
    postMessage({ id, result }, result?.image ? buffers(result) : [])
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return crash(error.message) // a panic leaves the engine in no state to go on
    controller.abort() // a file that failed takes the other downloads with it
    postMessage({ id, error: pack(error) })
  } finally {
    aborts.delete(id)
  }
})
postMessage({ ready: true })
