// A tour: random digits, seeds and styles, one after the other, until it is stopped.
// Tests: tests/page/tour.test.mjs
import { $ } from './dom.js'

const LOOK = { lively: 2500, calm: 6000 } // milliseconds that a finished picture stays
const calm = matchMedia('(prefers-reduced-motion: reduce)')
const button = $('tour', HTMLButtonElement)

/**
 * Resolves after a while, or as soon as `signal` aborts.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
const pause = (ms, signal) =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true })
  })

/**
 * Resolves when somebody can see the page, or as soon as `signal` aborts.
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
const seen = signal =>
  new Promise(resolve => {
    const look = () => document.hidden || resolve()
    document.addEventListener('visibilitychange', look, { signal })
    signal.addEventListener('abort', () => resolve(), { once: true })
    look()
  })

export class Tour {
  #draw
  #onchange
  /** Of the tour that is under way. @type {AbortController | null} */
  #running = null

  /** @param {{ draw: (signal: AbortSignal) => Promise<void>, onchange: () => void }} page `draw` draws something random */
  constructor({ draw, onchange }) {
    this.#draw = draw
    this.#onchange = onchange
    button.addEventListener('click', () => (this.running ? this.stop() : this.#start()))
  }

  get running() {
    return this.#running !== null
  }

  stop() {
    if (!this.running) return
    this.#running.abort()
    this.#running = null
    button.setAttribute('aria-pressed', 'false')
    this.#onchange()
  }

  async #start() {
    const { signal } = (this.#running = new AbortController())
    button.setAttribute('aria-pressed', 'true')
    this.#onchange()
    while (!signal.aborted) {
      await this.#draw(signal)
      await pause(calm.matches ? LOOK.calm : LOOK.lively, signal)
      await seen(signal)
    }
  }
}
