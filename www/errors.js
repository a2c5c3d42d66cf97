// Typed errors: a stable `code` for programs, one sentence for people.
// Tests: tests/page/failures.test.mjs, class-arguments.test.mjs
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

export const isAbort = error => error?.name === 'AbortError'

/** What the worker has packed (worker/pack.js). */
export const unpack = ({ code, details }) => new DigitDiffusionError(code, details)
