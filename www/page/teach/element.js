// Elements that the section is built of, and texts that stay where they are while the language changes.
// Tests: tests/page/teach-pad.test.mjs

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name @param {Record<string, string>} [attributes] @param {(Node | string)[]} content
 */
export function element(name, attributes = {}, ...content) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  node.append(...content)
  return node
}

/** Paints a picture, and gives the canvas its size. @param {HTMLCanvasElement} canvas @param {ImageData} image */
export function paint(canvas, image) {
  Object.assign(canvas, { width: image.width, height: image.height })
  canvas.getContext('2d').putImageData(image, 0, 0)
}

/** A small picture. @param {ImageData} [image] @param {Record<string, string>} [attributes] */
export function picture(image, attributes = {}) {
  const canvas = element('canvas', attributes)
  if (image) paint(canvas, image)
  return canvas
}

/** @typedef {ReturnType<typeof import('../../texts/teach.js').teachOf>} Texts */

export class Speech {
  /** @type {Texts} */
  texts
  /** @type {(() => void)[]} */
  #said = []

  /** @param {Texts} texts */
  constructor(texts) {
    this.texts = texts
  }

  /** The element, with that text from now on in every language. @template {Element} T @param {T} node @param {(texts: Texts) => string} say */
  text(node, say) {
    return this.#keep(node, () => (node.textContent = say(this.texts)))
  }

  /** The same of its name for those who do not see it. @template {Element} T @param {T} node @param {(texts: Texts) => string} say */
  label(node, say) {
    return this.#keep(node, () => node.setAttribute('aria-label', say(this.texts)))
  }

  /** A button. @param {string} id @param {string} className @param {(texts: Texts) => string} say @param {() => unknown} act */
  button(id, className, say, act) {
    const button = element('button', { type: 'button', id, class: className })
    button.addEventListener('click', act)
    return this.text(button, say)
  }

  /** Says all of it in the language of `texts`. @param {Texts} texts */
  change(texts) {
    this.texts = texts
    for (const again of this.#said) again()
  }

  /** @template {Element} T @param {T} node @param {() => void} say */
  #keep(node, say) {
    say()
    this.#said.push(say)
    return node
  }
}
