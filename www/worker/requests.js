// What the page asks of a worker, as client.js asks: each request is answered with its result or its error, and can be aborted.
// Tests: tests/page/worker-protocol.test.mjs, failures.test.mjs
import { pack } from './pack.js'

/** @typedef {{ signal: AbortSignal, onprogress: (progress: any) => void }} Asked */

export class Requests {
  #aborts = new Map()
  #methods
  #crash
  #options
  /** When the last request came or was answered. */
  last = 0

  /**
   * @param {Record<string, (params: any, asked: Asked) => any>} methods
   * @param {{ crash: (message: string) => void, before?: () => unknown, transfer?: (result: any) => Transferable[] }} options
   *   `crash` is told of a panic; every request waits for `before`; `transfer` says what of a result is transferred
   */
  constructor(methods, { crash, ...options }) {
    this.#methods = methods
    this.#crash = crash
    this.#options = options
  }

  /** How many are not answered yet. */
  get pending() {
    return this.#aborts.size
  }

  /** @param {{ id?: number, method?: string, params?: any, abort?: number }} message */
  async take({ id, method, params, abort }) {
    if (abort) return this.#aborts.get(abort)?.abort()
    this.last = performance.now()
    const controller = new AbortController()
    this.#aborts.set(id, controller)
    try {
      const onprogress = progress => postMessage({ id, progress })
      await this.#options.before?.()
      const result = await this.#methods[method](params, { signal: controller.signal, onprogress })
      postMessage({ id, result }, { transfer: this.#options.transfer?.(result) ?? [] })
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return this.#crash(error.message) // a panic leaves the module in no state to go on
      controller.abort() // a file that failed takes the other downloads with it
      postMessage({ id, error: pack(error) })
    } finally {
      this.#aborts.delete(id)
      this.last = performance.now()
    }
  }
}
