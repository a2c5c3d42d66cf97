// The keyboard of a group of role="radio" buttons: one tab stop, arrows move and choose, a typed character jumps.
const STEP = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }

export class RadioGroup {
  #root
  #onchange
  #wrap

  /**
   * @param {HTMLElement} root holds the buttons, each with data-value
   * @param {{ onchange: (value: string) => void, wrap?: boolean }} options `onchange` also hears a second click on the same
   */
  constructor(root, { onchange, wrap = true }) {
    this.#root = root
    this.#onchange = onchange
    this.#wrap = wrap
    root.addEventListener('click', event => this.#choose(event.target.closest('[role=radio]')))
    root.addEventListener('keydown', event => this.#key(event))
    this.value = this.value
  }

  get buttons() {
    return [...this.#root.querySelectorAll('[role=radio]')]
  }

  get value() {
    return this.buttons.find(button => button.getAttribute('aria-checked') === 'true')?.dataset.value
  }

  set value(value) {
    const { buttons } = this
    const chosen = buttons.find(button => button.dataset.value === value)
    const stop = chosen ?? buttons.find(button => !button.disabled)
    for (const button of buttons) {
      button.setAttribute('aria-checked', String(button === chosen))
      button.tabIndex = button === stop ? 0 : -1
    }
  }

  /** @param {{ value: string, title: string }[]} choices */
  fill(choices, value) {
    this.#root.replaceChildren(
      ...choices.map(({ value, title }) => {
        const button = document.createElement('button')
        button.type = 'button'
        button.setAttribute('role', 'radio')
        button.dataset.value = value
        button.textContent = title
        return button
      }),
    )
    this.value = value
  }

  #choose(button) {
    if (!button || button.disabled) return
    this.value = button.dataset.value
    this.#onchange(button.dataset.value)
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const buttons = this.buttons.filter(button => !button.disabled)
    const at = buttons.indexOf(event.target)
    let target = buttons.find(button => button.dataset.value === event.key)
    if (event.key in STEP) {
      const next = at + STEP[event.key]
      target = buttons[this.#wrap ? (next + buttons.length) % buttons.length : Math.max(0, Math.min(buttons.length - 1, next))]
    } else if (event.key === 'Home') target = buttons[0]
    else if (event.key === 'End') target = buttons.at(-1)
    if (!target) return
    event.preventDefault()
    target.focus()
    this.#choose(target)
  }
}
