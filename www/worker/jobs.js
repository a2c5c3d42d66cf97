// The jobs of a training step, divided among this worker and its helpers. A job comes out the same, bit for bit, whoever computes it,
// and results are summed in the jobs' order: what is learnt does not depend on the number of workers.
// Tests: tests/page/train.test.mjs, train-sleep.test.mjs
import { Helpers } from './helpers.js'
import { Costs, divide, most, pause, slack } from './shares.js'

/** @typedef {'gradients' | 'loss'} Method of the network */

export class Jobs {
  #helpers
  #threads
  #network
  #costs = new Costs()

  /**
   * @param {{ threads: number | 'auto', network: import('../engine/training.js').Network, start: object, post: (message: object) => void }} options
   *   `network` is this worker's own; `start` is what a helper's is started with; `post` tells the page
   */
  constructor({ threads, network, start, post }) {
    this.#threads = threads
    this.#network = network
    this.#helpers = new Helpers({
      ask: helpers => post({ helpers }),
      prepare: helper => helper.call('start', start),
      onchange: () => post({ threads: 1 + this.#helpers.list.length }),
    })
  }

  /** What the page tells of a helper. */
  told(helper) {
    this.#helpers.told(helper)
  }

  end() {
    this.#helpers.end()
  }

  /**
   * The results of jobs, in their order.
   * @param {Method} method @param {Float32Array} parameters what they are computed with @param {Float32Array[]} jobs
   * @param {() => void} [meanwhile] what is to be done while others compute
   */
  async run(method, parameters, jobs, meanwhile) {
    const wanted = Math.min(most(this.#threads), jobs.length) - 1
    if (wanted > 0) this.#helpers.want(wanted)
    const helpers = this.#helpers.free.slice(0, Math.max(wanted, 0))
    const [own, ...shares] = divide(jobs.length, this.#costs.of([this, ...helpers]))
    /** @type {any[]} */
    const results = jobs.map(() => undefined)
    const asked = []
    let next = own
    helpers.forEach((helper, i) => {
      if (shares[i]) helper.call('parameters', { values: parameters }).catch(() => {}) // each gets a copy
      else this.#costs.forgive(helper)
      for (let left = shares[i]; left; left--) asked.push(this.#ask(helper, method, jobs, next++, results))
    })

    const started = performance.now()
    this.#network.setParameters(parameters)
    for (let i = 0; i < own; i++) results[i] = this.#network[method](jobs[i])
    const ms = own * this.#costs.learn(this, (performance.now() - started) / own)
    meanwhile?.()
    await Promise.race([Promise.all(asked), pause(slack(ms))])
    for (let i = jobs.length - 1; i >= own; i--) {
      if (!results[i]) await pause() // what has arrived meanwhile need not be computed
      results[i] ??= this.#network[method](jobs[i])
    }
    return results
  }

  /** @param {import('./helpers.js').Helper} helper @param {Method} method @param {Float32Array[]} jobs @param {number} index @param {any[]} results */
  async #ask(helper, method, jobs, index, results) {
    const asked = performance.now()
    const answer = await helper.call(method, { job: jobs[index] }).catch(() => undefined)
    if (!answer) return
    // Too late, it had not only to compute: nobody knows what else keeps that core.
    const late = results[index] !== undefined
    results[index] ??= answer.output
    this.#costs.learn(helper, late ? performance.now() - asked : answer.ms)
  }
}
