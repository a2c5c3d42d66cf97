// Many small pictures of one batch: all classes (of many, one page after the other), or one class from many seeds. A click makes one of
// them the picture.
// Tests: tests/page/contact-sheet.test.mjs
import { live } from '../texts/page.js'
import { faceOf, words } from '../words.js'
import { $ } from './dom.js'
import { paint, paintNoise } from './paint.js'

/** `name`: what is shown of the class. @typedef {{ digit: string, name: string, seed: number }} Cell */

const SEEDS = 10 // pictures on a sheet of seeds

/**
 * What stands on a sheet: as many classes from `from` on as go on one, from one seed; or one class from a seed and those after it.
 * @param {'digits' | 'seeds'} kind
 * @param {{ digit: string, seed: number, labels: string[], from: number }} asked
 * @returns {{ cells: (Cell & { title: string })[], next?: { from: number, to: number } }} `next`: the classes of the sheet after it
 */
export function cellsOf(kind, { digit, seed, labels, from }) {
  if (kind === 'seeds') {
    const name = faceOf(digit, labels.indexOf(digit))
    const first = Math.min(seed, Number.MAX_SAFE_INTEGER + 1 - SEEDS)
    return { cells: Array.from({ length: SEEDS }, (_, i) => ({ digit, name, seed: first + i, title: String(first + i) })) }
  }
  const to = Math.min(labels.length, from + words.sheet)
  const names = labels.slice(from, to).map((digit, i) => faceOf(digit, from + i))
  return {
    cells: names.map((name, i) => ({ digit: labels[from + i], name, seed, title: name })),
    next: to < labels.length ? { from: to, to: Math.min(labels.length, to + words.sheet) } : undefined,
  }
}

export class ContactSheet {
  #onopen
  /** @type {{ button: HTMLButtonElement, canvas: HTMLCanvasElement, cell: Cell }[]} */
  #cells = []
  /** The page that comes next. @type {{ from: number, to: number } | undefined} */
  #next
  #status = () => '' // in the language of the moment

  /** @param {{ onopen: (cell: Cell) => void, onmore: (from: number) => void }} events */
  constructor({ onopen, onmore }) {
    this.#onopen = onopen
    $('sheet-more').addEventListener('click', () => onmore(this.#next.from))
  }

  /**
   * @param {(Cell & { title: string })[]} cells `title` is what stands below the picture
   * @param {{ from: number, to: number }} [next] which classes come after them, counted from 0
   */
  open(cells, next) {
    this.#next = next
    this.#cells = cells.map(({ title, ...cell }) => {
      const button = document.createElement('button')
      const canvas = document.createElement('canvas')
      const caption = document.createElement('span')
      caption.dir = 'auto'
      button.type = 'button'
      button.disabled = true
      canvas.width = canvas.height = 28
      paintNoise(canvas)
      caption.textContent = title
      button.append(canvas, caption)
      button.addEventListener('click', () => this.#onopen(cell))
      return { button, canvas, cell }
    })
    this.translate()
    $('sheet').replaceChildren(...this.#cells.map(({ button }) => button))
  }

  /** Its pictures are of a base that draws no more. */
  clear() {
    this.open([])
    this.say(() => '')
  }

  /** @param {ImageData[]} images in the order of the cells */
  show(images) {
    for (const [i, { button, canvas }] of this.#cells.entries()) {
      paint(canvas, images[i])
      button.disabled = false
    }
  }

  /** @param {() => string} status */
  say(status) {
    this.#status = status
    $('sheet-status').textContent = status()
  }

  /** In the language that has just been chosen. */
  translate() {
    for (const { button, cell } of this.#cells) {
      button.title = [...cell.name].length > 2 ? `${cell.name}: ${live.openCell}` : live.openCell
      button.setAttribute('aria-label', live.cell({ digit: cell.name, seed: cell.seed }))
    }
    this.say(this.#status)
    $('sheet-more').hidden = !this.#next
    if (this.#next) $('sheet-more').textContent = live.sheetMore(this.#next.from + 1, this.#next.to)
  }
}
