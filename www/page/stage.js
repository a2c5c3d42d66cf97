// The stage: the big pictures, the line under them, the film strip, and the download shown over the first picture.
// Tests: tests/page/page.test.mjs, keyboard-and-layout.test.mjs
import { live } from '../texts/page.js'
import { Compare } from './compare.js'
import { $ } from './dom.js'
import { paint, paintNoise } from './paint.js'
import { RadioGroup, radioLabel } from './radio-group.js'
import { showSchedule } from './schedule-plot.js'

/** @typedef {import('./recording.js').Recording} Recording */
/** @typedef {import('./recording.js').Track} Track */

const calm = matchMedia('(prefers-reduced-motion: reduce)')
/** @param {Track} track */
const modelName = track => ({ base: live.modelBase, lora: live.modelLora })[track]

export class Stage {
  /** @type {Record<Track, HTMLCanvasElement>} */
  #pictures = { base: $('picture-base', HTMLCanvasElement), lora: $('picture-lora', HTMLCanvasElement) }
  /** @type {'image' | 'x0'} */
  #view = 'image'
  /** @type {Recording | null} */
  #recording = null
  #compare = new Compare()
  #attention
  #network
  #strip
  /** One of each track for every step. @type {Partial<Record<Track, HTMLCanvasElement>>[]} */
  #thumbs = []
  #painted = 0

  /** @param {import('./attention-maps.js').AttentionMaps} attention @param {import('./network-section.js').NetworkSection} network */
  constructor(attention, network) {
    this.#attention = attention
    this.#network = network
    this.#strip = new RadioGroup($('strip'), {
      wrap: false,
      onchange: value => {
        this.#recording.position = Number(value)
        this.#showPosition()
      },
    })
    new RadioGroup($('view'), {
      onchange: view => {
        this.#view = /** @type {'image' | 'x0'} */ (view)
        this.repaint()
      },
    })
    for (const canvas of Object.values(this.#pictures)) this.#rest(canvas)
  }

  /**
   * What is on show, the styled picture where there is one, and the whole run of it; undefined before the first step.
   * @returns {import('./export-files.js').Shown | undefined}
   */
  get shown() {
    const recording = this.#recording
    if (!recording?.length) return undefined
    const frames = recording.tracks[recording.track].slice(0, recording.length).map(step => step[this.#view])
    return { picture: frames[recording.position - 1], frames, digit: recording.digit, settings: recording.settings }
  }

  /** So that a pixel of the picture is a whole number of the screen's, where it is not too small for that. @param {number} size of the pictures */
  set size(size) {
    $('stage').style.setProperty('--pixels', `${size <= 64 ? size : 1}px`)
  }

  /** @param {boolean} busy */
  set busy(busy) {
    $('stage').dataset.busy = String(busy)
  }

  /** Brings the pictures into view, where they are not. */
  see() {
    const { top, bottom } = this.#pictures.base.closest('.pictures').getBoundingClientRect()
    if (top >= 0 && bottom <= innerHeight) return
    $('pictures').scrollIntoView({ block: 'nearest', behavior: calm.matches ? 'auto' : 'smooth' })
  }

  /** Starts a new strip. @param {Recording} recording */
  open(recording) {
    delete $('stage').dataset.example
    if (!recording.tracks.lora) this.#rest(this.#pictures.lora)
    this.#recording = recording
    this.#painted = 0
    this.#thumbs = []
    const labels = Array.from({ length: recording.total }, (_, i) => {
      const canvases = Object.fromEntries(
        Object.keys(recording.tracks).map(track => {
          const canvas = document.createElement('canvas')
          canvas.width = canvas.height = 28
          return [track, canvas]
        }),
      )
      this.#thumbs.push(canvases)
      return radioLabel('strip', String(i + 1), ...Object.values(canvases))
    })
    $('strip').replaceChildren(...labels)
    this.#strip.value = undefined
    for (const input of this.#strip.inputs) input.disabled = true
    this.#nameSteps()
    $('film').style.setProperty('--total', String(recording.total))
    $('strip').scrollLeft = 0
    this.#compare.show(null)
    $('position').textContent = live.first(recording.total)
  }

  /** Shows the recording as it is now, where its steps have been replaced or are looked at in another way. */
  repaint() {
    this.#painted = 0
    this.update()
  }

  /** In the language that has just been chosen. */
  translate() {
    this.#describeIdle()
    this.#nameSteps()
    this.#compare.translate()
    if (this.#recording?.length) this.#showPosition()
  }

  #nameSteps() {
    for (const [i, input] of this.#strip.inputs.entries()) input.setAttribute('aria-label', live.filmStep(i + 1))
  }

  /** Nothing to see here yet. @param {HTMLCanvasElement} canvas */
  #rest(canvas) {
    paintNoise(canvas)
    canvas.parentElement.dataset.idle = ''
    this.#describeIdle()
  }

  #describeIdle() {
    for (const canvas of Object.values(this.#pictures)) {
      if ('idle' in canvas.parentElement.dataset) canvas.setAttribute('aria-label', live.frameIdle)
    }
  }

  /** Shows what the recording holds by now. `follow` false keeps the big pictures as they are. */
  update({ follow = true } = {}) {
    const recording = this.#recording
    if (!recording) return
    const { inputs } = this.#strip
    for (; this.#painted < recording.length; this.#painted++) {
      const steps = recording.at(this.#painted + 1)
      for (const [track, canvas] of Object.entries(this.#thumbs[this.#painted])) paint(canvas, steps[/** @type {Track} */ (track)][this.#view])
      inputs[this.#painted].disabled = false
    }
    if (recording.length && follow) this.#showPosition()
  }

  #showPosition() {
    const recording = this.#recording
    const { position } = recording
    const steps = recording.at(position)
    for (const [name, { [this.#view]: image }] of Object.entries(steps)) {
      const track = /** @type {Track} */ (name)
      const canvas = this.#pictures[track]
      paint(canvas, image)
      delete canvas.parentElement.dataset.idle
      canvas.setAttribute('aria-label', live.frame(recording.digit, position, recording.total, modelName(track)))
    }
    const { base, lora } = steps
    const label = live.stepOf(recording.digit, position, recording.total)
    this.#compare.show(base && lora ? { base: base[this.#view], lora: lora[this.#view], label } : null)
    showSchedule(recording)
    this.#attention.show(recording, this.#view)
    this.#network.show(recording)
    if (this.#strip.value !== String(position)) {
      this.#strip.value = String(position)
      this.#scrollTo(this.#strip.inputs[position - 1])
    }
    const { timesteps, total, msPerStep: ms, threads } = recording
    const [timestep, next] = [...timesteps, ...(recording.complete ? [0] : [])].slice(position - 1).map(Math.round) // every sampler ends at 0
    $('position').textContent = live.position({ step: position, total, timestep, next, ms, threads })
  }

  /** Keeps the chosen step in sight without ever moving the page itself. @param {HTMLElement} thumb */
  #scrollTo(thumb) {
    const strip = $('strip')
    const [outer, inner] = [strip.getBoundingClientRect(), thumb.getBoundingClientRect()]
    const margin = inner.width
    if (inner.left - margin < outer.left) strip.scrollLeft -= outer.left - inner.left + margin
    else if (inner.right + margin > outer.right) strip.scrollLeft += inner.right - outer.right + margin
  }

  /** @param {string} text */
  say(text) {
    $('position').textContent = text
  }

  /** @param {{ title: string, detail?: string, loaded?: number, total?: number, still?: boolean }} progress `still`: nothing is under way */
  showProgress({ title, detail = '', loaded, total, still = false }) {
    $('overlay').hidden = false
    $('overlay-progress').hidden = still
    $('overlay-title').textContent = title
    $('overlay-detail').textContent = detail
    const bar = $('overlay-progress', HTMLProgressElement)
    if (total) {
      bar.max = total
      bar.value = loaded
    } else bar.removeAttribute('value')
  }

  hideProgress() {
    $('overlay').hidden = true
  }
}
