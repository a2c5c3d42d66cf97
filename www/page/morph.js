// The way from one seed's noise to another's: a slider, and a button that plays it, there and back. Where along it the picture is, `way` says;
// the noise there is the engine's to compute.
// Tests: tests/page/turbo-morph.test.mjs
import { randomSeed } from '../options.js'
import { live } from '../texts/page.js'
import { $ } from './dom.js'

const WAY = 4000 // milliseconds from one end to the other
const LONGEST = 100 // … and of a frame: where the page was out of sight, the way is not shorter
const STILL = { every: 1500, part: 0.25 } // with motion reduced: so long a picture stays, and so far is it to the next
const calm = matchMedia('(prefers-reduced-motion: reduce)')

export class Morph {
  #slider = $('morph-share', HTMLInputElement)
  #target = $('morph-to', HTMLInputElement)
  #to = randomSeed()
  /** From 0 to 1, and where it is played, on to 2, which is back at 0. */
  #at = 0
  /** Of the next frame, while it plays. @type {number | undefined} */
  #frame
  #seed
  #onchange

  /** @param {{ seed: () => number, onchange: (moving?: boolean) => void }} page `seed`: where the way begins */
  constructor({ seed, onchange }) {
    this.#seed = seed
    this.#onchange = onchange
    this.#slider.addEventListener('input', () => this.#scrub(true))
    this.#slider.addEventListener('change', () => this.#scrub(false))
    this.#target.addEventListener('change', () => {
      const to = this.#target.valueAsNumber
      if (Number.isSafeInteger(to) && to >= 0) this.#to = to
      this.show()
      onchange()
    })
    $('morph-play').addEventListener('click', () => (this.playing ? this.stop() : this.#play()))
    this.show()
  }

  get playing() {
    return this.#frame !== undefined
  }

  /** What `noise` of the class takes; undefined at the beginning. @returns {{ to: number, share: number } | undefined} */
  get way() {
    return this.#share ? { to: this.#to, share: this.#share } : undefined
  }

  /** @param {{ to: number, share: number } | undefined} way */
  set way(way) {
    this.halt()
    if (way) this.#to = way.to
    this.#at = way ? way.share : 0
    this.show()
  }

  /** At the beginning again; what plays goes on. */
  restart() {
    this.#at = 0
    this.show()
  }

  stop() {
    if (!this.playing) return
    this.halt()
    this.#onchange()
  }

  /** The same, and nobody hears of it. */
  halt() {
    if (this.playing) cancelAnimationFrame(this.#frame)
    this.#frame = undefined
    this.#at = this.#share
    this.show()
  }

  /** Brings what is seen up to date, also in the language that has just been chosen. */
  show() {
    const share = this.#share
    this.#slider.value = String(share)
    this.#slider.setAttribute('aria-valuetext', live.morphAt({ percent: Math.round(100 * share), from: this.#seed(), to: this.#to }))
    if (document.activeElement !== this.#target) this.#target.value = String(this.#to)
    $('morph-play').setAttribute('aria-pressed', String(this.playing))
  }

  /** Short enough for a link. */
  get #share() {
    const share = 1 - Math.abs(1 - this.#at)
    return Number(share.toFixed(3))
  }

  /** @param {boolean} moving */
  #scrub(moving) {
    const share = this.#slider.valueAsNumber
    this.halt()
    this.#at = share
    this.show()
    this.#onchange(moving)
  }

  #play() {
    let before = performance.now()
    const tick = (/** @type {number} */ now) => {
      this.#frame = requestAnimationFrame(tick)
      const passed = Math.max(0, now - before)
      if (calm.matches && passed < STILL.every) return
      before = now
      const share = this.#share
      this.#at = (this.#at + (calm.matches ? STILL.part : Math.min(passed, LONGEST) / WAY)) % 2
      if (this.#share === share) return
      this.show()
      this.#onchange(true)
    }
    this.#frame = requestAnimationFrame(tick)
    this.show()
  }
}
