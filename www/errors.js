// Typed errors: a stable `code` for programs, one sentence for people.
// Tests: tests/page/failures.test.mjs, class-arguments.test.mjs, two-copies.test.mjs
import { errors as texts } from './texts/module.js'

/** @type {Record<string, (details: any) => string>} */
const sentences = texts

export class DigitDiffusionError extends Error {
  /**
   * @param {keyof typeof texts} code
   * @param {{ file?: string, [field: string]: any }} details what the sentence needs, e.g. { file, status }
   */
  constructor(code, details = {}) {
    super(sentences[code](details))
    this.name = 'DigitDiffusionError'
    this.code = code
    this.details = details
    this.file = details.file
  }
}

/**
 * Makes `instanceof` hold across copies of this module, of whatever version: a page may have got two. Errors are told apart by `code`,
 * not by copy. Subclasses are asked as usual.
 * @param {Function} one @param {string} name the same in all copies
 */
export function asOneClass(one, name) {
  const brand = Symbol.for(`digit-diffusion ${name}`)
  Object.defineProperty(one.prototype, brand, { value: true })
  Object.defineProperty(one, Symbol.hasInstance, {
    value(value) {
      return this === one ? Object(value)[brand] === true : Function.prototype[Symbol.hasInstance].call(this, value)
    },
  })
}
asOneClass(DigitDiffusionError, 'error')

export const isAbort = error => error?.name === 'AbortError'

/** What the worker has packed (worker/pack.js). */
export const unpack = ({ code, details }) => new DigitDiffusionError(code, details)
