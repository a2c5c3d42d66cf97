// Photographs of what was written on paper: what is found on them waits here until the visitor has said which class each is.
// Tests: tests/page/teach-photographs.test.mjs
import { greyOf, imageOf } from './drawings.js'
import { element, picture } from './element.js'

/**
 * @typedef {import('./drawings.js').Drawing} Drawing
 * @typedef {{ images: ImageData[], notes: { unsure?: boolean } }} Prepared
 */

export class Photographs {
  /** @type {HTMLElement} */
  root
  #speech
  #announce
  #drawings
  #page
  #title = element('h3', { id: 'unnamed-title' })
  #list = element('div', { class: 'unnamed-list' })
  #take
  #told = element('p', { class: 'fine', role: 'status', id: 'photos-told' })
  #unnamed
  #names = element('datalist', { id: 'class-names' })
  /** What is typed below the pictures, by drawing. @type {Map<number, string>} */
  #typed = new Map()
  #shown = ''
  #saying = () => ''

  /**
   * @param {{ speech: import('./element.js').Speech, announce: (text: string) => void }} room
   * @param {import('./drawings.js').Drawings} drawings
   * @param {{ labels: () => string[], prepare: (file: File) => Promise<Prepared> }} page
   */
  constructor({ speech, announce }, drawings, page) {
    this.#speech = speech
    this.#announce = announce
    this.#drawings = drawings
    this.#page = page
    const input = element('input', { type: 'file', id: 'photos-files', accept: 'image/*', multiple: '', hidden: '' })
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])]
      input.value = '' // the same may be chosen again
      this.add(files)
    })
    const choose = speech.button('photos', 'plain small', t => t.photos, () => input.click())
    choose.setAttribute('aria-describedby', 'photos-hint')
    this.#take = element('button', { type: 'button', class: 'primary', id: 'unnamed-take' })
    this.#take.addEventListener('click', () => this.#takeNamed())
    const drop = speech.button('unnamed-drop', 'plain', t => t.drop, () => this.#drawings.remove(this.#drawings.unnamed))
    this.#unnamed = element('div', { class: 'unnamed', hidden: '', role: 'group', 'aria-labelledby': 'unnamed-title' },
      this.#title, speech.text(element('p', { class: 'fine' }), t => t.unnamedHint), this.#names, this.#list, element('div', { class: 'actions' }, this.#take, drop))
    this.root = element('div', { class: 'photos' },
      element('div', { class: 'photos-choose' }, choose, input, speech.text(element('p', { class: 'fine', id: 'photos-hint' }), t => t.photosHint)),
      this.#told, this.#unnamed)
    this.#list.addEventListener('input', event => this.#type(/** @type {HTMLInputElement} */ (event.target)))
    this.#list.addEventListener('change', () => this.#show())
    this.#list.addEventListener('keydown', event => this.#key(event))
  }

  /** Looks for characters in pictures. @param {File[]} files */
  async add(files) {
    const { texts } = this.#speech
    let found = 0
    let read = 0
    /** @type {string[]} */
    const complaints = []
    for (const file of files) {
      this.#say(() => this.#speech.texts.reading(file.name))
      try {
        const { images, notes } = await this.#page.prepare(file)
        this.#drawings.add(images.map(image => ({ size: image.width, pixels: greyOf(image) })))
        found += images.length
        read++
        if (notes?.unsure) complaints.push(texts.unsure(file.name))
      } catch (error) {
        complaints.push(texts.photoFailed(file.name, error.message))
      }
    }
    const told = () => [read && this.#speech.texts.photosFound(found, read), ...complaints].filter(Boolean).join(' ')
    this.#say(told)
    if (found) this.#inputs.find(({ value }) => !value)?.focus()
  }

  /** Shows what waits. */
  show() {
    this.#say(this.#saying)
    const { unnamed } = this.#drawings
    const labels = this.#page.labels()
    this.#unnamed.hidden = !unnamed.length
    const shown = JSON.stringify([unnamed.map(({ id }) => id), labels, this.#speech.texts.take(1)])
    if (shown !== this.#shown) {
      this.#shown = shown
      const longest = Math.max(1, ...labels.map(label => [...label].length))
      this.#names.replaceChildren(...(longest > 2 ? labels.map(label => element('option', { value: label })) : []))
      this.#list.style.setProperty('--longest', String(Math.min(longest, 14)))
      this.#list.replaceChildren(...unnamed.map((drawing, i) => {
        const input = element('input', { type: 'text', 'data-id': String(drawing.id), 'aria-label': this.#speech.texts.nameOf(i + 1, unnamed.length), autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false',
          ...(longest > 2 && { list: 'class-names' }), ...(labels.every(label => /^\d+$/.test(label)) && { inputmode: 'numeric' }) })
        input.value = this.#typed.get(drawing.id) ?? ''
        return element('label', { class: 'unnamed-one' }, picture(imageOf(drawing)), input)
      }))
    }
    this.#show()
  }

  /** @returns {HTMLInputElement[]} */
  get #inputs() {
    return [...this.#list.querySelectorAll('input')]
  }

  /** The class that is meant: as it is spelt, or but for its case. @param {string} typed */
  #classOf(typed) {
    const labels = this.#page.labels()
    const text = typed.trim()
    return labels.find(label => label === text) ?? labels.find(label => label.toLowerCase() === text.toLowerCase())
  }

  #show() {
    const { texts } = this.#speech
    const inputs = this.#inputs
    let known = 0
    for (const input of inputs) {
      const label = this.#classOf(input.value)
      if (label !== undefined) known++
      const wrong = input.value.trim() !== '' && label === undefined
      input.toggleAttribute('aria-invalid', wrong)
      if (wrong) input.setAttribute('aria-invalid', 'true')
      input.title = wrong ? texts.noSuchClass(input.value) : ''
    }
    this.#title.textContent = texts.unnamed(inputs.length)
    this.#take.textContent = texts.take(known)
    this.#take.disabled = !known
  }

  /** What is typed runs on from picture to picture: a name that can go no further is whole. @param {HTMLInputElement} input */
  #type(input) {
    const inputs = this.#inputs
    let at = inputs.indexOf(input)
    let rest = input.value.trim()
    const labels = this.#page.labels()
    while (at < inputs.length) {
      const whole = this.#classOf(rest)
      const couldGrow = labels.some(label => label !== whole && label.toLowerCase().startsWith(rest.toLowerCase()))
      // The longest name that it begins with, where it is more than one.
      const first = whole ?? labels.filter(label => rest.startsWith(label)).sort((a, b) => b.length - a.length)[0]
      const runsOn = whole === undefined && first !== undefined && !couldGrow
      const isWhole = whole !== undefined && !couldGrow
      // What may go on is left as it is typed.
      if (runsOn || isWhole || inputs[at] !== input) inputs[at].value = runsOn ? first : (whole ?? rest)
      this.#typed.set(Number(inputs[at].dataset.id), inputs[at].value)
      if (!runsOn) {
        if (isWhole) at++
        break
      }
      rest = rest.slice(first.length).replace(/^[\s,;，、]+/, '')
      at++
      if (!rest) break
    }
    this.#show()
    const next = inputs[Math.min(at, inputs.length - 1)]
    if (next !== input || at < inputs.length) next.focus()
    if (next === input) return
    next.select()
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const inputs = this.#inputs
    const at = inputs.indexOf(/** @type {HTMLInputElement} */ (event.target))
    if (at < 0 || event.isComposing) return
    if (event.key === 'Enter' && !this.#take.disabled) this.#takeNamed()
    else if (event.key === 'Backspace' && !inputs[at].value && at) inputs[at - 1].focus()
    else return
    event.preventDefault()
  }

  #takeNamed() {
    const named = this.#inputs.map(({ dataset, value }) => ({ id: Number(dataset.id), label: this.#classOf(value) })).filter(({ label }) => label !== undefined)
    const labels = new Map(named.map(({ id, label }) => [id, label]))
    const { unnamed } = this.#drawings
    for (const id of labels.keys()) this.#typed.delete(id)
    this.#say(() => '')
    this.#drawings.put(unnamed.filter(({ id }) => labels.has(id)).map(drawing => ({ ...drawing, label: labels.get(drawing.id) })))
    this.#announce(this.#speech.texts.total(this.#drawings.named.length, this.#drawings.classes))
    ;(this.#inputs[0] ?? this.root.querySelector('button')).focus()
  }

  /** @param {() => string} say in the language of the moment */
  #say(say) {
    this.#saying = say
    const text = say()
    if (this.#told.textContent !== text) this.#told.textContent = text
  }
}
