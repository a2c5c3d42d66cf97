// <digit-diffusion label="7" seed="42" lora="outline" lora-scale="0.8" steps="12">: one picture, drawn when it comes into view.
// Tests: tests/page/custom-element.test.mjs, other-origins.test.mjs
import { dress, part } from './appearance.js'
import { fit } from './canvas.js'
import { asOneClass, DigitDiffusionError, isAbort } from './errors.js'
import { PROPERTIES } from './element-properties.js'
import { randomSeed } from './options.js'
import { acquire, ensureAdapter, ensureTurbo, keyOf, isShared, release, takeTurn } from './pool.js'
import { element as texts } from './texts/module.js'

/** Importing the module must not fail where there is no DOM, as in server-side rendering. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {})

export class DigitDiffusionElement extends Base {
  static observedAttributes = ['label', 'seed', 'lora', 'lora-scale', 'lorascale', 'turbo', 'steps', 'sampler', 'guidance', 'device', 'threads', 'base']

  #canvas = /** @type {HTMLCanvasElement} */ (part('canvas', { part: 'picture', role: 'img' }))
  #progress = /** @type {HTMLProgressElement} */ (part('progress', { part: 'progress', hidden: true }))
  #error = part('p', { part: 'error', role: 'alert', hidden: true })
  /** @type {import('./pool.js').Entry | null} */
  #entry = null
  #announced = false // the model, by a load event
  #visible = false
  #scheduled = false
  /** @type {AbortController | null} */
  #run = null
  #asked = false // the run by draw(), which draws out of sight, too
  #finished = false // the last run came to an end of its own
  /** What ends with the model behind this element: its runs of training. @type {Set<AbortController>} */
  #teachers = new Set()
  /** @type {IntersectionObserver | undefined} */
  #observer
  #ondone = null
  #heard = new Set() // the types of events that somebody has listened to
  /** Outcomes that nobody has heard, by type: of a page that a server wrote, pictures may be finished before its framework listens. @type {Map<string, Event>} */
  #missed = new Map()
  /** @type {{ type: string, listener: any, options: any }[]} */
  #late = []
  #onprogress = ({ loaded, total }) => {
    if (loaded !== undefined) this.#show({ loaded, total, phase: 'download' })
  }

  constructor() {
    super()
    const root = this.attachShadow({ mode: 'open' })
    root.append(this.#canvas, this.#progress, this.#error)
    dress(root)
  }

  connectedCallback() {
    // What was set before this script arrived became a property of the element's own, and would hide the accessor.
    for (const name of [...Object.keys(PROPERTIES), 'ondone']) {
      if (!Object.hasOwn(this, name)) continue
      const value = this[name]
      delete this[name]
      this[name] = value
    }
    if (typeof IntersectionObserver === 'function') {
      this.#observer = new IntersectionObserver(entries => this.#see(entries.at(-1).isIntersecting))
      this.#observer.observe(this.#canvas) // it has a box where this element has none: display: contents
    } else this.#see(true)
    if (!this.#finished) this.#rest()
  }

  disconnectedCallback() {
    this.#observer?.disconnect()
    this.#visible = false
    this.#stop() // wherever it hangs: it is drawn when it comes into view again
    // Moving an element within the page disconnects and connects it: that must not cost it its model.
    setTimeout(() => this.isConnected || this.#leave())
  }

  adoptedCallback() {
    dress(this.shadowRoot)
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
  draw() {
    return this.#draw(true)
  }

  /**
   * Teaches the model behind this element, as `DigitDiffusion.train` does, and tells of it by events, too. It ends with the model: taken
   * away from the page, or given another base, device or number of threads, the element throws away what has been learnt.
   * @param {string} name @param {import('./digit-diffusion.js').TrainOptions} options
   */
  async *train(name, options) {
    const stop = new AbortController()
    const { signal } = options ?? {}
    const abort = () => stop.abort(signal.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    try {
      const loading = this.#load()
      this.#teachers.add(stop) // not before: another model may have had to go
      const model = await loading
      stop.signal.throwIfAborted()
      if (!this.#run) this.#rest()
      const run = model.train(name, options && { ...options, signal: stop.signal })
      try {
        for await (const turn of run) {
          this.dispatchEvent(new CustomEvent('train', { detail: turn }))
          yield turn
        }
      } finally {
        if (model.adapters.some(adapter => adapter.name === name)) this.#trained(name, model)
      }
    } finally {
      this.#teachers.delete(stop)
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Stops the run within one step. The model stays loaded. */
  cancel() {
    this.#run?.abort()
    this.#progress.hidden = true
    this.#missed.delete('done')
    this.#missed.delete('error')
  }

  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options)
    this.#heard.add(type)
    const event = this.#missed.get(type)
    if (!event || !listener) return
    this.#late.push({ type, listener, options })
    setTimeout(() => this.#tellLate(event))
  }

  removeEventListener(type, listener, options) {
    super.removeEventListener(type, listener, options)
    this.#late = this.#late.filter(late => late.type !== type || late.listener !== listener)
  }

  /** As elements have `onload` and `onerror`. */
  get ondone() {
    return this.#ondone
  }

  set ondone(listener) {
    this.removeEventListener('done', this.#ondone)
    this.#ondone = typeof listener === 'function' ? listener : null
    if (this.#ondone) this.addEventListener('done', this.#ondone)
  }

  async #draw(asked) {
    this.cancel()
    const run = (this.#run = new AbortController())
    const { signal } = run
    let endTurn
    this.#asked = asked
    this.#finished = false
    this.#error.hidden = true
    try {
      const { label, lora, loraScale, turbo, seed = randomSeed() } = this.#own
      const [steps, sampler, guidanceScale] = ['steps', 'sampler', 'guidance'].map(name => (this.getAttribute(name) ? this.#own[name] : undefined))
      if (label === null) return
      // Kept in memory where the browser has it: it is read by pages, and small.
      const context = this.#canvas.getContext('2d', { willReadFrequently: true })
      if (!context) throw new DigitDiffusionError('unsupported', { what: '2D canvas' })
      const model = await this.#load()
      signal.throwIfAborted()
      if (lora) await ensureAdapter(this.#entry, model, lora)
      signal.throwIfAborted()
      const quick = turbo ? await ensureTurbo(this.#entry, model, turbo) : undefined
      signal.throwIfAborted()
      endTurn = await takeTurn(this.#entry, signal)
      signal.throwIfAborted()
      this.#say(texts.drawing(label, model.noun.one))
      const adapters = { ...(lora && { [lora]: loraScale }), ...(quick && { [quick]: 1 }) }
      let last
      for await (const step of model.sample({ label, seed, steps, sampler, guidanceScale, adapters, signal })) {
        this.#paint(context, step.image)
        this.#show({ phase: 'sample', loaded: step.step, total: step.total }, step)
        last = step
      }
      this.#finished = true
      this.#say(texts.done(label, model.noun.one))
      this.#tell(new CustomEvent('done', { detail: { label, seed, image: last.image } }))
    } catch (error) {
      if (signal.aborted || isAbort(error)) return
      this.#finished = true
      this.#error.textContent = error.message
      this.#error.hidden = false
      this.#tell(new ErrorEvent('error', { error, message: error.message }))
    } finally {
      endTurn?.()
      if (this.#run === run) {
        this.#progress.hidden = true
        if (signal.aborted) this.#run = null
      }
    }
  }

  async #load() {
    const { base, device, threads } = this.#own
    if (!isShared(this.#entry) || this.#entry.key !== keyOf(base, device, threads)) {
      this.#leave()
      this.#say(texts.loading)
      this.#entry = acquire(base, device, threads, this.#onprogress)
      this.#announced = false
    }
    const entry = this.#entry
    const model = await entry.model
    if (entry === this.#entry && !this.#announced) {
      this.#announced = true
      this.#tell(new CustomEvent('load', { detail: { model } }))
    }
    return model
  }

  #leave() {
    if (this.#entry) release(this.#entry, this.#onprogress)
    this.#entry = null
    this.#teachers.forEach(stop => stop.abort())
    this.#missed.delete('load')
  }

  /** There is an adapter of this name now, and a picture that was drawn with the one before is out of date. */
  #trained(name, model) {
    if (this.#own.lora === name) {
      this.cancel()
      this.#schedule()
    }
    this.dispatchEvent(new CustomEvent('trained', { detail: { name, model } }))
  }

  /** The run is over, and what it was to draw is drawn when it is next seen. */
  #stop() {
    if (this.#finished) return
    this.cancel()
    this.#run = null
  }

  #see(visible) {
    this.#visible = visible
    if (!visible) {
      if (!this.#asked) this.#stop()
    } else if (!this.#run) this.#schedule()
  }

  #schedule() {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.isConnected && this.#visible) this.#draw(false)
      else this.#run = null // drawn when it comes into view
    })
  }

  /** Dispatches an outcome, and keeps it if nobody listens. @param {Event} event */
  #tell(event) {
    const { type } = event
    if (!this.#heard.has(type) && !this[`on${type}`]) this.#missed.set(type, event)
    this.dispatchEvent(event)
  }

  /** To those alone who came late: others on the way may have heard it. @param {Event} event */
  #tellLate(event) {
    const { type } = event
    const late = this.#late.filter(late => late.type === type)
    this.#late = this.#late.filter(late => late.type !== type)
    if (this.#missed.get(type) !== event || !late.length) return
    this.#missed.delete(type)
    for (const name of ['target', 'currentTarget']) Object.defineProperty(event, name, { value: this })
    for (const { listener, options } of late) {
      if (options?.signal?.aborted) continue
      if (options?.once) super.removeEventListener(type, listener, options)
      queueMicrotask(() => (typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event)))
    }
  }

  #show({ phase, loaded, total }, step) {
    this.#progress.hidden = false
    if (total) {
      this.#progress.max = total
      this.#progress.value = loaded
    } else this.#progress.removeAttribute('value')
    this.dispatchEvent(new CustomEvent('progress', { detail: { phase, loaded, total, ...step } }))
  }

  /** Nothing is drawn. */
  #rest() {
    this.#progress.hidden = true
    this.#say(texts.idle(this.#own.label))
  }

  #paint(context, image) {
    fit(this.#canvas, image.width)
    context.putImageData(image, 0, 0)
  }

  #say(sentence) {
    this.#canvas.setAttribute('aria-label', sentence)
  }
}

Object.defineProperties(
  DigitDiffusionElement.prototype,
  Object.fromEntries(Object.entries(PROPERTIES).map(([name, access]) => [name, { ...access, enumerable: true, configurable: true }])),
)
asOneClass(DigitDiffusionElement, 'element')
