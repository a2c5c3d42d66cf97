// The styles to choose from: one of them, or a mix of all, each with its strength.
// Tests: tests/page/strengths.test.mjs
import { live, page } from '../texts/page.js'
import { $ } from './dom.js'
import { RadioGroup } from './radio-group.js'

const MIX = '*' // stands among the styles, and is the name of none
const MIXES_WELL = 'slanted' // of the shipped ones: it moves strokes, and leaves their look to the other style
/** @param {number} value */
const decimal = value => value.toFixed(1).replace('-', '−')

export class Styles {
  /** @type {import('./model-session.js').Style[]} */
  #list = []
  /** @type {string | undefined} */
  #chosen
  /** Strengths by name, of each style alone. @type {Record<string, number>} */
  #alone = {}
  /** Strengths by name, in the mix. @type {Record<string, number>} */
  #mixed = {}
  #group
  #onchange

  /** @param {{ onchange: (name: 'style' | 'strength', moving?: boolean) => void }} events */
  constructor({ onchange }) {
    this.#onchange = onchange
    this.#group = new RadioGroup($('styles'), {
      onchange: value => {
        this.#choose(value)
        onchange('style')
      },
    })
  }

  /** Strengths by name: what the next drawing is done with, and what a link says. @returns {Record<string, number>} */
  get strengths() {
    if (this.#chosen === MIX) return { ...this.#mixed }
    return this.#chosen === undefined ? {} : { [this.#chosen]: this.#alone[this.#chosen] ?? 1 }
  }

  /** Names that are not there are left out. */
  set strengths(strengths) {
    const known = Object.entries(strengths).filter(([name]) => this.has(name))
    if (!known.length) return
    const [[name, strength]] = known
    if (known.length > 1) this.#mixed = Object.fromEntries(known)
    else this.#alone[name] = strength
    this.#choose(known.length > 1 ? MIX : name)
    this.#group.value = this.#chosen
  }

  /** @param {string} name */
  has(name) {
    return this.#list.some(style => style.name === name)
  }

  /** @param {string} name @returns {string} */
  title(name) {
    return /** @type {Record<string, string>} */ (live.styleTitles)[name] ?? this.#list.find(style => style.name === name)?.title ?? name
  }

  /** What is chosen, in words. */
  get description() {
    if (this.#chosen !== MIX) return this.#chosen === undefined ? '' : this.title(this.#chosen)
    const parts = Object.entries(this.#mixed).filter(([, strength]) => strength)
    return parts.map(([name, strength]) => `${this.title(name)} ${decimal(strength)}`).join(' + ')
  }

  /** @param {import('./model-session.js').Style[]} list */
  fill(list) {
    this.#list = list
    this.#mixed = Object.fromEntries(Object.entries(this.#mixed).filter(([name]) => this.has(name)))
    const stays = this.has(this.#chosen) || (this.#chosen === MIX && list.length > 1)
    this.#choose(stays ? this.#chosen : list[0]?.name)
    const choices = list.map(({ name }) => ({ value: name, title: this.title(name) }))
    if (list.length > 1) choices.push({ value: MIX, title: live.mix })
    this.#group.fill(choices, this.#chosen)
    if (!list.length) $('styles').textContent = live.noStyles
  }

  /** In the language that has just been chosen. */
  translate() {
    this.fill(this.#list)
  }

  /** @param {string} name */
  choose(name) {
    this.#choose(name)
    this.#group.value = name
  }

  /** Leaves one out of what is chosen. @param {string} name @returns {boolean} whether anything is left */
  drop(name) {
    if (this.#chosen !== MIX) return this.#chosen !== name
    delete this.#mixed[name]
    const left = Object.keys(this.#mixed)
    this.choose(left.length > 1 ? MIX : left[0])
    return true
  }

  /** Chooses a random one. */
  roll() {
    if (this.#list.length) this.choose(this.#list[Math.floor(Math.random() * this.#list.length)].name)
  }

  /** @param {string | undefined} value */
  #choose(value) {
    if (value === MIX && Object.keys(this.#mixed).length < 2) this.#mixed = this.#firstMix()
    this.#chosen = value
    const names = value === MIX ? this.#list.map(({ name }) => name) : [value].filter(Boolean)
    $('strengths').replaceChildren(...names.flatMap(name => this.#slider(name)))
  }

  /** A mix begins with the style that was chosen, whole, and half of another: of two halves, one often sees neither. */
  #firstMix() {
    const at = Math.max(0, this.#list.findIndex(({ name }) => name === this.#chosen))
    const { name } = this.#list[at]
    const other = name !== MIXES_WELL && this.has(MIXES_WELL) ? MIXES_WELL : this.#list[(at + 1) % this.#list.length].name
    return { [name]: 1, [other]: 0.5 }
  }

  /** @param {string} name */
  #slider(name) {
    const values = this.#chosen === MIX ? this.#mixed : this.#alone
    const fallback = this.#chosen === MIX ? 0 : 1
    const label = document.createElement('label')
    const input = document.createElement('input')
    const output = document.createElement('output')
    const title = this.#chosen === MIX ? this.title(name) : page.strength
    label.className = 'label'
    label.textContent = title
    label.htmlFor = input.id = `strength-${this.#list.findIndex(style => style.name === name)}`
    Object.assign(input, { type: 'range', min: '-1', max: '2', step: '0.1', value: String(values[name] ?? fallback) })
    input.dataset.style = name
    const show = () => {
      output.textContent = decimal(input.valueAsNumber)
    }
    show()
    input.addEventListener('input', () => {
      values[name] = input.valueAsNumber
      show()
      this.#onchange('strength', true)
    })
    input.addEventListener('change', () => this.#onchange('strength'))
    return [label, input, output]
  }
}
