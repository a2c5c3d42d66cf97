// What was taught: a style with a name, and its files.
// Tests: tests/page/teach-training.test.mjs
import { element } from './element.js'

/** `base`: the hash of the base that it was taught to; `config`: adapter_config.json. @typedef {{ name: string, title: string, base: string, peft: Uint8Array, config: Uint8Array, kohya: Uint8Array }} Taught */

/** As exportAdapter() has them. */
export const FORMATS = /** @type {const} */ (['peft', 'peft-config', 'kohya'])
/** What other programs call the title in a file's metadata. */
const TITLES = ['modelspec.title', 'ss_output_name']

/** A file of safetensors with that title in its metadata: eight bytes of length, JSON, then the tensors. @param {Uint8Array} bytes @param {string} title */
export function withTitle(bytes, title) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))
  header.__metadata__ = { ...header.__metadata__, ...Object.fromEntries(TITLES.map(key => [key, title])) }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20) // the tensors begin at a multiple of eight
  padded.set(json)
  const size = new Uint8Array(8)
  new DataView(size.buffer).setBigUint64(0, BigInt(padded.length), true)
  return new Blob([size, padded, /** @type {BlobPart} */ (bytes.subarray(8 + length))])
}

/** What a file may be called anywhere. @param {string} title */
const fileName = title => title.normalize().replace(/[^\p{L}\p{M}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) || 'my-hand'

/** The style as other styles of the visitor's own are. @param {Taught} taught */
export const styleOf = ({ name, title, peft }) => ({ name, title, files: [new File([/** @type {BlobPart} */ (peft)], `${fileName(title)}.safetensors`)] })

export class Result {
  /** @type {HTMLElement} */
  root
  #speech
  #page
  #draw
  #title = element('input', { type: 'text', id: 'taught-title', maxlength: '60', autocomplete: 'off' })
  #told = element('p', { class: 'fine', role: 'status' })
  /** @type {Taught | undefined} */
  #taught
  #saying = () => ''

  /**
   * @param {{ speech: import('./element.js').Speech, announce: (text: string) => void }} room
   * @param {{ draw: () => void, rename: (title: string) => void, remove: () => void, base: () => string | undefined }} page
   */
  constructor({ speech }, page) {
    this.#speech = speech
    this.#page = page
    const save = FORMATS.map(format => speech.button(`taught-${format}`, 'plain small', t => ({ peft: t.savePeft, 'peft-config': t.saveConfig, kohya: t.saveKohya })[format], () => this.#save(format)))
    this.#title.addEventListener('change', () => {
      const title = this.#title.value.replace(/\s+/g, ' ').trim()
      if (title && title !== this.#taught.title) page.rename(title)
      else this.show(this.#taught)
    })
    this.#draw = speech.button('taught-draw', 'primary', t => t.drawWith, page.draw)
    this.root = element('section', { class: 'taught', hidden: '', 'aria-labelledby': 'taught-heading' },
      speech.text(element('h3', { id: 'taught-heading' }), t => t.result),
      speech.text(element('p', { class: 'fine' }), t => t.resultText),
      element('p', { class: 'taught-title' }, speech.text(element('label', { class: 'label', for: 'taught-title' }), t => t.title), this.#title),
      element('div', { class: 'actions' }, this.#draw, ...save, speech.button('taught-delete', 'plain small', t => t.deleteStyle, page.remove)),
      speech.text(element('p', { class: 'fine' }), t => t.saveText),
      this.#told)
  }

  /** @param {Taught | undefined} taught */
  show(taught) {
    if (taught?.name !== this.#taught?.name || taught?.peft !== this.#taught?.peft) this.#saying = () => ''
    this.#taught = taught
    this.root.hidden = !taught
    if (!taught) return
    this.#title.value = taught.title
    const base = this.#page.base()
    this.#told.textContent = [base !== undefined && base !== taught.base && this.#speech.texts.otherBase, this.#saying()].filter(Boolean).join(' ')
  }

  focus() {
    this.#draw.focus()
  }

  /** @param {typeof FORMATS[number]} format */
  #save(format) {
    const { title, peft, config, kohya } = this.#taught
    try {
      const blob = format === 'peft-config' ? new Blob([/** @type {BlobPart} */ (config)], { type: 'application/json' }) : withTitle(format === 'kohya' ? kohya : peft, title)
      const names = { peft: `${fileName(title)}.safetensors`, 'peft-config': 'adapter_config.json', kohya: `${fileName(title)}-kohya.safetensors` }
      const link = element('a', { href: URL.createObjectURL(blob), download: names[format] })
      link.click()
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
    } catch (error) {
      this.#saying = () => `${this.#speech.texts.saveFailed}: ${error.message}`
      this.show(this.#taught)
    }
  }
}
