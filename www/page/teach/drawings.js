// All that was drawn or found in photographs: what it is of, and what the model sees of it.
// Tests: tests/page/teach-pad.test.mjs, teach-storage.test.mjs

/**
 * `label`: its class, undefined until the visitor has said which it is; `pixels`: `size * size` grey values, white on black; `strokes`: what
 * they were made of, where it was drawn here.
 * @typedef {{ id: number, label?: string, size: number, pixels: Uint8Array, strokes?: import('./strokes.js').Stroke[] }} Drawing
 */

import { lightness } from '../colours.js'

let last = 0
/** Larger than all before, also those of earlier visits. */
const nextId = () => (last = Math.max(last + 1, Date.now()))

/** What is taught is grey, also what a base in colour has drawn. @param {ImageData} image @returns {Uint8Array} */
export const greyOf = ({ data }) => Uint8Array.from({ length: data.length / 4 }, (_, i) => lightness(data, 4 * i))

/** @param {Drawing} drawing */
export function imageOf({ size, pixels }) {
  const image = new ImageData(size, size)
  for (const [i, value] of pixels.entries()) image.data.set([value, value, value, 255], 4 * i)
  return image
}

export class Drawings {
  /** In the order in which they came. @type {Drawing[]} */
  #all = []
  #store
  #onchange
  /** @type {string[]} */
  #labels = []
  #size = 0

  /** @param {import('./store.js').Store} store @param {() => void} onchange */
  constructor(store, onchange) {
    this.#store = store
    this.#onchange = onchange
  }

  /** What the model has room for. @param {{ labels: string[], imageSize: number }} model */
  fit({ labels, imageSize }) {
    this.#labels = labels
    this.#size = imageSize
    this.#onchange()
  }

  /** Those of earlier visits. @param {Drawing[]} drawings */
  restore(drawings) {
    this.#all.push(...drawings)
    last = Math.max(last, ...drawings.map(({ id }) => id))
    this.#onchange()
  }

  /** Those that fit the model. */
  get all() {
    return this.#all.filter(({ size }) => size === this.#size)
  }

  get othersCount() {
    return this.#all.length - this.all.length
  }

  /** Those whose class is known. @returns {(Drawing & { label: string })[]} */
  get named() {
    return /** @type {any} */ (this.all.filter(({ label }) => label !== undefined && this.#labels.includes(label)))
  }

  get unnamed() {
    return this.all.filter(({ label }) => label === undefined || !this.#labels.includes(label))
  }

  /** @param {string} label */
  of(label) {
    return this.all.filter(drawing => drawing.label === label)
  }

  /** The newest that was drawn here. */
  get newest() {
    return this.all.findLast(({ strokes }) => strokes)
  }

  /** How many of the classes have a drawing. */
  get classes() {
    return new Set(this.named.map(({ label }) => label)).size
  }

  /**
   * The class that has the fewest, the one after `label` first.
   * @param {string} [label]
   * @param {string[]} [pending] of drawings that are on their way
   */
  fewest(label, pending = []) {
    /** @type {Map<string, number>} */
    const counts = new Map(this.#labels.map(label => [label, 0]))
    for (const one of [...this.named.map(({ label }) => label), ...pending]) counts.set(one, (counts.get(one) ?? 0) + 1)
    const from = this.#labels.indexOf(label) + 1
    const inTurn = [...this.#labels.slice(from), ...this.#labels.slice(0, from)]
    return inTurn.reduce((least, label) => (counts.get(label) < counts.get(least) ? label : least))
  }

  /** @param {Omit<Drawing, 'id'>[]} drawings */
  add(drawings) {
    return this.put(drawings.map(drawing => ({ ...drawing, id: nextId() })))
  }

  /** These as they are, new ones or others in their place. @param {Drawing[]} drawings */
  put(drawings) {
    const ids = new Set(drawings.map(({ id }) => id))
    this.#all = [...this.#all.filter(({ id }) => !ids.has(id)), ...drawings].sort((a, b) => a.id - b.id)
    this.#store.keepDrawings(drawings)
    this.#onchange()
  }

  /** @param {Drawing[]} drawings */
  remove(drawings) {
    const ids = drawings.map(({ id }) => id)
    this.#all = this.#all.filter(({ id }) => !ids.includes(id))
    this.#store.dropDrawings(ids)
    this.#onchange()
  }

  /** The store is emptied by whoever asks for that. */
  forget() {
    this.#all = []
    this.#onchange()
  }
}
