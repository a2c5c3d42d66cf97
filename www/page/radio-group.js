// A group of native radio inputs, each in a label. The browser gives it one tab stop and the arrow keys; here are the keys that it does
// not have (Home, End, a typed value), and the second choice of the same, which is no change to the browser.
// Tests: tests/page/keyboard-and-layout.test.mjs
const FORWARD = ['ArrowRight', 'ArrowDown']
const BACK = ['ArrowLeft', 'ArrowUp']

/** The radio input that an event came from. @param {Event} event */
const radio = ({ target }) => (target instanceof HTMLInputElement && target.type === 'radio' ? target : undefined)

/**
 * A radio input with what stands in its label, which is all that is seen of it.
 * @param {string} name of the group
 * @param {string} value
 * @param {(Node | string)[]} content
 */
export function radioLabel(name, value, ...content) {
  const label = document.createElement('label')
  const face = document.createElement('span')
  face.append(...content)
  label.append(Object.assign(document.createElement('input'), { type: 'radio', name, value }), face)
  return label
}

export class RadioGroup {
  #root
  #onchange
  #wrap
  #typed
  /** @type {string | undefined} */
  #value

  /**
   * @param {HTMLElement} root holds the inputs
   * @param {{ onchange: (value: string) => void, wrap?: boolean, typed?: boolean }} options `onchange` also hears a second click on the same;
   * `typed`: a letter chooses the next one that begins with it
   */
  constructor(root, { onchange, wrap = true, typed = false }) {
    this.#root = root
    this.#onchange = onchange
    this.#wrap = wrap
    this.#typed = typed
    // Browsers keep what was chosen before a reload.
    this.value = this.inputs.find(input => input.defaultChecked)?.value
    // A click comes before the change that it makes, with keys too.
    root.addEventListener('click', event => radio(event)?.value === this.#value && this.#value !== undefined && this.#onchange(this.#value))
    root.addEventListener('change', event => {
      const input = radio(event)
      if (input) this.#onchange((this.#value = input.value))
    })
    root.addEventListener('keydown', event => this.#key(event))
  }

  get inputs() {
    return [...this.#root.querySelectorAll('input')]
  }

  get value() {
    return this.#value
  }

  set value(value) {
    this.#value = undefined
    for (const input of this.inputs) {
      input.checked = input.value === value
      if (input.checked) this.#value = value
    }
  }

  /** @param {{ value: string, title: string }[]} choices @param {string} [value] */
  fill(choices, value) {
    this.#root.replaceChildren(...choices.map(({ value, title }) => radioLabel(this.#root.id, value, title)))
    this.value = value
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key } = event
    const at = radio(event)
    if (!at || event.ctrlKey || event.metaKey || event.altKey) return
    const inputs = this.inputs.filter(input => !input.disabled)
    let target = inputs.find(({ value }) => value === key)
    if (!target && this.#typed && [...key].length === 1 && key !== ' ') {
      const from = inputs.indexOf(at) + 1
      target = [...inputs.slice(from), ...inputs.slice(0, from)].find(({ value }) => value.toLowerCase().startsWith(key.toLowerCase()))
    }
    if (key === 'Home') target = inputs[0]
    else if (key === 'End') target = inputs.at(-1)
    else if (!this.#wrap && at === inputs.at(-1) && FORWARD.includes(key)) target = at
    else if (!this.#wrap && at === inputs[0] && BACK.includes(key)) target = at
    if (!target) return
    event.preventDefault()
    target.focus()
    target.click()
  }
}
