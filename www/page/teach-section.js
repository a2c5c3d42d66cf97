// The section in which visitors teach the model their hand. What it is made of comes when it is opened, or at once where an earlier visit
// has left something.
// Tests: tests/page/teach-pad.test.mjs, teach-storage.test.mjs
import { $, addStyle } from './dom.js'
import { isFlagged } from './teach-flag.js'

/** @typedef {import('./teach/teach.js').Page} Page */

export class TeachSection {
  #load
  #page
  /** @type {Promise<import('./teach/teach.js').Teach> | undefined} */
  #teach
  /** Once it is there. @type {import('./teach/teach.js').Teach | undefined} */
  #ready

  /** @param {() => Promise<typeof import('../teach.js')>} load @param {Page & { onfail: (error: Error) => void, load: () => void }} page `load`: the model is needed */
  constructor(load, page) {
    this.#load = load
    this.#page = page
    const open = () => this.#open().catch(page.onfail)
    $('teach-open').addEventListener('click', open)
    $('teach-jump').addEventListener('click', () => {
      $('teach').scrollIntoView()
      open()
    })
  }

  /** What an earlier visit has left: its style is among the styles afterwards. */
  async restore() {
    if (isFlagged()) await this.#fetch().catch(error => console.debug(error.message)) // by hand, then
  }

  async #open() {
    const { session, load } = this.#page
    if (!session.model) load()
    const teach = await this.#fetch()
    if (session.model) teach.focus() // else it appears with the model
  }

  /** Once; where it did not arrive, it is asked for again. */
  #fetch() {
    this.#teach ??= this.#begin()
    this.#teach.catch(() => (this.#teach = undefined))
    return this.#teach
  }

  async #begin() {
    const [{ Teach }] = await Promise.all([this.#load(), addStyle('teach.css')])
    this.#ready = await Teach.open(this.#page, $('teach-room'))
    if (this.#page.session.model) this.adopt(this.#page.session.model)
    return this.#ready
  }

  /** @param {import('../digit-diffusion.js').DigitDiffusion} model that has just come */
  adopt(model) {
    const able = !model.autoencoder
    $('teach-jump').hidden = !able
    $('teach-not').hidden = able
    $('teach-open').hidden = !able || Boolean(this.#ready)
    $('teach-room').hidden = true
    if (!this.#ready || !able) return
    this.#ready.adopt(model)
    $('teach-room').hidden = false
  }

  /** Takes dropped photographs, if it is open and they are some. @param {File[]} files */
  takes(files) {
    const teach = this.#ready
    if (!teach || $('teach-room').hidden || !files.length || !files.every(({ type }) => type.startsWith('image/'))) return false
    teach.addPhotographs(files)
    return true
  }

  translate() {
    return this.#ready?.translate()
  }
}
