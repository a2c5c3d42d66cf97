// The model on the page: loads it, changes its device, adds its styles on demand, notices its death.
import { DigitDiffusion } from '../digit-diffusion.js'

export class Session {
  model = null
  device = 'auto'
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

  /** Makes sure that the model has the adapter `name` of its catalog. */
  async addStyle(name, options) {
    const { model } = this
    return model.adapters.find(adapter => adapter.name === name) ?? model.addAdapter(name, undefined, options)
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
