// The class that programs use: a loaded model in its own worker.
// Tests: tests/page/class.test.mjs, class-arguments.test.mjs, class-guidance.test.mjs, proxies.test.mjs, two-copies.test.mjs
import { assets, defaultBase } from './addresses.js'
import { Client } from './client.js'
import { take } from './early-downloads.js'
import { asOneClass, DigitDiffusionError, unpack } from './errors.js'
import { OTHER_WEIGHTS } from './files.js'
import { checkDevice, checkScales, checkThreads, DEFAULTS, defaultsWith, readNoise, readSampleOptions } from './options.js'
import { recall, remember } from './remember.js'
import { backend, mistakes } from './texts/module.js'
import { prepareDrawing, TrainingWorker } from './training-client.js'
import { readTraining, train } from './training-run.js'

const readAddress = (address, root = document.baseURI) => {
  try {
    return new URL(address, root)
  } catch {
    throw new TypeError(mistakes.address(String(address)))
  }
}

const folderUrl = (address, root = document.baseURI) => {
  const url = readAddress(address, root)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url.href
}

const readText = async source =>
  source instanceof Blob ? source.text() : typeof source === 'object' ? JSON.stringify(source) : String(source)

/** Of `exportAdapter`. */
const FORMATS = ['peft', 'peft-config', 'kohya']

const isAddress = source => typeof source === 'string' || source instanceof URL
const named = (files, ending) => files.find(file => file.name?.toLowerCase().endsWith(ending))

const whyUnused = (tensor, { message, details }) => ({ tensor, reason: message, kind: details.kind })

/** What the worker needs to add an adapter: an address to fetch from, or the files' contents. */
async function readAdapterSource(source, config) {
  if (isAddress(source)) {
    const url = readAddress(source)
    // What a program has made an address for is a file, too.
    const alone = /\.safetensors$/i.test(url.pathname) || ['blob:', 'data:'].includes(url.protocol)
    return alone ? { url: url.href, alone } : { url: folderUrl(source) }
  }
  if (!(source instanceof Blob)) {
    const files = Array.from(source?.[Symbol.iterator] ? source : [])
    if (!files.length || !files.every(file => file instanceof Blob)) throw new TypeError(mistakes.adapterSource(String(source)))
    source = named(files, '.safetensors') ?? files.find(file => OTHER_WEIGHTS.test(/** @type {File} */ (file).name))
    if (!source) throw new TypeError(mistakes.adapterFiles())
    config ??= named(files, '.json')
  }
  const weights = new Uint8Array(await source.arrayBuffer())
  return { config: config === undefined ? '' : await readText(config), weights }
}

/**
 * Leads to the model itself, through any Proxy around it: reactive frameworks wrap what they watch, and a wrapper has no private
 * fields. A property that cannot change must be answered as it is, by any Proxy, and so is what this one returns.
 */
const SELF = Symbol('the model itself')
const itself = model => /** @type {DigitDiffusion} */ (model[SELF]())

export class DigitDiffusion {
  #client
  #facts
  #adapters = new Map()
  #scales = {}
  #lastRun = 0
  #settled
  #trainer = new TrainingWorker()
  /** What is being taught. @type {string | undefined} */
  #taught

  constructor(client, facts) {
    Object.defineProperty(this, SELF, { value: () => this })
    this.#client = client
    this.#facts = facts
    this.#settled = client.settled.then(({ remember: worth, ...decided }) => {
      Object.assign(facts, decided)
      if (worth) remember(worth)
      return facts.backend
    })
  }

  /** The folder that holds worker.js, engine/ and models/. */
  static get assets() { return assets.folder }
  static set assets(address) { assets.folder = address }

  /** @param {string | URL} base @param {import('./digit-diffusion.js').LoadOptions} options */
  static async load(base = defaultBase(), { device = DEFAULTS.device, threads = DEFAULTS.threads, signal, onprogress, manifest, quantized = true } = {}) {
    checkDevice(device)
    checkThreads(threads)
    if (base === '') throw new TypeError(mistakes.noBase())
    const address = folderUrl(base)
    if (isAddress(manifest)) manifest = new URL(manifest, document.baseURI).href
    else if (manifest) manifest = JSON.parse(JSON.stringify(manifest)) // it is posted, and a framework's proxy cannot be
    signal?.throwIfAborted()
    const client = new Client()
    const early = take(address)
    try {
      const params = { ...client.engine, base: address, device, threads, manifest, quantized: quantized !== false, remembered: recall(), early: early.ports }
      const transfer = early.ports.map(({ port }) => port)
      return new DigitDiffusion(client, await client.call('load', params, { signal, onprogress, transfer }))
    } catch (error) {
      early.cancel()
      client.dispose()
      if (!error.details?.alone || address !== defaultBase()) throw error
      throw new DigitDiffusionError('missing', { ...error.details, unnamed: address })
    }
  }

  get backend() { return itself(this).#facts.backend }
  get threads() { return itself(this).#client.threads }
  get backendReason() { return { ...itself(this).#facts.backendReason } }
  get backendNote() { return backend.note({ ...itself(this).#facts.backendReason, backend: itself(this).#facts.backend }) }
  get labels() { return [...itself(this).#facts.labels] }
  get title() { return itself(this).#facts.title }
  get noun() { return { ...itself(this).#facts.noun } }
  get guided() { return itself(this).#facts.guided }
  get guidanceScale() { return defaultsWith(itself(this).#facts).guidanceScale }
  get imageSize() { return itself(this).#facts.imageSize }
  get autoencoder() { return itself(this).#facts.autoencoder }
  get channels() { return itself(this).#facts.channels }
  get baseHash() { return itself(this).#facts.baseHash }
  get alphasCumprod() { return itself(this).#facts.alphasCumprod.slice() }
  get catalog() { return itself(this).#facts.catalog.map(entry => ({ ...entry })) }
  get adapters() { return [...itself(this).#adapters.values()].map(adapter => ({ ...adapter, scale: itself(this).#scales[adapter.name] ?? 0 })) }
  get lost() { return itself(this).#client.lost }
  get settled() { return itself(this).#settled }

  /** @param {string} name @param {any} source @param {import('./digit-diffusion.js').AdapterOptions} options */
  async addAdapter(name, source, { config, partial = false, signal, onprogress } = {}) {
    const it = itself(this)
    it.#mustBeFree(name)
    source ??= it.#facts.catalog.find(entry => entry.name === name)?.url
    if (source === undefined) throw new RangeError(mistakes.adapterUnlisted(name))
    const { weights, ...rest } = await readAdapterSource(source, config)
    const transfer = weights ? [weights.buffer] : []
    try {
      const { unused, ...added } = await it.#client.call('addAdapter', { name, ...rest, weights, partial: Boolean(partial) }, { signal, onprogress, transfer })
      it.#adapters.set(name, { ...added, ...(unused && { unused: unused.map(({ tensor, error }) => whyUnused(tensor, unpack(error))) }) })
    } catch (error) {
      // Aborted here, it may have been added there a moment before.
      if (signal?.aborted) it.#client.call('removeAdapter', { name }).catch(() => {})
      throw error
    }
    return { ...it.#adapters.get(name) }
  }

  async removeAdapter(name) {
    const it = itself(this)
    it.#known(name)
    it.#adapters.delete(name)
    const { [name]: removed, ...others } = it.#scales
    it.#scales = others
    await it.#client.call('removeAdapter', { name })
  }

  async adapterModules(name) {
    const it = itself(this)
    it.#known(name)
    return it.#client.call('adapterModules', { name })
  }

  async setAdapters(scales) {
    const it = itself(this)
    const checked = it.#check(scales)
    await it.#client.call('setAdapters', { scales: checked })
    it.#scales = checked
  }

  /** Arguments are checked here and now; the run begins when the first step is asked for. */
  sample(options) {
    const it = itself(this)
    const scales = options?.adapters === undefined ? it.#scales : it.#check(options.adapters)
    const { request, batched } = readSampleOptions(options, it.#facts, defaultsWith(it.#facts, [...it.#adapters.values()], scales))
    return it.#steps({ request, scales, batched, signal: options.signal })
  }

  /** @param {number} seed @param {import('./digit-diffusion.js').NoiseOptions} options */
  async noise(seed, options) {
    return itself(this).#client.call('noise', readNoise(seed, options), { signal: options?.signal })
  }

  /** @param {any} source @param {import('./digit-diffusion.js').PrepareOptions} options */
  async prepareDrawing(source, options) {
    const it = itself(this)
    return prepareDrawing(it.#trainer, source, it.#facts.imageSize, options)
  }

  /** Arguments are checked here and now; the run begins when it is asked for. @param {string} name @param {import('./digit-diffusion.js').TrainOptions} options */
  train(name, options) {
    const it = itself(this)
    it.#mustBeFree(name)
    if (options?.init !== undefined) it.#known(options.init)
    return it.#teach(name, readTraining(options, it.#facts))
  }

  /** @param {string} name @param {{ format?: string, title?: string, signal?: AbortSignal }} options */
  async exportAdapter(name, { format = 'peft', title = name, signal } = {}) {
    const it = itself(this)
    it.#known(name)
    if (!FORMATS.includes(format)) throw new RangeError(mistakes.choice('format', FORMATS, `'${format}'`))
    const [base, adapter] = await Promise.all([it.#client.call('base'), it.#client.call('adapterFiles', { name })])
    const { weights, config } = await it.#trainer.call('convert', { base, adapter, format, title: String(title) }, { signal })
    return format === 'peft-config' ? new File([config], 'adapter_config.json', { type: 'application/json' }) : new File([weights], `${name}.safetensors`)
  }

  dispose() {
    itself(this).#client.dispose()
    itself(this).#trainer.end()
  }

  #mustBeFree(name) {
    if (typeof name !== 'string' || !name) throw new TypeError(mistakes.adapterName(String(name)))
    if (this.#adapters.has(name)) throw new RangeError(mistakes.adapterTaken(name))
  }

  async *#teach(name, options) {
    if (this.#taught !== undefined) throw new RangeError(mistakes.trains(this.#taught))
    this.#taught = name
    const preview = `\0${name}` // no name that anybody gives
    const call = (...all) => this.#client.call(...all)
    const model = {
      base: () => call('base'),
      files: name => call('adapterFiles', { name }),
      draw: async (files, request, signal) => {
        await call('addAdapter', { name: preview, ...files }, { signal })
        try {
          let last
          for await (const step of this.#steps({ request, scales: { [preview]: 1 }, batched: true, signal })) last = step
          return last.x0
        } finally {
          call('removeAdapter', { name: preview }).catch(() => {})
        }
      },
      add: async files => this.#adapters.set(name, await call('addAdapter', { name, ...files })),
    }
    try {
      yield* train(this.#trainer, model, { title: name, size: this.#facts.imageSize, ...options })
    } finally {
      this.#taught = undefined
    }
  }

  #known(name) {
    if (!this.#adapters.has(name)) throw new RangeError(mistakes.adapterUnknown(name, [...this.#adapters.keys()]))
  }

  #check(scales) {
    // Sorted, so that equal settings are equal for the worker too.
    return Object.fromEntries(Object.entries(checkScales(scales, [...this.#adapters.keys()])).sort())
  }

  async *#steps({ request, scales, batched, signal }) {
    const run = ++this.#lastRun
    try {
      await this.#client.call('sample', { run, scales, request }, { signal })
      for (;;) {
        const step = await this.#client.call('next', { run }, { signal })
        if (!step) return
        yield this.#readable(step, batched)
      }
    } finally {
      // Also when the consumer breaks off or the signal aborts: the engine keeps nothing of a run that nobody watches.
      this.#client.call('free', { run }).catch(() => {})
    }
  }

  #readable({ image, x0, attention, ...step }, batched) {
    const { imageSize: size, maps } = this.#facts
    /** `read` what is of each picture, `length` numbers after each other. */
    const each = (values, length, read) => {
      const all = Array.from({ length: values.length / length }, (_, i) => read(values.subarray(i * length, (i + 1) * length)))
      return batched ? all : all[0]
    }
    const pictures = pixels => each(pixels, size * size * 4, pixels => new ImageData(pixels, size, size))
    const listened = weights => each(weights, maps.tokens * maps.height * maps.width, weights => ({ ...maps, weights }))
    return { ...step, image: pictures(image), x0: pictures(x0), ...(attention && { attention: listened(attention) }) }
  }
}

asOneClass(DigitDiffusion, 'model')
// By toString, too, it is no plain object: Vue wraps those alone.
Object.defineProperty(DigitDiffusion.prototype, Symbol.toStringTag, { value: 'DigitDiffusion' })

export { DigitDiffusionError }
