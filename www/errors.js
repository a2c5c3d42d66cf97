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

/** An error as plain data, so that it survives postMessage with its type. */
export function pack(error) {
  if (error instanceof DigitDiffusionError) return { code: error.code, details: error.details }
  const message = String(error?.message ?? error)
  if (error instanceof WebAssembly.RuntimeError) return { code: 'crashed', details: { message } }
  // What the engine throws has a kind. Any other error is shown with its own message.
  const { code, kind, fields } = error ?? {}
  return kind === undefined ? { code: 'engine', details: { message } } : { code, details: { ...fields, kind } }
}

export const unpack = ({ code, details }) => new DigitDiffusionError(code, details)
