// Errors as plain data, so that they survive postMessage with their type; errors.js unpacks them.
// Tests: tests/page/engine.test.mjs, failures.test.mjs
import { DigitDiffusionError } from '../errors.js'
import { refusals } from '../texts/engine.js'

/** @param {any} error @returns {{ code: any, details: Record<string, any> }} */
export function pack(error) {
  if (error instanceof DigitDiffusionError) return { code: error.code, details: error.details }
  const message = String(error?.message ?? error)
  if (error instanceof WebAssembly.RuntimeError) return { code: 'crashed', details: { message } }
  // What the engine throws has a kind. Any other error is shown with its own message.
  const { code, kind, fields } = error ?? {}
  if (kind === undefined) return { code: 'engine', details: { message } }
  return { code, details: { ...fields, kind, message: refusals[kind]?.(fields) ?? kind } }
}

/** Why the engine computes where it does, with a sentence for an error of its own. */
export function packReason(reason) {
  const { error } = reason
  return error ? { ...reason, error: { ...error, message: refusals[error.kind]?.(error.fields) ?? error.kind } } : reason
}
