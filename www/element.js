// <digit-diffusion label="7" seed="42" lora="outline" lora-scale="0.8" steps="12">: one picture, drawn when it comes into view.
// Tests: tests/page/custom-element.test.mjs, other-origins.test.mjs
import { isAbort } from './errors.js'
import { DEFAULT_BASE, DigitDiffusion } from './model.js'
import { DEFAULTS, randomSeed } from './options.js'
import { element as texts } from './texts/module.js'

const SHEET = `
:host { display: inline-block; position: relative; overflow: hidden; inline-size: var(--digit-diffusion-size, 280px); aspect-ratio: 1;
  background: var(--digit-diffusion-ground, #000); }
:host([hidden]) { display: none; }
canvas { display: block; inline-size: 100%; block-size: 100%; image-rendering: pixelated; }
progress { position: absolute; inset: auto 0 0; inline-size: 100%; block-size: 3px; appearance: none; border: 0; background: #fff3;
  accent-color: var(--digit-diffusion-accent, #ff8a4c); color: var(--digit-diffusion-accent, #ff8a4c); }
progress::-webkit-progress-bar { background: #fff3; }
progress::-webkit-progress-value, progress::-moz-progress-bar { background: var(--digit-diffusion-accent, #ff8a4c); }
p { position: absolute; inset: 0; margin: 0; padding: 1em; display: grid; place-items: center; overflow: auto; text-align: center;
  font: 14px/1.4 system-ui, sans-serif; color: #fff; background: #000d; }
[hidden] { display: none; }`

/** Models by address and device, so that many elements share one engine. */
const pool = new Map()

function acquire(base, device, options) {
  const key = `${device} ${base}`
  let entry = pool.get(key)
  if (!entry) {
    const listeners = new Set()
    const onprogress = progress => listeners.forEach(listener => listener(progress))
    const loading = new AbortController()
    const model = DigitDiffusion.load(base, { device, signal: loading.signal, onprogress })
    entry = { key, users: 0, listeners, adapters: new Map(), loading, model }
    const forget = () => pool.get(key) === entry && pool.delete(key)
    entry.model.then(model => model.lost.then(forget), forget)
    pool.set(key, entry)
  }
  entry.users++
  entry.listeners.add(options.onprogress)
  return entry
}

function release(entry, { onprogress }) {
  entry.listeners.delete(onprogress)
  if (--entry.users) return
  if (pool.get(entry.key) === entry) pool.delete(entry.key)
  entry.loading.abort()
  entry.model.then(model => model.dispose(), () => {})
}

/** Adds the adapter once for all elements that want it: by its name in the manifest, or by its folder's address. */
function ensureAdapter(entry, model, lora) {
  if (model.adapters.some(({ name }) => name === lora)) return // the page may have added it, too
  if (!entry.adapters.has(lora)) {
    const listed = model.catalog.some(adapter => adapter.name === lora)
    const added = model.addAdapter(lora, listed ? undefined : lora)
    entry.adapters.set(lora, added)
    added.catch(() => entry.adapters.delete(lora))
  }
  return entry.adapters.get(lora)
}

/** The accessors of a property that is kept in an attribute. */
const attribute = (name, fallback, read = value => value) => ({
  /** @this {HTMLElement} */
  get() {
    const value = this.getAttribute(name)
    return value === null ? fallback : read(value)
  },
  /** @this {HTMLElement} */
  set(value) {
    if (value == null) this.removeAttribute(name)
    else this.setAttribute(name, value)
  },
})
const PROPERTIES = {
  label: attribute('label', null),
  seed: attribute('seed', undefined, Number),
  lora: attribute('lora', null),
  loraScale: attribute('lora-scale', 1, Number),
  steps: attribute('steps', DEFAULTS.steps, Number),
  guidance: attribute('guidance', DEFAULTS.guidanceScale, Number),
  sampler: attribute('sampler', DEFAULTS.sampler),
  device: attribute('device', DEFAULTS.device),
  base: attribute('base', DEFAULT_BASE, address => new URL(address, document.baseURI).href),
}

/** Importing the module must not fail where there is no DOM, as in server-side rendering. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {})

export class DigitDiffusionElement extends Base {
  static observedAttributes = ['label', 'seed', 'lora', 'lora-scale', 'steps', 'sampler', 'guidance', 'device', 'base']

  #canvas
  #progress
  #error
  #entry = null
  #entryKey
  #announced = false // the model, by a load event
  #visible = false
  #scheduled = false
  #run = null
  #finished = false // the last run came to an end of its own
  #observer
  #onprogress = ({ loaded, total }) => {
    if (loaded !== undefined) this.#show({ loaded, total, phase: 'download' })
  }

  constructor() {
    super()
    const root = this.attachShadow({ mode: 'open' })
    root.innerHTML = '<canvas part="picture" role="img"></canvas><progress part="progress" hidden></progress><p part="error" role="alert" hidden></p>'
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(SHEET)
    root.adoptedStyleSheets = [sheet]
    ;[this.#canvas, this.#progress, this.#error] = root.children
  }

  connectedCallback() {
    // What was set before this script arrived became a property of the element's own, and would hide the accessor.
    for (const name of Object.keys(PROPERTIES)) {
      if (!Object.hasOwn(this, name)) continue
      const value = this[name]
      delete this[name]
      this[name] = value
    }
    this.#observer = new IntersectionObserver(entries => {
      this.#visible = entries.at(-1).isIntersecting
      if (this.#visible && !this.#run) this.#schedule()
    })
    this.#observer.observe(this)
    if (!this.#finished) this.#say(texts.idle(this.#own.label))
  }

  disconnectedCallback() {
    this.#observer.disconnect()
    this.#visible = false
    this.cancel()
    if (!this.#finished) this.#run = null // wherever it hangs: it is drawn when it comes into view again
    // Moving an element within the page disconnects and connects it: that must not cost it its model.
    setTimeout(() => this.isConnected || this.#leave())
  }

  attributeChangedCallback(name, before, after) {
    if (before === after) return
    this.cancel()
    this.#schedule()
  }

  /** This element with its properties, which are defined below. */
  get #own() {
    return /** @type {import('./digit-diffusion.js').DigitDiffusionElement} */ (/** @type {unknown} */ (this))
  }

  /** The model behind this element: a promise, or null before the element was first visible. */
  get model() {
    return this.#entry?.model ?? null
  }

  /** Draws again, with a new seed where none is set. Resolves when the picture is finished, failed or replaced. */
  async draw() {
    this.cancel()
    const run = (this.#run = new AbortController())
    const { signal } = run
    this.#finished = false
    this.#error.hidden = true
    try {
      const { label, lora, loraScale, steps, sampler, guidance, seed = randomSeed() } = this.#own
      if (label === null) return
      const model = await this.#load()
      signal.throwIfAborted()
      if (lora) await ensureAdapter(this.#entry, model, lora)
      signal.throwIfAborted()
      this.#say(texts.drawing(label))
      const adapters = lora ? { [lora]: loraScale } : {}
      let last
      for await (const step of model.sample({ label, seed, steps, sampler, guidanceScale: guidance, adapters, signal })) {
        this.#paint(step.image)
        this.#show({ phase: 'sample', loaded: step.step, total: step.total }, step)
        last = step
      }
      this.#finished = true
      this.#say(texts.done(label))
      this.dispatchEvent(new CustomEvent('done', { detail: { label, seed, image: last.image } }))
    } catch (error) {
      if (signal.aborted || isAbort(error)) return
      this.#finished = true
      this.#error.textContent = error.message
      this.#error.hidden = false
      this.dispatchEvent(new ErrorEvent('error', { error, message: error.message }))
    } finally {
      if (this.#run === run) {
        this.#progress.hidden = true
        if (signal.aborted) this.#run = null
      }
    }
  }

  /** Stops the run within one step. The model stays loaded. */
  cancel() {
    this.#run?.abort()
    this.#progress.hidden = true
  }

  async #load() {
    const { base, device } = this.#own
    const key = `${device} ${base}`
    if (this.#entryKey !== key || pool.get(key) !== this.#entry) {
      this.#leave()
      this.#say(texts.loading)
      this.#entryKey = key
      this.#entry = acquire(base, device, { onprogress: this.#onprogress })
      this.#announced = false
    }
    const entry = this.#entry
    const model = await entry.model
    if (entry === this.#entry && !this.#announced) {
      this.#announced = true
      this.dispatchEvent(new CustomEvent('load', { detail: { model } }))
    }
    return model
  }

  #leave() {
    if (this.#entry) release(this.#entry, { onprogress: this.#onprogress })
    this.#entry = null
    this.#entryKey = undefined
  }

  #schedule() {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.isConnected && this.#visible) this.draw()
      else this.#run = null // drawn when it comes into view
    })
  }

  #show({ phase, loaded, total }, step) {
    this.#progress.hidden = false
    if (total) {
      this.#progress.max = total
      this.#progress.value = loaded
    } else this.#progress.removeAttribute('value')
    this.dispatchEvent(new CustomEvent('progress', { detail: { phase, loaded, total, ...step } }))
  }

  #paint(image) {
    if (this.#canvas.width !== image.width) this.#canvas.width = this.#canvas.height = image.width
    this.#canvas.getContext('2d').putImageData(image, 0, 0)
  }

  #say(sentence) {
    this.#canvas.setAttribute('aria-label', sentence)
  }
}

Object.defineProperties(
  DigitDiffusionElement.prototype,
  Object.fromEntries(Object.entries(PROPERTIES).map(([name, access]) => [name, { ...access, enumerable: true, configurable: true }])),
)
