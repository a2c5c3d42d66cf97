// What a Content-Security-Policy has refused this worker: fetch() and WebAssembly only say that they failed.
// Tests: tests/page/policies.test.mjs
import { DigitDiffusionError } from '../errors.js'

/** @type {SecurityPolicyViolationEvent[]} */
const refused = []
addEventListener('securitypolicyviolation', event => event.disposition === 'enforce' && refused.push(event))

/**
 * The error of what has just failed, if a policy was the reason. Of other origins than the page's, browsers name the origin alone.
 * @param {{ file: string, source: URL | string }} what `source` is an address, or "wasm-eval"
 */
export async function refusal({ file, source }) {
  await new Promise(resolve => setTimeout(resolve)) // the event comes as a task of its own
  const violation = refused.find(({ blockedURI }) => blockedURI && String(source).startsWith(blockedURI))
  if (!violation) return
  const need = source === 'wasm-eval' ? "'wasm-unsafe-eval'" : new URL(source).origin
  return new DigitDiffusionError('policy', { file, directive: violation.effectiveDirective, address: String(source), need })
}
