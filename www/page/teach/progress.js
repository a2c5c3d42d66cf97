// What is seen while the model is taught: how far it is, its loss as a curve, and what it draws, beside the base.
// Tests: tests/page/teach-training.test.mjs
import { element, picture } from './element.js'

/** @typedef {{ step: number, loss?: number, validationLoss?: number }} Point */

const [WIDTH, HEIGHT] = [320, 120] // units of the plot
const PAD = { left: 34, right: 6, top: 8, bottom: 8 }
const MOST = 400 // points of the line
const SMOOTH = 0.9 // how much of the line's value before stays at each step

/** @param {string} name @param {Record<string, string | number>} attributes @param {string} [text] */
function svg(name, attributes, text = '') {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value))
  node.textContent = text
  return node
}

export class Progress {
  /** @type {HTMLElement} */
  root
  #speech
  #bar = element('progress', { max: '1', value: '0' })
  #line = element('p', { class: 'fine', id: 'teach-line' })
  #plot = svg('svg', { class: 'loss', role: 'img', viewBox: `0 0 ${WIDTH} ${HEIGHT}` })
  #previews = element('div', { class: 'previews' })
  /** @type {Point[]} */
  #points = []
  #total = 0
  #smooth = 0
  #finished = false
  #nameOf
  /** @type {{ labels: string[], base?: ImageData[], mine?: ImageData[] }} */
  #pictures = { labels: [] }
  #report = /** @type {{ step: number, total: number, rate?: number, secondsLeft?: number } | undefined} */ (undefined)

  /** @param {{ speech: import('./element.js').Speech }} room @param {(label: string) => string} nameOf what is shown of a class */
  constructor({ speech }, nameOf) {
    this.#speech = speech
    this.#nameOf = nameOf
    speech.label(this.#bar, t => t.progressOf)
    this.root = element('div', { class: 'teaching', hidden: '' },
      this.#bar, this.#line,
      element('div', { class: 'teaching-seen' },
        element('figure', { class: 'loss-figure' }, speech.text(element('figcaption', { class: 'label' }), t => t.loss), this.#plot, speech.text(element('p', { class: 'fine' }), t => t.lossText)),
        this.#previews))
  }

  /** Begins anew. @param {string[]} labels of the previews */
  begin(labels) {
    this.#points = []
    this.#total = 0
    this.#report = undefined
    this.#pictures = { labels }
    this.#finished = false
    this.#bar.hidden = false
    this.#bar.removeAttribute('value') // until the first step
    this.#line.textContent = this.#speech.texts.starting
    this.#draw()
    this.#showPreviews()
  }

  /** @param {ImageData[]} images of the base, in the order of the labels */
  set base(images) {
    this.#pictures.base = images
    this.#showPreviews()
  }

  /** @param {{ step: number, total: number, loss?: number, validationLoss?: number, rate?: number, secondsLeft?: number, images?: ImageData[] }} report */
  show(report) {
    const { step, total, loss, validationLoss, images } = report
    this.#report = report
    this.#total = total
    this.#bar.value = total ? step / total : 0
    if (Number.isFinite(loss)) {
      this.#smooth = this.#points.some(point => point.loss !== undefined) ? SMOOTH * this.#smooth + (1 - SMOOTH) * loss : loss
      this.#points.push({ step, loss: this.#smooth })
    }
    if (Number.isFinite(validationLoss)) this.#points.push({ step, validationLoss })
    if (this.#points.length > 2 * MOST) this.#points = this.#points.filter((point, i) => i % 2 || point.validationLoss !== undefined)
    if (images) {
      this.#pictures.mine = images
      this.#showPreviews()
    }
    this.#tell()
    this.#draw()
  }

  /** What comes after the last step. */
  keeping() {
    this.#line.textContent = this.#speech.texts.finishing
  }

  /** It is over: what was seen stays. */
  finish() {
    this.#finished = true
    this.#bar.hidden = true
    this.#tell()
  }

  /** Says it in the language of the moment. */
  translate() {
    this.#tell()
    this.#draw()
    this.#showPreviews()
  }

  #tell() {
    if (!this.#report) return
    const { step, total, rate, secondsLeft: left } = this.#report
    this.#line.textContent = this.#finished ? this.#speech.texts.learnt({ step }) : this.#speech.texts.progress({ step, total, rate, left })
  }

  #draw() {
    const losses = this.#points.filter(({ loss }) => loss !== undefined)
    const validated = this.#points.filter(({ validationLoss }) => validationLoss !== undefined)
    const values = this.#points.map(({ loss, validationLoss }) => loss ?? validationLoss)
    const top = Math.max(...values, 1e-6) * 1.05
    const bottom = Math.min(...values, top) * 0.9
    /** @param {number} step */
    const x = step => PAD.left + (step / (this.#total || 1)) * (WIDTH - PAD.left - PAD.right)
    /** @param {number} value */
    const y = value => HEIGHT - PAD.bottom - ((value - bottom) / (top - bottom || 1)) * (HEIGHT - PAD.top - PAD.bottom)
    const lines = values.length ? [top / 1.05, (top + bottom) / 2, bottom] : []
    this.#plot.replaceChildren(
      ...lines.map(value => svg('line', { class: 'grid', x1: PAD.left, x2: WIDTH - PAD.right, y1: y(value), y2: y(value) })),
      ...lines.map(value => svg('text', { class: 'tick', x: PAD.left - 4, y: y(value) + 4, 'text-anchor': 'end' }, value.toFixed(value < 0.1 ? 3 : 2))),
      svg('polyline', { class: 'line', points: losses.map(({ step, loss }) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`).join(' ') }),
      ...validated.map(({ step, validationLoss }) => svg('circle', { class: 'held', cx: x(step), cy: y(validationLoss), r: 3 })),
    )
    const { texts } = this.#speech
    this.#plot.setAttribute('aria-label', losses.length ? texts.lossOf({ first: losses[0].loss, last: losses.at(-1).loss }) : texts.loss)
  }

  #showPreviews() {
    const { texts } = this.#speech
    const { labels, base, mine } = this.#pictures
    const row = (/** @type {string} */ title, /** @type {ImageData[] | undefined} */ images, /** @type {string} */ id) =>
      element('div', { class: 'preview-row', id }, element('p', { class: 'label' }, title),
        ...labels.map((label, i) => picture(images?.[i], { role: 'img', width: '28', height: '28', 'aria-label': texts.preview(label, title) })))
    this.#previews.replaceChildren(
      ...(labels.length ? [row(texts.base, base, 'previews-base'), row(texts.mine, mine, 'previews-mine')] : []),
      ...(labels.length ? [element('div', { class: 'preview-row preview-names', 'aria-hidden': 'true' }, element('span'), ...labels.map(label => element('bdi', { class: 'fine' }, this.#nameOf(label))))] : []),
    )
  }
}
