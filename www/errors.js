// Typed errors: a stable `code` for programs, one sentence for people.
// Tests: tests/page/failures.test.mjs, class-arguments.test.mjs
import { errors as texts } from './texts/module.js'

export class DigitDiffusionError extends Error {
  /**
   * @param {keyof typeof texts} code
   * @param {object} details what the sentence needs, e.g. { file, status }
   */
  constructor(code, details = {}) {
    super(texts[code](details))
    this.name = 'DigitDiffusionError'
    this.code = code
    this.details = details
    this.file = details.file
  }
}

export const isAbort = error => error?.name === 'AbortError'

/** The engine's own sentences, written for visitors in English: what they say, so that it can be said in other languages. */
const SENTENCES = [
  ['unreadable', /^not a readable safetensors file/],
  ['misfit', /(?<path>\S+), which this base does not have/],
  ['misfit', /^adapter: (?<path>\S+) has lora_A .* made for another model/],
  ['unconfigured', /alpha is unknown/],
  ['adapter', /^adapter: /],
  ['engine', /^/],
]

/** An error as plain data, so that it survives postMessage with its type. */
export function pack(error) {
  if (error instanceof DigitDiffusionError) return { code: error.code, details: error.details }
  if (error instanceof WebAssembly.RuntimeError) return { code: 'crashed', details: { message: error.message } }
  const message = String(error?.message ?? error)
  const [code, sentence] = SENTENCES.find(([, sentence]) => sentence.test(message))
  return { code, details: { message, ...sentence.exec(message).groups } }
}

export const unpack = ({ code, details }) => new DigitDiffusionError(code, details)
