// The page's end of the worker: one request at a time, in order; aborting settles at once; a dead worker fails everything.
// Tests: tests/page/worker-protocol.test.mjs, failures.test.mjs
import { engineAddresses, workerAddress } from './addresses.js'
import { probeBuild } from './build.js'
import { DigitDiffusionError, unpack } from './errors.js'
import { HelperWorkers } from './helpers.js'
import { RELEASE } from './release.js'
import { startWorker } from './start-worker.js'

/** Which build of the engine this browser can run: with fused multiply-add, or without. */
export function findBuild() {
  if (typeof WebAssembly !== 'object') throw new DigitDiffusionError('unsupported', { what: 'WebAssembly' })
  const build = probeBuild()
  if (!build) throw new DigitDiffusionError('unsupported', { what: 'WebAssembly SIMD' })
  return build
}

/**
 * A request to the worker, which is asked by { id, method, params } and told to stop by { abort: id }.
 * @typedef {{ id: number, method: string, params: object, transfer: Transferable[], onprogress?: (progress: any) => void,
 *   reason: () => unknown, resolve: (result: any) => void, reject: (error: unknown) => void }} Job
 *
 * What the worker posts: that it is `ready`, and of which release; of a request its `progress`, and its `result` or `error`; of itself that it `died`, or
 * that it is `settled` where the model computes, which `helpers` it needs, and by how many `threads` it computes.
 * @typedef {{ ready?: string, id?: number, result?: any, error?: any, progress?: any, died?: any, settled?: any,
 *   helpers?: { start?: number[], end?: number[] }, threads?: number }} Answer
 */

export class Client {
  /** @type {Worker | undefined} */
  #worker
  #starting
  /** @type {Job[]} */
  #queue = []
  /** @type {Job | null} */
  #current = null
  #ready = false // the worker listens: what is posted before may be lost
  #lastId = 0
  /** @type {DigitDiffusionError | null} */
  #dead = null
  /** @type {(error: DigitDiffusionError) => void} */
  #settleLost
  /** @type {(decided: any) => void} */
  #settle
  #helpers

  /** How many workers compute at this moment. */
  threads = 1

  /** Resolves with the error when the worker or its device dies; stays pending for as long as all is well. */
  lost = new Promise(resolve => (this.#settleLost = resolve))

  /** Resolves when it is decided where the model computes; with that, why, and what to remember. */
  settled = new Promise(resolve => (this.#settle = resolve))

  /** For `load`. */
  engine

  /** @param {{ worker?: () => URL, engines?: () => Record<string, string> }} [addresses] of the worker's script, and of its module's builds */
  constructor({ worker: address = workerAddress, engines = engineAddresses } = {}) {
    this.engine = { build: findBuild(), engines: engines() }
    this.#helpers = new HelperWorkers(address, (message, transfer) => this.#worker.postMessage(message, transfer))
    this.#starting = startWorker(address(), {
      onstart: worker => {
        this.#worker = worker
        worker.onmessage = ({ data }) => this.#receive(data)
        worker.onerror = event => {
          event.preventDefault()
          if (this.#ready) return this.#die(new DigitDiffusionError('crashed', { message: event.message }))
          worker.terminate()
          if (!this.#dead) this.#starting.next()
        }
      },
      onfail: error => this.#die(error),
    })
  }

  /**
   * @param {string} method one of the worker's
   * @param {object} params
   * @param {{ signal?: AbortSignal, onprogress?: (progress: any) => void, transfer?: Transferable[] }} options
   * @returns {Promise<any>} the worker's answer; rejects with `signal.reason` as soon as the signal aborts
   */
  call(method, params = {}, { signal, onprogress, transfer = [] } = {}) {
    if (this.#dead) return Promise.reject(this.#dead)
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const abort = () => this.#abort(job)
      const settle = (/** @type {(value: any) => void} */ finish) => (/** @type {any} */ value) => {
        signal?.removeEventListener('abort', abort)
        finish(value)
      }
      const job = { id, method, params, transfer, onprogress, reason: () => signal.reason, resolve: settle(resolve), reject: settle(reject) }
      signal?.addEventListener('abort', abort)
      this.#queue.push(job)
      this.#pump()
    })
  }

  /** Its worker is known to be gone. @param {DigitDiffusionError} error */
  lose(error) {
    this.#die(error)
  }

  dispose() {
    this.#end(new DigitDiffusionError('disposed'))
  }

  #pump() {
    if (!this.#ready || this.#current || !this.#queue.length) return
    const job = (this.#current = this.#queue.shift())
    this.#worker.postMessage({ id: job.id, method: job.method, params: job.params }, job.transfer)
  }

  /** @param {Job} job */
  #abort(job) {
    // A request under way is told to stop, and keeps its place until the worker has answered.
    if (job === this.#current) this.#worker.postMessage({ abort: job.id })
    else this.#queue = this.#queue.filter(other => other !== job)
    job.onprogress = undefined
    job.reject(job.reason())
  }

  /** @param {Answer} answer */
  #receive({ ready, id, result, error, progress, died, settled, helpers, threads }) {
    if (died) return this.#die(unpack(died))
    if (settled) return this.#settle(settled)
    if (helpers) return this.#helpers.change(helpers)
    if (threads) return void (this.threads = threads)
    if (ready) {
      if (ready !== RELEASE) return this.#die(new DigitDiffusionError('release', { module: RELEASE, worker: ready }))
      this.#ready = true
      this.#starting.end()
      return this.#pump()
    }
    const job = this.#current
    if (job?.id !== id) return
    if (progress) return job.onprogress?.(progress)
    this.#current = null
    if (error) job.reject(unpack(error))
    else job.resolve(result)
    this.#pump()
  }

  /** @param {DigitDiffusionError} error */
  #die(error) {
    if (this.#end(error)) this.#settleLost(error)
  }

  /** @param {DigitDiffusionError} error */
  #end(error) {
    if (this.#dead) return false
    this.#dead = error
    this.#worker?.terminate()
    this.#helpers.end()
    this.threads = 1
    this.#starting?.end()
    this.#settle({}) // it stays where it was
    const jobs = [this.#current, ...this.#queue].filter(Boolean)
    this.#current = null
    this.#queue = []
    for (const job of jobs) job.reject(error)
    return true
  }
}
