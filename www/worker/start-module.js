// Starts a WebAssembly module of ours in a worker.
// Tests: tests/page/failures.test.mjs, policies.test.mjs
import { DigitDiffusionError } from '../errors.js'
import { receive } from './download.js'
import { refusal } from './policy.js'

/**
 * Fetches and starts a module. Where it is, the page knows: a worker's script must not ask for its own address, so that it can be copied
 * by bundlers and run from anywhere.
 * @param {(options: { module_or_path: WebAssembly.Module }) => Promise<unknown>} start what wasm-bindgen has generated
 * @param {{ file: string, url: string, progress?: import('./download.js').Progress, signal?: AbortSignal }} options
 */
export async function startModule(start, { file, url, progress, signal }) {
  const chunks = receive(new URL(url), { file, progress, signal })
  let failure
  const body = new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (error) {
        failure = error
        controller.error(error)
      }
    },
  })
  try {
    // Compiled while it arrives, whatever MIME type the host gives it.
    const module = await WebAssembly.compileStreaming(new Response(body, { headers: { 'content-type': 'application/wasm' } }))
    await start({ module_or_path: module })
    return module
  } catch (error) {
    throw failure ?? (await refusal({ file, source: 'wasm-eval' })) ?? new DigitDiffusionError('engine-file', { file, reason: String(error?.message ?? error) })
  }
}
