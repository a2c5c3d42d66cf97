// What there is of each class: a card for each, with small pictures of what the model will see. A picture that is chosen is taken out.
// Tests: tests/page/teach-pad.test.mjs
import { imageOf } from './drawings.js'
import { element, picture } from './element.js'

/** @typedef {import('./drawings.js').Drawing} Drawing */

const MANY = 40 // of more classes than these, those alone that have drawings have a card
const SHORT = 3 // characters of names that a narrow card has room for
/** By keys, how far among the pictures. @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }

export class Gallery {
  /** @type {HTMLElement} */
  root
  #cards = element('div', { class: 'hands' })
  #total = element('p', { class: 'fine', id: 'hands-total' })
  #told = element('p', { class: 'fine hands-told' })
  #speech
  #drawings
  #events
  #nameOf
  /** What was taken out last. @type {Drawing | undefined} */
  #removed
  /** Pictures, by drawing: they do not change. @type {WeakMap<Drawing, HTMLCanvasElement>} */
  #pictures = new WeakMap()
  /** The drawing that the tab key comes to, by its id. @type {number | undefined} */
  #current
  /** @type {string | undefined} */
  #asked

  /**
   * @param {{ speech: import('./element.js').Speech, announce: (text: string) => void }} room
   * @param {import('./drawings.js').Drawings} drawings
   * @param {{ labels: () => string[], nameOf: (label: string) => string, onask: (label: string) => void }} page `nameOf`: what is shown of a class
   */
  constructor({ speech, announce }, drawings, { labels, nameOf, onask }) {
    this.#speech = speech
    this.#drawings = drawings
    this.#nameOf = nameOf
    this.#events = { labels, onask, announce }
    this.root = element('div', { class: 'hands-and-total' },
      element('div', { class: 'hands-head' }, speech.text(element('h3', { id: 'hands-title' }), t => t.grid), this.#total),
      speech.text(element('p', { class: 'fine' }), t => t.gridHint),
      this.#cards,
      this.#told,
    )
    this.#cards.setAttribute('role', 'group')
    this.#cards.setAttribute('aria-labelledby', 'hands-title')
    this.#cards.addEventListener('keydown', event => this.#key(event))
    this.#cards.addEventListener('focusin', ({ target }) => this.#makeCurrent(/** @type {HTMLElement} */ (target)))
  }

  /** Shows what there is, and which class is asked for. @param {string} [asked] */
  show(asked = this.#asked) {
    this.#asked = asked
    const { texts } = this.#speech
    const labels = this.#events.labels()
    const shown = labels.length > MANY ? labels.filter(label => label === asked || this.#drawings.of(label).length) : labels
    const focused = document.activeElement instanceof HTMLElement && this.#cards.contains(document.activeElement) ? { ...document.activeElement.dataset } : undefined
    this.#cards.toggleAttribute('data-short', labels.every(label => [...label].length <= SHORT))
    this.#cards.replaceChildren(...shown.map(label => this.#card(label, label === asked)))
    this.#total.textContent = this.#drawings.named.length ? texts.total(this.#drawings.named.length, this.#drawings.classes) : texts.none
    this.#tellRemoved()
    const pictures = this.#buttons
    const current = pictures.find(({ dataset }) => Number(dataset.id) === this.#current) ?? pictures[0]
    if (current) current.tabIndex = 0
    if (!focused) return
    const same = [...this.#cards.querySelectorAll('button')].find(({ dataset }) => dataset.id === focused.id && dataset.label === focused.label)
    ;(same ?? current ?? this.#cards.querySelector('button'))?.focus()
  }

  /** @returns {HTMLButtonElement[]} */
  get #buttons() {
    return [...this.#cards.querySelectorAll('button')].filter(({ dataset }) => dataset.id)
  }

  /** @param {string} label @param {boolean} asked */
  #card(label, asked) {
    const { texts } = this.#speech
    const own = this.#drawings.of(label)
    const ask = element('button', { type: 'button', class: 'hand-of', 'data-label': label, 'aria-pressed': String(asked), title: texts.ofClass(label, own.length) },
      element('bdi', {}, this.#nameOf(label)), element('span', {}, String(own.length)))
    ask.addEventListener('click', () => this.#events.onask(label))
    const pictures = own.map((drawing, i) => {
      const name = texts.drawing(label, i + 1, own.length)
      const button = element('button', { type: 'button', class: 'hand', tabindex: '-1', 'data-id': String(drawing.id), 'aria-label': name, title: name }, this.#pictureOf(drawing))
      button.addEventListener('click', () => this.#remove(drawing))
      return button
    })
    return element('div', { class: 'hand-card', ...(asked && { 'data-asked': '' }) }, ask, element('div', { class: 'hand-pictures' }, ...pictures))
  }

  /** @param {Drawing} drawing */
  #pictureOf(drawing) {
    if (!this.#pictures.has(drawing)) this.#pictures.set(drawing, picture(imageOf(drawing)))
    return this.#pictures.get(drawing)
  }

  /** @param {Drawing} drawing */
  #remove(drawing) {
    const at = this.#buttons.findIndex(({ dataset }) => Number(dataset.id) === drawing.id)
    this.#current = Number((this.#buttons[at + 1] ?? this.#buttons[at - 1])?.dataset.id)
    this.#removed = drawing
    this.#drawings.remove([drawing])
    this.#events.announce(this.#speech.texts.removed(drawing.label))
  }

  #tellRemoved() {
    const { texts } = this.#speech
    const removed = this.#removed
    this.#told.replaceChildren()
    if (!removed?.label || !this.#events.labels().includes(removed.label)) return
    const back = element('button', { type: 'button', class: 'link', id: 'hands-back' }, texts.putBack)
    back.addEventListener('click', () => {
      this.#removed = undefined
      this.#current = removed.id
      this.#drawings.put([removed])
      this.#buttons.find(({ dataset }) => Number(dataset.id) === removed.id)?.focus()
    })
    this.#told.append(`${texts.removed(removed.label)} `, back)
  }

  /** Nothing can be put back any more. */
  forget() {
    this.#removed = undefined
  }

  /** @param {HTMLElement} button */
  #makeCurrent(button) {
    if (!button.dataset.id) return
    for (const other of this.#buttons) other.tabIndex = -1
    button.tabIndex = 0
    this.#current = Number(button.dataset.id)
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { target, key } = event
    if (!(target instanceof HTMLElement) || !target.dataset.id || event.ctrlKey || event.metaKey || event.altKey) return
    const buttons = this.#buttons
    const at = buttons.findIndex(button => button === target)
    if (key === 'Delete' || key === 'Backspace') target.click()
    else if (Object.hasOwn(STEPS, key)) buttons[Math.max(0, Math.min(buttons.length - 1, at + STEPS[key]))].focus()
    else if (key === 'Home') buttons[0].focus()
    else if (key === 'End') buttons.at(-1).focus()
    else return
    event.preventDefault()
  }
}
