// Base and LoRA compared within one frame: wiped over each other, or their difference in colours.
// Tests: tests/page/compare.test.mjs
import { live, page } from '../texts/page.js'
import { difference } from './colours.js'
import { $ } from './dom.js'
import { paint } from './paint.js'
import { RadioGroup } from './radio-group.js'

/** @typedef {{ base: ImageData, lora: ImageData, label: string }} Images */

/** Percent by key. @type {Record<string, number>} */
const STEPS = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10 }

export class Compare {
  /** @type {'side' | 'wipe' | 'difference'} */
  #mode = 'side'
  #at = 50 // percent of the width that shows the base
  /** @type {Images | null} */
  #images = null

  constructor() {
    new RadioGroup($('compare'), {
      onchange: mode => {
        this.#mode = /** @type {'side' | 'wipe' | 'difference'} */ (mode)
        this.#render()
      },
    })
    const handle = $('wipe')
    handle.addEventListener('keydown', event => this.#key(event))
    const frame = handle.parentElement
    /** @param {PointerEvent} event */
    const drag = event => {
      const { left, width } = frame.getBoundingClientRect()
      this.#move(((event.clientX - left) / width) * 100)
    }
    frame.addEventListener('pointerdown', event => {
      if (this.#mode !== 'wipe' || !this.#images || event.button) return
      event.preventDefault() // no selecting of text
      handle.focus({ focusVisible: false })
      frame.setPointerCapture(event.pointerId)
      frame.addEventListener('pointermove', drag)
      drag(event)
    })
    frame.addEventListener('lostpointercapture', () => frame.removeEventListener('pointermove', drag))
    this.#render()
  }

  /** @param {Images | null} images null: there is nothing to compare */
  show(images) {
    this.#images = images
    this.#render()
  }

  translate() {
    this.#render()
  }

  #render() {
    const mode = this.#images ? this.#mode : 'side'
    const over = $('picture-over', HTMLCanvasElement)
    $('stage').dataset.compare = this.#mode
    over.hidden = mode === 'side'
    $('wipe').hidden = mode !== 'wipe'
    $('legend').hidden = this.#mode !== 'difference'
    $('caption-lora').textContent = { side: page.captionLora, wipe: live.captionWipe, difference: live.captionDifference }[this.#mode]
    if (mode === 'wipe') {
      paint(over, this.#images.base)
      over.setAttribute('aria-label', live.wiped(this.#images.label))
    }
    if (mode === 'difference') {
      paint(over, difference(this.#images.base, this.#images.lora))
      over.setAttribute('aria-label', live.differenceOf(this.#images.label))
    }
    this.#move(this.#at)
  }

  /** @param {number} percent */
  #move(percent) {
    this.#at = Math.max(0, Math.min(100, Math.round(percent)))
    $('stage').style.setProperty('--wipe', `${this.#at}%`)
    $('wipe').setAttribute('aria-valuenow', String(this.#at))
    $('wipe').setAttribute('aria-valuetext', live.wipeAt(this.#at))
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key in STEPS) this.#move(this.#at + STEPS[event.key])
    else if (event.key === 'Home') this.#move(0)
    else if (event.key === 'End') this.#move(100)
    else return
    event.preventDefault()
  }
}
