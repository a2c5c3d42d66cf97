// What each pixel attends to: for every token of the label a heat map over the picture, at the chosen step.
// Tests: tests/page/attention-maps.test.mjs
import { live } from '../texts/page.js'
import { lightness } from './colours.js'
import { $ } from './dom.js'
import { paint } from './paint.js'
import { RadioGroup } from './radio-group.js'

/** @typedef {import('../digit-diffusion.js').AttentionMaps} Maps */
/** One token's map, with its least and greatest value. @typedef {Pick<Maps, 'height' | 'width'> & { token: number, values: Float32Array, least: number, most: number }} TokenMap */

const TOKENS = 8 // until the first maps say how many
const RAMP = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10]] // from least to most; style.css has the same
const INK = 0.45 // how far white ink lightens the colour

/** @param {number} share */
const percent = share => `${(share * 100).toFixed(1)}%`

/** @param {number} heat 0 to 1 */
function colour(heat) {
  const at = heat * (RAMP.length - 1)
  const i = Math.min(RAMP.length - 2, Math.floor(at))
  return RAMP[i].map((from, c) => from + (at - i) * (RAMP[i + 1][c] - from))
}

/** In words. @param {TokenMap} map */
const read = ({ token, least, most }) => live.attentionReading({ token: token + 1, least: percent(least), most: percent(most) })

/** @param {Maps} maps @param {number} token @returns {TokenMap} */
function mapOf({ tokens, weights, ...size }, token) {
  const length = weights.length / tokens
  const values = weights.subarray(token * length, (token + 1) * length)
  return { ...size, token, values, least: Math.min(...values), most: Math.max(...values) }
}

/**
 * The map's colours, from its own least to its own greatest value, with the picture shining through.
 * @param {ImageData} picture
 * @param {TokenMap} map
 */
function overlay(picture, { height, width, values, least, most }) {
  const image = new ImageData(picture.width, picture.height)
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const at = 4 * (y * picture.width + x)
      const value = values[Math.floor((y * height) / picture.height) * width + Math.floor((x * width) / picture.width)]
      const ink = (INK * lightness(picture.data, at)) / 255
      const heat = colour(most > least ? (value - least) / (most - least) : 0)
      for (let c = 0; c < 3; c++) image.data[at + c] = heat[c] + ink * (255 - heat[c])
      image.data[at + 3] = 255
    }
  }
  return image
}

export class AttentionMaps {
  #token = 0
  /** @type {import('./recording.js').Recording | null} */
  #recording = null
  /** @type {'image' | 'x0'} */
  #view = 'image'
  #tiles
  /** @type {HTMLCanvasElement[]} */
  #canvases = []

  /** @param {{ onopen: () => void }} events `onopen`: the maps are wanted from now on */
  constructor({ onopen }) {
    this.#tiles = new RadioGroup($('attention-tokens'), {
      onchange: value => {
        this.#token = Number(value) - 1
        this.#describe()
      },
    })
    this.#fill(TOKENS)
    $('attention').addEventListener('toggle', () => {
      if (!this.open) return
      this.#render()
      onopen()
    })
  }

  /** Whether the maps are unfolded; if not, none are computed. */
  get open() {
    return $('attention', HTMLDetailsElement).open
  }

  /** @param {import('./recording.js').Recording} recording @param {'image' | 'x0'} view which of a step's pictures is on show */
  show(recording, view) {
    this.#recording = recording
    this.#view = view
    $('attention').hidden = false
    if (this.open) this.#render()
  }

  translate() {
    this.#name()
    if (this.open) this.#render()
  }

  /** @param {number} tokens */
  #fill(tokens) {
    this.#token = Math.min(this.#token, tokens - 1)
    const numbers = Array.from({ length: tokens }, (_, i) => String(i + 1))
    this.#tiles.fill(numbers.map(value => ({ value, title: value })), numbers[this.#token])
    this.#canvases = this.#tiles.inputs.map(input => {
      const canvas = document.createElement('canvas')
      canvas.width = canvas.height = 28
      input.nextElementSibling.prepend(canvas)
      return canvas
    })
    this.#name()
  }

  #name() {
    for (const [token, input] of this.#tiles.inputs.entries()) input.setAttribute('aria-label', live.attentionToken(token + 1))
  }

  #step() {
    return this.#recording.at(this.#recording.position)[this.#recording.track]
  }

  #render() {
    if (!this.#recording?.length) return
    const { attention, [this.#view]: picture } = this.#step()
    if (attention && attention.tokens !== this.#canvases.length) this.#fill(attention.tokens)
    this.#name()
    for (const [token, canvas] of this.#canvases.entries()) {
      const map = attention && mapOf(attention, token)
      paint(canvas, map ? overlay(picture, map) : picture)
      if (map) this.#tiles.inputs[token].setAttribute('aria-label', read(map))
    }
    $('attention').dataset.maps = String(Boolean(attention))
    this.#describe()
  }

  /** The chosen token: large, and in words. */
  #describe() {
    const { digit, position, total, track } = this.#recording
    const { attention, [this.#view]: picture } = this.#step()
    const map = attention && mapOf(attention, this.#token)
    const large = $('attention-large', HTMLCanvasElement)
    const reading = map ? read(map) : live.attentionNone
    paint(large, map ? overlay(picture, map) : picture)
    large.setAttribute('aria-label', live.attentionMap({ step: live.stepOf(digit, position, total), reading }))
    $('attention-of').textContent = live.attentionOf({ model: { base: live.modelBase, lora: live.modelLora }[track], step: position, total })
    $('attention-reading').textContent = reading
  }
}
