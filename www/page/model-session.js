// The model on the page: loads it, changes its device, adds its styles on demand, notices its death.
// Tests: tests/page/failures.test.mjs, races.test.mjs
import { DigitDiffusion } from '../digit-diffusion.js'

/**
 * @typedef {import('../digit-diffusion.js').Progress} Progress
 * @typedef {import('../digit-diffusion.js').Device} Device
 * @typedef {Pick<import('./import-files.js').OwnAdapter, 'name' | 'title' | 'files'> & { partial?: boolean, turbo?: import('../digit-diffusion.js').Turbo }} OwnStyle
 * @typedef {import('../digit-diffusion.js').Adapter} Adapter
 * @typedef {{ name: string, title?: string, turbo?: import('../digit-diffusion.js').Turbo }} Style
 * @typedef {import('../digit-diffusion.js').DigitDiffusionError} DigitDiffusionError
 */

const TRIAL = ' ' // no style's name: theirs are made of letters and digits

export class ModelSession {
  /** @type {DigitDiffusion | null} */
  model = null
  /** @type {Device} */
  device = 'auto'
  /** The address of its base; undefined of the one that the page comes with. @type {string | undefined} */
  base
  /** The styles that the visitor brought, each with the base that it is for. @type {(OwnStyle & { base?: string })[]} */
  #own = []
  /** One after the other, so that each knows the names of those before it. @type {Promise<unknown>} */
  #adding = Promise.resolve()
  /** @type {{ controller: AbortController, device: Device, base: string | undefined, promise?: Promise<DigitDiffusion> } | null} */
  #attempt = null
  #events

  /**
   * @param {{ onprogress: (progress: Progress) => void, onready: (model: DigitDiffusion) => void,
   *   onlost: (error: DigitDiffusionError) => void, onsettled: () => void }} events
   */
  constructor(events) {
    this.#events = events
  }

  get loading() {
    return this.#attempt !== null
  }

  /** What has been asked for last: of what is being loaded, or of the model that is there. @returns {{ device: Device, base: string | undefined }} */
  get wanted() {
    return this.#attempt ?? this
  }

  /** The model, loaded if need be; several callers wait for the same download. @returns {Promise<DigitDiffusion>} */
  ready() {
    if (this.model) return Promise.resolve(this.model)
    return this.#attempt?.promise ?? this.load(this.device, this.base)
  }

  /**
   * Loads for another device, or another base. Until that has worked out, the model that is there stays.
   * @param {Device} device
   * @param {string} [base] its address
   * @returns {Promise<DigitDiffusion>}
   */
  load(device, base = undefined) {
    this.stop()
    if (!this.model) Object.assign(this, { device, base })
    const controller = new AbortController()
    /** @type {{ controller: AbortController, device: Device, base: string | undefined, promise?: Promise<DigitDiffusion> }} */
    const attempt = { controller, device, base }
    this.#attempt = attempt
    const promise = this.#load(device, base, controller.signal).finally(() => {
      if (this.#attempt === attempt) this.#attempt = null
      this.#events.onsettled()
    })
    attempt.promise = promise
    return promise
  }

  stop() {
    this.#attempt?.controller.abort()
    this.#attempt = null
  }

  /** All styles there are to choose from. @returns {Style[]} */
  get styles() {
    return this.#all.filter(({ turbo }) => !turbo)
  }

  /** The adapters that were taught to draw in few steps. @returns {Style[]} */
  get turbos() {
    return this.#all.filter(({ turbo }) => turbo)
  }

  /** @returns {Style[]} */
  get #all() {
    return [...(this.model?.catalog ?? []), ...this.#mine]
  }

  /** Those that are for this base. */
  get #mine() {
    return this.#own.filter(({ base }) => base === this.base)
  }

  /**
   * Makes sure that the model has the adapter `name`, of its catalog or the visitor's.
   * @param {string} name
   * @param {import('../digit-diffusion.js').AdapterOptions} options
   */
  async addStyle(name, options) {
    const { model } = this
    const { files, partial } = this.#mine.find(style => style.name === name) ?? {}
    return model.adapters.find(adapter => adapter.name === name) ?? model.addAdapter(name, files, { ...options, partial })
  }

  /**
   * Adds a style that the visitor brought, under a name that is free; rejects if the model does not take it. `partial` takes what fits.
   * @param {OwnStyle} adapter
   * @returns {Promise<{ title: string, adapter: Adapter }>}
   */
  addOwn(adapter) {
    const added = this.#adding.then(() => this.#addOwn(adapter))
    this.#adding = added.catch(() => {})
    return added
  }

  /** `name`, or with a number where there is a style of that name. @param {string} name */
  freeName(name) {
    let n = 1
    const nth = () => (n > 1 ? `${name}-${n}` : name)
    while (this.#all.some(style => style.name === nth())) n++
    return nth()
  }

  /** Lists a style of the visitor's own, in place of the one of that name; the model takes it when it is drawn with. @param {OwnStyle} style */
  keepOwn(style) {
    const at = this.#own.findIndex(({ name, base }) => name === style.name && base === this.base)
    const own = { ...style, base: this.base }
    if (at < 0) this.#own.push(own)
    else this.#own[at] = own
  }

  /** The same where the style has changed: the model forgets the one before. @param {OwnStyle} style */
  async replaceOwn(style) {
    this.keepOwn(style)
    await this.#forget(style.name)
  }

  /** @param {string} name of a style of the visitor's own, which is there no longer */
  async dropOwn(name) {
    this.#own = this.#own.filter(style => style.name !== name || style.base !== this.base)
    await this.#forget(name)
  }

  /** @param {string} name */
  async #forget(name) {
    if (this.model?.adapters.some(adapter => adapter.name === name)) await this.model.removeAdapter(name)
  }

  /**
   * Whether something of a style that was refused fits; nothing of it is kept.
   * @param {OwnStyle} adapter
   * @returns {Promise<boolean>}
   */
  fitsPartly({ files }) {
    const { model } = this
    const tried = this.#adding.then(async () => {
      await model.addAdapter(TRIAL, files, { partial: true })
      await model.removeAdapter(TRIAL)
      return true
    })
    const fits = tried.catch(() => false) // the file has been refused already, with its reason
    this.#adding = fits
    return fits
  }

  /** @param {OwnStyle} adapter */
  async #addOwn({ name, title, files, partial = false }) {
    const free = this.freeName(name)
    const style = { name: free, title: free === name ? title : `${title} ${free.slice(name.length + 1)}`, files, partial }
    const adapter = await this.model.addAdapter(style.name, files, { partial })
    this.#own.push({ ...style, turbo: adapter.turbo, base: this.base })
    return { title: style.title, adapter }
  }

  /** @param {Device} device @param {string | undefined} base @param {AbortSignal} signal */
  async #load(device, base, signal) {
    const { onprogress, onready, onlost } = this.#events
    const model = await DigitDiffusion.load(base, { device, signal, onprogress })
    if (signal.aborted) {
      model.dispose()
      throw signal.reason
    }
    this.model?.dispose()
    Object.assign(this, { model, device, base })
    model.lost.then(error => {
      if (this.model !== model) return
      this.model = null
      onlost(error)
    })
    onready(model)
    return model
  }
}
