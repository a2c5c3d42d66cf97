// The big pictures, the line under them, the film strip, and the download shown over the first picture.
import { live } from '../texts/page.js'
import { Compare } from './compare.js'
import { paint, paintNoise } from './picture.js'
import { RadioGroup } from './radio-group.js'
import { showSchedule } from './schedule.js'

const $ = id => document.getElementById(id)
const modelName = track => ({ base: live.modelBase, lora: live.modelLora })[track]

export class Stage {
  #pictures = { base: $('picture-base'), lora: $('picture-lora') }
  #view = 'image'
  #film = null
  #compare = new Compare()
  #attention
  #strip
  #thumbs = [] // one { track: canvas } per step
  #painted = 0

  /** @param {import('./attention.js').Attention} attention */
  constructor(attention) {
    this.#attention = attention
    this.#strip = new RadioGroup($('strip'), {
      wrap: false,
      onchange: value => {
        this.#film.position = Number(value)
        this.#showPosition()
      },
    })
    new RadioGroup($('view'), {
      onchange: view => {
        this.#view = view
        this.repaint()
      },
    })
    for (const canvas of Object.values(this.#pictures)) {
      paintNoise(canvas)
      canvas.parentElement.dataset.idle = ''
    }
    this.#describeIdle()
  }

  /** What is on show, the styled picture where there is one, and the whole run of it; undefined before the first step. */
  get shown() {
    const film = this.#film
    if (!film?.length) return undefined
    const frames = film.tracks[film.track].slice(0, film.length).map(step => step[this.#view])
    return { picture: frames[film.position - 1], frames, digit: film.digit, settings: film.settings }
  }

  set busy(busy) {
    $('stage').dataset.busy = String(busy)
  }

  /** Starts a new strip. @param {import('./film.js').Film} film */
  open(film) {
    this.#film = film
    this.#painted = 0
    this.#thumbs = []
    const buttons = Array.from({ length: film.total }, (_, i) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.disabled = true
      button.dataset.value = String(i + 1)
      button.setAttribute('role', 'radio')
      button.setAttribute('aria-label', live.filmStep(i + 1))
      const canvases = Object.fromEntries(
        Object.keys(film.tracks).map(track => {
          const canvas = document.createElement('canvas')
          canvas.width = canvas.height = 28
          return [track, canvas]
        }),
      )
      button.append(...Object.values(canvases))
      this.#thumbs.push(canvases)
      return button
    })
    $('strip').replaceChildren(...buttons)
    $('film').style.setProperty('--total', film.total)
    $('strip').scrollLeft = 0
    this.#strip.value = undefined
    this.#compare.show(null)
    $('position').textContent = live.first(film.total)
  }

  /** Shows the film as it is now, where its steps have been replaced or are looked at in another way. */
  repaint() {
    this.#painted = 0
    this.update()
  }

  /** In the language that has just been chosen. */
  translate() {
    this.#describeIdle()
    this.#strip.buttons.forEach((button, i) => button.setAttribute('aria-label', live.filmStep(i + 1)))
    this.#compare.translate()
    if (this.#film?.length) this.#showPosition()
  }

  #describeIdle() {
    for (const canvas of Object.values(this.#pictures)) {
      if ('idle' in canvas.parentElement.dataset) canvas.setAttribute('aria-label', live.frameIdle)
    }
  }

  /** Shows what the film holds by now. `follow` false keeps the big pictures as they are. */
  update({ follow = true } = {}) {
    const film = this.#film
    if (!film) return
    const { buttons } = this.#strip
    for (; this.#painted < film.length; this.#painted++) {
      const steps = film.at(this.#painted + 1)
      for (const [track, canvas] of Object.entries(this.#thumbs[this.#painted])) paint(canvas, steps[track][this.#view])
      buttons[this.#painted].disabled = false
    }
    if (film.length && follow) this.#showPosition()
  }

  #showPosition() {
    const film = this.#film
    const { position } = film
    const steps = film.at(position)
    for (const [track, { [this.#view]: image }] of Object.entries(steps)) {
      const canvas = this.#pictures[track]
      paint(canvas, image)
      delete canvas.parentElement.dataset.idle
      canvas.setAttribute('aria-label', live.frame(film.digit, position, film.total, modelName(track)))
    }
    const images = Object.fromEntries(Object.entries(steps).map(([track, step]) => [track, step[this.#view]]))
    this.#compare.show(images.lora ? { ...images, label: live.stepOf(film.digit, position, film.total) } : null)
    showSchedule(film)
    this.#attention.show(film, this.#view)
    if (this.#strip.value !== String(position)) {
      this.#strip.value = String(position)
      this.#scrollTo(this.#strip.buttons[position - 1])
    }
    const { timestep } = Object.values(steps)[0]
    $('position').textContent = live.position({ step: position, total: film.total, timestep, ms: film.msPerStep })
  }

  /** Keeps the chosen step in sight without ever moving the page itself. */
  #scrollTo(button) {
    const strip = $('strip')
    const [outer, inner] = [strip.getBoundingClientRect(), button.getBoundingClientRect()]
    const margin = inner.width
    if (inner.left - margin < outer.left) strip.scrollLeft -= outer.left - inner.left + margin
    else if (inner.right + margin > outer.right) strip.scrollLeft += inner.right - outer.right + margin
  }

  say(text) {
    $('position').textContent = text
  }

  /** @param {{ title: string, detail?: string, loaded?: number, total?: number }} progress */
  showProgress({ title, detail = '', loaded, total }) {
    $('overlay').hidden = false
    $('overlay-title').textContent = title
    $('overlay-detail').textContent = detail
    const bar = $('overlay-progress')
    if (total) {
      bar.max = total
      bar.value = loaded
    } else bar.removeAttribute('value')
  }

  hideProgress() {
    $('overlay').hidden = true
  }
}
