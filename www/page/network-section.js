// The section on the network: fetches its diagram when the visitor comes near, and keeps what it shows until then.
// Tests: tests/page/network.test.mjs
import { $ } from './dom.js'

/**
 * @typedef {import('./recording.js').Recording} Recording
 * @typedef {import('../digit-diffusion.js').DigitDiffusion} DigitDiffusion
 * @typedef {import('./network-diagram.js').NetworkDiagram} NetworkDiagram
 */

const NEAR = '100px' // of the window, below it

export class NetworkSection {
  /** @type {NetworkDiagram | undefined} */
  #diagram
  /** @type {Recording | undefined} */
  #recording
  /** What of the model is shown: its style, where LoRA is on. @type {{ model: DigitDiffusion, name: string | undefined } | undefined} */
  #style
  #title
  /** Of the base's folder. */
  #base = new URL('models/base/', document.baseURI).href

  /** @param {{ title: (name: string) => string }} styles */
  constructor({ title }) {
    this.#title = title
    let loading = false
    const observer = new IntersectionObserver(
      entries => {
        if (loading || !entries.some(({ isIntersecting }) => isIntersecting)) return
        loading = true
        this.#load()
          .then(() => observer.disconnect(), error => console.debug(error.message)) // tried again when it comes near again
          .finally(() => (loading = false))
      },
      { rootMargin: `0px 0px ${NEAR}` },
    )
    observer.observe($('network'))
  }

  /** @param {Recording} recording */
  show(recording) {
    this.#recording = recording
    this.#diagram?.show(recording)
  }

  /** @param {DigitDiffusion} model @param {string | undefined} name of the style that is shown, if one is */
  change(model, name) {
    this.#style = { model, name }
    this.#diagram?.change(model, name)
  }

  /** Another base draws from now on. @param {string | undefined} address of its folder; undefined: the page's own */
  async adopt(address = new URL('models/base/', document.baseURI).href) {
    if (address === this.#base) return
    this.#base = address
    this.#recording = undefined
    await this.#diagram?.adopt(address).catch(error => console.debug(error.message)) // the one before stays
    this.#update()
  }

  async translate() {
    await this.#diagram?.translate()
    this.#update()
  }

  async #load() {
    const { NetworkDiagram } = await import('./network-diagram.js')
    this.#diagram = await NetworkDiagram.open({ title: this.#title, base: this.#base })
    this.#update()
  }

  #update() {
    if (this.#style) this.change(this.#style.model, this.#style.name)
    if (this.#recording) this.show(this.#recording)
  }
}
