// Many small pictures of one batch: all digits, or one digit from many seeds. A click makes one of them the picture.
// Tests: tests/page/contact-sheet.test.mjs
import { live } from '../texts/page.js'
import { $ } from './dom.js'
import { paint, paintNoise } from './paint.js'

/** @typedef {{ digit: string, seed: number }} Cell */

export class ContactSheet {
  #onopen
  /** @type {{ button: HTMLButtonElement, canvas: HTMLCanvasElement, cell: Cell }[]} */
  #cells = []
  #status = () => '' // in the language of the moment

  /** @param {{ onopen: (cell: Cell) => void }} events */
  constructor({ onopen }) {
    this.#onopen = onopen
  }

  /** @param {(Cell & { title: string })[]} cells `title` is what stands below the picture */
  open(cells) {
    this.#cells = cells.map(({ title, ...cell }) => {
      const button = document.createElement('button')
      const canvas = document.createElement('canvas')
      const caption = document.createElement('span')
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
      button.title = live.openCell
      button.setAttribute('aria-label', live.cell(cell))
    }
    this.say(this.#status)
  }
}
