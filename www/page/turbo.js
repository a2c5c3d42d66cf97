// Turbo: pictures in a few network calls, by an adapter that was taught it; which one, where there are several; and the morph that this makes
// smooth. The row is there where the models have such an adapter.
// Tests: tests/page/turbo-page.test.mjs
import { CALLS } from '../options.js'
import { live } from '../texts/page.js'
import { $ } from './dom.js'
import { Morph } from './morph.js'
import { RadioGroup } from './radio-group.js'

/**
 * @typedef {{ name: string, title?: string, turbo?: import('../digit-diffusion.js').Turbo }} Entry
 * @typedef {{ to: number, share: number }} Way
 */

/** Calls of the shipped adapters, whose place index.html holds until it is known what there is. */
const SHIPPED = [4, 2]

export class Turbo {
  /** @type {Entry[]} */
  #list = []
  #offered = false // it is known what there is
  /** Which one is on, or would be. @type {string | undefined} */
  #chosen
  #on = false
  #guided = true
  #group
  #onshow
  morph

  /**
   * @param {{ seed: () => number, onchange: (name: 'turbo' | 'morph', moving?: boolean) => void, onshow: () => void }} page `onshow` hears of
   * whatever else it has come to
   */
  constructor({ seed, onchange, onshow }) {
    this.#onshow = onshow
    this.morph = new Morph({ seed, onchange: moving => onchange('morph', moving) })
    this.#group = new RadioGroup($('turbo-calls'), {
      onchange: name => {
        this.#chosen = name
        this.on = true // who chooses among them wants to see it
        onchange('turbo')
      },
    })
    this.#hold()
    $('turbo').addEventListener('click', () => {
      this.on = !this.#on
      onchange('turbo')
    })
  }

  get on() {
    return this.#on
  }

  set on(on) {
    this.#on = on
    if (!on) this.morph.way = undefined
    this.#show()
  }

  /** The adapter that draws; undefined while it is off. */
  get name() {
    return this.#on ? this.#chosen : undefined
  }

  /** What the base is drawn with, and what a style is mixed with. @returns {Record<string, number>} */
  get strengths() {
    return this.name === undefined ? {} : { [this.name]: 1 }
  }

  /** How far a morph is. @returns {Way | undefined} */
  get way() {
    return this.#on ? this.morph.way : undefined
  }

  /** How it draws, while it is on and known. */
  get rule() {
    return this.#on ? this.#list.find(({ name }) => name === this.#chosen)?.turbo : undefined
  }

  /** Brings it to what a link asks for: an adapter that the models may yet turn out to have, or none. @param {string | undefined} name @param {Way} [way] */
  restore(name, way) {
    if (name !== undefined) this.#chosen = name
    this.on = name !== undefined
    if (this.#on) this.morph.way = way
    if (this.#offered) this.offer(this.#list)
  }

  /** @param {Entry[]} list of the adapters that there are, whatever they are for @param {{ guided?: boolean }} [base] */
  offer(list, { guided = this.#guided } = {}) {
    this.#list = list.filter(({ turbo }) => turbo && !turbo.with)
    this.#guided = guided
    this.#offered = true
    if (this.#chosen === undefined || (!this.#on && !this.#has(this.#chosen))) this.#chosen = this.#list[0]?.name
    const steps = this.#list.map(({ turbo }) => turbo.steps)
    const title = (/** @type {Entry} */ { name, title = name, turbo }) => (new Set(steps).size === steps.length ? live.turboCalls(turbo.steps) : title)
    this.#group.fill(this.#list.map(entry => ({ value: entry.name, title: title(entry) })), this.#chosen)
    $('turbo-row').hidden = !this.#list.length
    $('turbo-calls').hidden = this.#list.length < 2
    if (this.#list.length) $('turbo-hint').textContent = live.turboHint([...new Set(steps)], CALLS[guided ? 'guided' : 'plain'])
    this.#show()
  }

  /** Of a model that has come: what was asked for and is not there is off from now on. @returns {string | undefined} its name */
  settle() {
    if (!this.#on || this.#has(this.#chosen)) return undefined
    const asked = this.#chosen
    this.on = false
    this.#chosen = this.#list[0]?.name
    this.#group.value = this.#chosen
    return asked
  }

  /** @param {string} name */
  choose(name) {
    this.#chosen = name
    this.#group.value = name
    this.on = true
  }

  /** In the language that has just been chosen. */
  translate() {
    if (this.#offered) this.offer(this.#list)
    else this.#hold()
    this.morph.show()
  }

  /** What index.html has, in the language of the page. */
  #hold() {
    this.#group.fill(SHIPPED.map(steps => ({ value: `turbo-${steps}`, title: live.turboCalls(steps) })), `turbo-${SHIPPED[0]}`)
  }

  /** @param {string | undefined} name */
  #has(name) {
    return this.#list.some(entry => entry.name === name)
  }

  #show() {
    $('turbo').setAttribute('aria-checked', String(this.#on))
    $('stage').dataset.turbo = this.#on ? 'on' : 'off'
    $('morph').hidden = !this.#on
    this.#onshow()
  }
}
