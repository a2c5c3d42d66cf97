// The properties of <digit-diffusion> that are attributes.
// Tests: tests/page/custom-element.test.mjs
import { defaultBase } from './addresses.js'
import { DEFAULTS } from './options.js'

/**
 * The accessors of a property that is kept in an attribute. Nothing, '' (Preact's undefined) and false are the default. `written`: how
 * HTML has it of a server that writes a property's name; it stays so, for a framework that takes the page over compares attributes.
 */
const attribute = (name, fallback, /** @type {(value: string, element: HTMLElement) => any} */ read = value => value, written = name) => ({
  /** @this {HTMLElement} */
  get() {
    const value = this.getAttribute(name) || this.getAttribute(written)
    return value ? read(value, this) : fallback
  },
  /** @this {HTMLElement} */
  set(value) {
    if (value == null || value === '' || value === false) [name, written].forEach(name => this.removeAttribute(name))
    else this.setAttribute(name, value)
  },
})

function resolve(address, { baseURI }) {
  try {
    return new URL(address, baseURI).href
  } catch {
    return address // loading it will say so
  }
}

/** By the element's own names. @type {Record<string, ReturnType<typeof attribute>>} */
export const PROPERTIES = {
  label: attribute('label', null),
  seed: attribute('seed', undefined, Number),
  lora: attribute('lora', null),
  loraScale: attribute('lora-scale', 1, Number, 'lorascale'),
  turbo: {
    /** @this {HTMLElement} */
    get() {
      const value = this.getAttribute('turbo')
      if (value === null || value === 'false') return false
      return value === '' || value === 'true' ? true : /^\d+$/.test(value) ? Number(value) : value
    },
    /** Alone, the attribute is true, as HTML has it; the property's '' is Preact's undefined. @this {HTMLElement} */
    set(value) {
      if (value == null || value === '' || value === false) this.removeAttribute('turbo')
      else this.setAttribute('turbo', value === true ? '' : value)
    },
  },
  steps: attribute('steps', DEFAULTS.steps, Number),
  guidance: attribute('guidance', DEFAULTS.guidanceScale, Number),
  sampler: attribute('sampler', DEFAULTS.sampler),
  device: attribute('device', DEFAULTS.device),
  threads: attribute('threads', DEFAULTS.threads, value => (value === 'auto' ? value : Number(value))),
  base: {
    ...attribute('base', null, resolve),
    /** @this {HTMLElement} */
    get() {
      return this.hasAttribute('base') ? resolve(this.getAttribute('base'), this) : defaultBase() // which the page may name late
    },
  },
}
PROPERTIES.lorascale = PROPERTIES.loraScale // as Solid writes it
