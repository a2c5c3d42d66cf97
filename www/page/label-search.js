// A search among many classes: a text field with the list of those that match, an editable combobox as the WAI-ARIA authoring practices
// have it. It imports nothing, and comes when a base has so many.
// Tests: tests/page/picker.test.mjs

/** @typedef {{ find: string, findAll: string, found: (n: number) => string, picked: (label: string) => string }} Texts of the page's `live` */

const PAGE = 8 // options that PageUp and PageDown pass
const TOLD = 400 // milliseconds without typing after which the number of matches is read out

/** As it is compared: without case, accents and width. @param {string} text */
const plain = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/ß/g, 'ss').replace(/\s+/g, ' ').trim()

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name @param {Record<string, string>} attributes @param {(Node | string)[]} content
 */
function element(name, attributes, ...content) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  node.append(...content)
  return node
}

export class LabelSearch {
  #labels
  #names
  #plain
  #texts
  #onchange
  #input = element('input', {
    id: 'find', type: 'text', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': 'found', 'aria-autocomplete': 'list', 'aria-labelledby': 'pick-label',
    'aria-describedby': 'found-status', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', enterkeyhint: 'done', dir: 'auto',
  })
  #button = element('button', { type: 'button', class: 'icon', tabindex: '-1', 'aria-controls': 'found', 'aria-expanded': 'false' })
  #list = element('div', { id: 'found', role: 'listbox', 'aria-labelledby': 'pick-label' })
  #status = element('p', { id: 'found-status', class: 'fine' })
  #told = element('p', { class: 'hidden-visually', role: 'status' })
  #popup = element('div', { class: 'found', hidden: '' }, this.#status, this.#list)
  /** One for each class, by index; made when the list is first opened. @type {HTMLElement[]} */
  #options = []
  /** Indices of the classes in the list, in its order. @type {number[]} */
  #matches = []
  /** Where among them the arrow keys are; -1: nowhere. */
  #at = -1
  /** Index of what is picked; -1: nothing. */
  #picked = -1
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @param {HTMLElement} root @param {{ labels: string[], names: string[], texts: Texts, onchange: (label: string) => void }} options `names`: what is shown of each label */
  constructor(root, { labels, names, texts, onchange }) {
    this.#labels = labels
    this.#names = names
    this.#plain = names.map(plain)
    this.#texts = texts
    this.#onchange = onchange
    this.#button.innerHTML = '<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="m5 8 5 5 5-5" /></svg>'
    root.replaceChildren(this.#input, this.#button, this.#popup, this.#told)
    this.translate()
    const input = this.#input
    input.addEventListener('input', () => this.#search())
    input.addEventListener('click', () => this.#open())
    input.addEventListener('focus', () => input.select())
    input.addEventListener('keydown', event => this.#key(event))
    input.addEventListener('blur', () => this.#close()) // a click on the list leaves the focus here
    this.#popup.addEventListener('pointerdown', event => event.preventDefault())
    this.#button.addEventListener('pointerdown', event => event.preventDefault())
    this.#button.addEventListener('click', () => {
      if (this.#isOpen) return this.#close()
      input.focus()
      this.#open()
    })
    this.#list.addEventListener('click', event => {
      const option = /** @type {Element} */ (event.target).closest('[role=option]')
      if (!(option instanceof HTMLElement)) return
      this.#pick(this.#options.indexOf(option))
      if (matchMedia('(pointer: coarse)').matches) input.blur() // the keyboard on the screen makes way for the picture
    })
  }

  /** @param {string | undefined} label */
  set value(label) {
    this.#mark(label === undefined ? -1 : this.#labels.indexOf(label))
    if (!this.#isOpen) this.#rest()
  }

  translate() {
    const { find, findAll } = this.#texts
    this.#input.placeholder = find
    this.#button.setAttribute('aria-label', findAll)
    this.#button.title = findAll
    if (this.#isOpen) this.#say()
  }

  get #isOpen() {
    return !this.#popup.hidden
  }

  /** The field shows what is picked. */
  #rest() {
    this.#input.value = this.#names[this.#picked] ?? ''
    this.#input.title = this.#input.value // whole, where it is longer than the field
  }

  /** Shows all of them, what is picked in sight. */
  #open() {
    if (this.#isOpen) return
    if (!this.#options.length) this.#options = this.#names.map((name, i) => element('div', { role: 'option', id: `found-${i}`, 'aria-selected': 'false' }, element('bdi', {}, name)))
    this.#mark(this.#picked)
    this.#popup.hidden = false
    for (const node of [this.#input, this.#button]) node.setAttribute('aria-expanded', 'true')
    this.#list.replaceChildren()
    this.#show([...this.#names.keys()])
    this.#go(this.#matches.indexOf(this.#picked))
    this.#popup.scrollIntoView({ block: 'nearest' })
  }

  #close() {
    clearTimeout(this.#timer)
    this.#told.textContent = ''
    this.#popup.hidden = true
    for (const node of [this.#input, this.#button]) node.setAttribute('aria-expanded', 'false')
    this.#go(-1)
    this.#rest()
  }

  /** Those that have every word of what is typed: first what is called so, then what begins so, then where a word begins so. */
  #search() {
    const typed = this.#input.value
    this.#open()
    const query = plain(typed)
    const words = query.split(' ')
    /** @param {string} name */
    const rank = name => (name === query ? 0 : name.startsWith(query) ? 1 : ` ${name}`.includes(` ${query}`) ? 2 : 3)
    const found = [...this.#plain.keys()].filter(i => words.every(word => this.#plain[i].includes(word)))
    // What only differs in case or accents is told apart by what was typed.
    const exact = (/** @type {number} */ i) => Number(this.#names[i] !== typed.trim())
    this.#show(query ? found.sort((a, b) => rank(this.#plain[a]) - rank(this.#plain[b]) || exact(a) - exact(b) || a - b) : found)
    this.#go(query && this.#matches.length ? 0 : -1)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => (this.#told.textContent = this.#texts.found(this.#matches.length)), TOLD)
  }

  /** @param {number[]} matches */
  #show(matches) {
    this.#matches = matches
    this.#list.replaceChildren(...matches.map(i => this.#options[i]))
    this.#list.scrollTop = 0
    this.#say()
  }

  #say() {
    const { found, picked } = this.#texts
    const name = this.#names[this.#picked]
    this.#status.textContent = [found(this.#matches.length), name !== undefined && picked(name)].filter(Boolean).join(' · ')
    this.#status.title = name ?? ''
  }

  /** Makes an option of the list the one that Enter picks. @param {number} at */
  #go(at) {
    this.#options[this.#matches[this.#at]]?.setAttribute('aria-selected', 'false')
    this.#at = at
    const option = this.#options[this.#matches[at]]
    if (!option) return this.#input.removeAttribute('aria-activedescendant')
    option.setAttribute('aria-selected', 'true')
    this.#input.setAttribute('aria-activedescendant', option.id)
    const [list, box] = [this.#list.getBoundingClientRect(), option.getBoundingClientRect()]
    if (box.top < list.top) this.#list.scrollTop -= list.top - box.top
    else if (box.bottom > list.bottom) this.#list.scrollTop += box.bottom - list.bottom
  }

  /** @param {number} index */
  #mark(index) {
    this.#options[this.#picked]?.removeAttribute('aria-current')
    this.#picked = index
    this.#options[index]?.setAttribute('aria-current', 'true')
  }

  /** @param {number} index */
  #pick(index) {
    this.#mark(index)
    this.#close()
    this.#input.select()
    this.#onchange(this.#labels[index])
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key, altKey } = event
    if (event.ctrlKey || event.metaKey || event.isComposing) return
    const last = this.#matches.length - 1
    const at = this.#at
    if (key === 'Escape') {
      if (!this.#isOpen) return
      this.#close()
      this.#input.select()
    } else if (key === 'Enter') {
      if (!this.#isOpen) this.#open()
      else if (at >= 0) this.#pick(this.#matches[at])
    } else if (key === 'ArrowUp' && altKey) this.#close()
    else if (key === 'ArrowDown' || key === 'ArrowUp') {
      const opened = !this.#isOpen
      this.#open()
      if (!altKey && !(opened && this.#at >= 0) && this.#matches.length) {
        this.#go(key === 'ArrowDown' ? (this.#at >= this.#matches.length - 1 ? 0 : this.#at + 1) : this.#at <= 0 ? this.#matches.length - 1 : this.#at - 1)
      }
    } else if (!this.#isOpen || last < 0 || (at < 0 && this.#input.value)) return // Home, End and the like move within the text
    else if (key === 'Home') this.#go(0)
    else if (key === 'End') this.#go(last)
    else if (key === 'PageDown') this.#go(Math.min(last, at + PAGE))
    else if (key === 'PageUp') this.#go(Math.max(0, at - PAGE))
    else return
    event.preventDefault()
  }
}
