// The class that programs use: a loaded model in its own worker.
// Tests: tests/page/class.test.mjs, class-arguments.test.mjs, class-guidance.test.mjs
import { Client } from './client.js'
import { DigitDiffusionError } from './errors.js'
import { checkDevice, checkScales, DEFAULTS, readSampleOptions } from './options.js'
import { recall, remember } from './remember.js'
import { backend, mistakes } from './texts/module.js'

const folderUrl = (address, root = document.baseURI) => {
  const url = new URL(address, root)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url.href
}

const here = import.meta.url // by another name: a folder is nothing that a bundler could copy

/** The model that comes with this script, wherever the script lives. */
export const DEFAULT_BASE = new URL('./models/base/', here).href

const readText = async source =>
  source instanceof Blob ? source.text() : typeof source === 'object' ? JSON.stringify(source) : String(source)

const isAddress = source => typeof source === 'string' || source instanceof URL
const named = (files, ending) => files.find(file => file.name?.toLowerCase().endsWith(ending))

/** What the worker needs to add an adapter: an address to fetch from, or the files' contents. */
async function readAdapterSource(source, config) {
  if (isAddress(source)) {
    const url = new URL(source, document.baseURI)
    // What a program has made an address for is a file, too.
    const alone = /\.safetensors$/i.test(url.pathname) || ['blob:', 'data:'].includes(url.protocol)
    return alone ? { url: url.href, alone } : { url: folderUrl(source) }
  }
  if (!(source instanceof Blob)) {
    const files = Array.from(source?.[Symbol.iterator] ? source : [])
    if (!files.length || !files.every(file => file instanceof Blob)) throw new TypeError(mistakes.adapterSource(String(source)))
    source = named(files, '.safetensors')
    if (!source) throw new TypeError(mistakes.adapterFiles())
    config ??= named(files, '.json')
  }
  const weights = new Uint8Array(await source.arrayBuffer())
  return { config: config === undefined ? '' : await readText(config), weights }
}

export class DigitDiffusion {
  #client
  #facts
  #adapters = new Map()
  #scales = {}
  #lastRun = 0
  #settled

  constructor(client, facts) {
    this.#client = client
    this.#facts = facts
    this.#settled = client.settled.then(({ remember: worth, ...decided }) => {
      Object.assign(facts, decided)
      if (worth) remember(worth)
      return facts.backend
    })
  }

  /** @param {string | URL} base @param {import('./digit-diffusion.js').LoadOptions} options */
  static async load(base = DEFAULT_BASE, { device = DEFAULTS.device, signal, onprogress, manifest } = {}) {
    checkDevice(device)
    const address = folderUrl(base)
    if (isAddress(manifest)) manifest = new URL(manifest, document.baseURI).href
    signal?.throwIfAborted()
    const client = new Client()
    try {
      const params = { build: client.build, base: address, device, manifest, remembered: recall() }
      return new DigitDiffusion(client, await client.call('load', params, { signal, onprogress }))
    } catch (error) {
      client.dispose()
      throw error
    }
  }

  get backend() { return this.#facts.backend }
  get backendReason() { return { ...this.#facts.backendReason } }
  get backendNote() { return backend.note({ ...this.#facts.backendReason, backend: this.#facts.backend }) }
  get labels() { return [...this.#facts.labels] }
  get imageSize() { return this.#facts.imageSize }
  get baseHash() { return this.#facts.baseHash }
  get alphasCumprod() { return this.#facts.alphasCumprod.slice() }
  get catalog() { return this.#facts.catalog.map(entry => ({ ...entry })) }
  get adapters() { return [...this.#adapters.values()].map(adapter => ({ ...adapter, scale: this.#scales[adapter.name] ?? 0 })) }
  get lost() { return this.#client.lost }
  get settled() { return this.#settled }

  /** @param {string} name @param {any} source @param {import('./digit-diffusion.js').AdapterOptions} options */
  async addAdapter(name, source, { config, signal, onprogress } = {}) {
    if (typeof name !== 'string' || !name) throw new TypeError(mistakes.adapterName(String(name)))
    if (this.#adapters.has(name)) throw new RangeError(mistakes.adapterTaken(name))
    source ??= this.#facts.catalog.find(entry => entry.name === name)?.url
    if (source === undefined) throw new RangeError(mistakes.adapterUnlisted(name))
    const { weights, ...rest } = await readAdapterSource(source, config)
    const transfer = weights ? [weights.buffer] : []
    try {
      this.#adapters.set(name, await this.#client.call('addAdapter', { name, ...rest, weights }, { signal, onprogress, transfer }))
    } catch (error) {
      // Aborted here, it may have been added there a moment before.
      if (signal?.aborted) this.#client.call('removeAdapter', { name }).catch(() => {})
      throw error
    }
    return { ...this.#adapters.get(name) }
  }

  async removeAdapter(name) {
    this.#known(name)
    this.#adapters.delete(name)
    const { [name]: removed, ...others } = this.#scales
    this.#scales = others
    await this.#client.call('removeAdapter', { name })
  }

  async adapterModules(name) {
    this.#known(name)
    return this.#client.call('adapterModules', { name })
  }

  async setAdapters(scales) {
    const checked = this.#check(scales)
    await this.#client.call('setAdapters', { scales: checked })
    this.#scales = checked
  }

  /** Arguments are checked here and now; the run begins when the first step is asked for. */
  sample(options) {
    const { labels, imageSize } = this.#facts
    const { request, batched } = readSampleOptions(options, { labels, imageSize })
    const scales = options.adapters === undefined ? this.#scales : this.#check(options.adapters)
    return this.#steps({ request, scales, batched, signal: options.signal })
  }

  dispose() {
    this.#client.dispose()
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

export { DigitDiffusionError }
