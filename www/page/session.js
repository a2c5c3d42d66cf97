// The model on the page: loads it, changes its device, adds its styles on demand, notices its death.
import { DigitDiffusion } from '../digit-diffusion.js'

export class Session {
  model = null
  device = 'auto'
  #own = [] // the styles that the visitor brought, with their files
  #adding = Promise.resolve() // one after the other, so that each knows the names of those before it
  #attempt = null
  #events

  /** @param {{ onprogress: Function, onready: Function, onlost: Function, onsettled: Function }} events */
  constructor(events) {
    this.#events = events
  }

  get loading() {
    return this.#attempt !== null
  }

  /** The model, loaded if need be; several callers wait for the same download. */
  ready() {
    if (this.model) return Promise.resolve(this.model)
    return this.#attempt?.promise ?? this.load(this.device)
  }

  /** Loads for another device. Until that has worked out, the model that is there stays. */
  load(device) {
    this.stop()
    if (!this.model) this.device = device
    const controller = new AbortController()
    const attempt = (this.#attempt = { controller })
    attempt.promise = this.#load(device, controller.signal).finally(() => {
      if (this.#attempt === attempt) this.#attempt = null
      this.#events.onsettled()
    })
    return attempt.promise
  }

  stop() {
    this.#attempt?.controller.abort()
    this.#attempt = null
  }

  /** All styles there are to choose from. */
  get styles() {
    return [...(this.model?.catalog ?? []), ...this.#own]
  }

  /** Makes sure that the model has the adapter `name`, of its catalog or the visitor's. */
  async addStyle(name, options) {
    const { model } = this
    const files = this.#own.find(style => style.name === name)?.files
    return model.adapters.find(adapter => adapter.name === name) ?? model.addAdapter(name, files, options)
  }

  /** Adds a style that the visitor brought, under a name that is free; rejects if the model does not take it. */
  addOwn(adapter) {
    const added = this.#adding.then(() => this.#addOwn(adapter))
    this.#adding = added.catch(() => {})
    return added
  }

  async #addOwn({ name, title, files }) {
    const nth = n => (n > 1 ? `${name}-${n}` : name)
    let n = 1
    while (this.styles.some(style => style.name === nth(n))) n++
    const style = { name: nth(n), title: n > 1 ? `${title} ${n}` : title, files }
    await this.model.addAdapter(style.name, files)
    this.#own.push(style)
    return style
  }

  async #load(device, signal) {
    const { onprogress, onready, onlost } = this.#events
    const model = await DigitDiffusion.load(undefined, { device, signal, onprogress })
    if (signal.aborted) {
      model.dispose()
      throw signal.reason
    }
    this.model?.dispose()
    this.model = model
    this.device = device
    model.lost.then(error => {
      if (this.model !== model) return
      this.model = null
      onlost(error)
    })
    onready(model)
    return model
  }
}
