// Picking a class: keys for short names, chips for long ones, a search where there are many, nothing where there is one.
// Tests: tests/page/picker.test.mjs, keyboard-and-layout.test.mjs
import { live } from '../texts/page.js'
import { faceOf, pickerOf } from '../words.js'
import { RadioGroup, radioLabel } from './radio-group.js'
import { addStyle } from './dom.js'

/** @typedef {import('./label-search.js').LabelSearch} LabelSearch */

export class Picker {
  #root
  #onchange
  #radios
  /** @type {string[]} */
  #labels
  /** @type {string | undefined} */
  #value
  /** Where there are many classes; it comes when it is needed. @type {LabelSearch | undefined} */
  #search

  /** @param {HTMLElement} root holds the keys @param {{ onchange: (value: string) => void }} events */
  constructor(root, { onchange }) {
    this.#root = root
    this.#onchange = onchange
    this.#radios = new RadioGroup(root, { typed: true, onchange: value => onchange((this.#value = value)) })
    this.#labels = this.#radios.inputs.map(({ value }) => value)
  }

  get value() {
    return this.#value
  }

  set value(value) {
    this.#value = value
    this.#radios.value = value
    if (this.#search) this.#search.value = value
  }

  /** The classes there are to pick from; what is picked stays, where it is among them. @param {string[]} labels */
  offer(labels) {
    if (JSON.stringify(labels) === JSON.stringify(this.#labels)) return
    this.#labels = labels
    const kind = pickerOf(labels)
    const search = kind === 'search'
    this.#search = undefined
    this.#root.dataset.kind = kind
    this.#root.parentElement.hidden = kind === 'none'
    this.#root.setAttribute('role', search ? 'group' : 'radiogroup')
    addStyle('picker.css').catch(error => console.debug(error.message))
    const faces = search || kind === 'none' ? [] : labels.map((label, i) => radioLabel(this.#root.id, label, bdi(faceOf(label, i))))
    this.#root.replaceChildren(...faces)
    this.#radios.value = this.#value
    if (search) this.#load(labels)
  }

  translate() {
    this.#search?.translate()
  }

  /** @param {string[]} labels */
  async #load(labels) {
    try {
      const { LabelSearch } = await import('./label-search.js')
      if (this.#labels !== labels) return
      const names = labels.map(faceOf)
      this.#search = new LabelSearch(this.#root, { labels, names, texts: live, onchange: value => this.#onchange((this.#value = value)) })
      this.#search.value = this.#value
    } catch (error) {
      console.debug(error.message)
      addEventListener('online', () => this.#labels === labels && this.#load(labels), { once: true })
    }
  }
}

/** A name that runs from right to left turns nothing around it. @param {string} text */
const bdi = text => Object.assign(document.createElement('bdi'), { textContent: text })
