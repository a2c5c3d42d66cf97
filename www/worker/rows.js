// A step's rows, divided among this worker and its helpers: a guided picture has two, a batch has many. Every row comes out the same, bit
// for bit, whoever computes it. Sampler and guidance stay in this worker's engine.
// Tests: tests/page/helpers.test.mjs
import { Helpers } from './helpers.js'

/** @typedef {import('../engine/engine.js').Run} Run */
/** @typedef {{ from: number, to: number, output?: Float32Array, settled: Promise<void> }} Piece of a batch, that a helper was asked for */

const MANY = 8 // rows for which helpers pay even before the first picture is drawn
const MOST = 8 // workers, where their number is not chosen
const ALIKE = 1.25 // workers whose speeds differ by less get equal shares
const TOGETHER = 4 // rows that the network computes together: what is asked for at a time
/** How long a helper is waited for, of the time that this worker took for its own rows; then the rest is computed here, too. */
const SLACK = ms => 2 + ms / 2

/**
 * How many of `rows` each worker gets, so that all are done at about the same time; the first gets one at least.
 * @param {number} rows @param {number[]} costs what a row costs each
 */
function divide(rows, costs) {
  const least = Math.min(...costs)
  const even = costs.map(cost => (cost < ALIKE * least ? least : cost))
  const shares = costs.map((_, i) => (i ? 0 : 1))
  for (let row = 1; row < rows; row++) {
    const ends = even.map((cost, i) => (shares[i] + 1) * cost)
    shares[ends.indexOf(Math.min(...ends))]++
  }
  return shares
}

/** How many workers may compute at once. @param {number | 'auto'} threads */
function most(threads) {
  if (threads !== 'auto') return threads
  const { hardwareConcurrency = 1, deviceMemory = 8 } = /** @type {any} */ (navigator)
  return Math.min(hardwareConcurrency, deviceMemory > 2 ? MOST : 2)
}

/** @param {number} [ms] */
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

export class Rows {
  #helpers
  #threads
  #weights
  /** Of the engine's weights. */
  #version = 0
  /** The version that each run on the CPU has begun with. @type {Map<Run, number>} */
  #runs = new Map()
  /** The versions that a helper has been sent. @type {WeakMap<object, Set<number>>} */
  #sent = new WeakMap()
  /** Milliseconds that a row takes each; this worker's own by the name of this. @type {WeakMap<object, number>} */
  #costs = new WeakMap()
  #drawn = false

  /**
   * @param {{ threads: number | 'auto', start: object, weights: () => Float32Array, post: (message: object) => void }} options
   *   `start` is what a helper's engine is started with; `weights` tells those of this moment; `post` tells the page
   */
  constructor({ threads, start, weights, post }) {
    this.#threads = threads
    this.#weights = weights
    this.#helpers = new Helpers({
      ask: helpers => post({ helpers }),
      prepare: helper => helper.call('start', start),
      onchange: () => {
        post({ threads: 1 + this.#helpers.list.length })
        this.#supply()
      },
    })
  }

  /** What the page tells of a helper. */
  told(helper) {
    this.#helpers.told(helper)
  }

  /** The engine's weights will be others. */
  changed() {
    this.#version++
    this.#forget()
  }

  /**
   * A run begins on the CPU. The first picture is drawn without helpers, whose start would only delay it, unless a number is chosen.
   * @param {Run} run @param {number} rows the most that a step of it has
   */
  begin(run, rows) {
    this.#runs.set(run, this.#version)
    const pays = this.#threads !== 'auto' || this.#drawn || rows >= MANY
    const wanted = pays ? Math.min(most(this.#threads), rows) - 1 : 0
    if (wanted > 0) this.#helpers.want(wanted)
    this.#supply()
  }

  /** The next step, and how many `threads` have computed it; undefined when the run is over. @param {Run} run */
  async next(run) {
    const helpers = this.#helpers.free.filter(helper => this.#sent.get(helper)?.has(this.#runs.get(run)))
    const input = helpers.length ? run.input() : undefined
    const divided = input && input.labels.length > 1
    const { output, threads } = divided ? await this.#predict(run, input, helpers) : { output: undefined, threads: 1 }
    const step = await run.next(output)
    this.#drawn ||= step?.step === step?.total
    return step && { ...step, threads }
  }

  /** @param {Run} run */
  end(run) {
    if (this.#runs.delete(run)) this.#forget()
  }

  /** No helper is needed any more. */
  stop() {
    this.#helpers.end()
  }

  /**
   * The network's output for all rows of a step.
   * @param {Run} run @param {import('../engine/engine.js').ModelInput} input @param {import('./helpers.js').Helper[]} helpers
   */
  async #predict(run, input, helpers) {
    const { length: rows } = input.labels
    const width = input.sample.length / rows
    const output = new Float32Array(input.sample.length)
    const cost = this.#costs.get(this) ?? 1
    const [own, ...shares] = divide(rows, [cost, ...helpers.map(helper => this.#costs.get(helper) ?? cost)])
    /** @type {Piece[]} */
    const pieces = []
    let begin = own
    helpers.forEach((helper, i) => {
      const end = begin + shares[i]
      for (let from = begin; from < end; from += TOGETHER) pieces.push(this.#ask(helper, run, input, from, Math.min(end, from + TOGETHER)))
      // One that got nothing is tried again one day.
      if (begin === end && this.#costs.has(helper)) this.#costs.set(helper, 0.97 * this.#costs.get(helper))
      begin = end
    })

    const started = performance.now()
    output.set(run.predict(0, own))
    const ms = performance.now() - started
    this.#learn(this, ms / own)
    await Promise.race([Promise.all(pieces.map(({ settled }) => settled)), pause(SLACK(ms))])
    let given = 0
    for (const [i, piece] of pieces.reverse().entries()) {
      if (!piece.output && i) await pause() // what has arrived meanwhile need not be computed
      if (piece.output) given++
      else piece.output = run.predict(piece.from, piece.to)
      output.set(piece.output, piece.from * width)
    }
    return { output, threads: given ? 1 + shares.filter(Boolean).length : 1 }
  }

  /**
   * Asks a helper for the rows `from..to`.
   * @param {import('./helpers.js').Helper} helper @param {Run} run @param {import('../engine/engine.js').ModelInput} input
   * @param {number} from @param {number} to
   */
  #ask(helper, run, { sample, labels, timestep }, from, to) {
    const width = sample.length / labels.length
    const part = sample.slice(from * width, to * width)
    const params = { version: this.#runs.get(run), sample: part, labels: labels.slice(from, to), timestep }
    const asked = performance.now()
    /** @type {Piece} */
    const piece = { from, to, settled: undefined }
    const take = ({ output, ms }) => {
      // Too late, it had not only to compute: nobody knows what else keeps that core.
      const late = piece.output !== undefined
      piece.output ??= output
      this.#learn(helper, (late ? performance.now() - asked : ms) / (to - from))
    }
    piece.settled = helper.call('predict', params, [part.buffer]).then(take, () => {})
    return piece
  }

  /** @param {object} worker @param {number} cost */
  #learn(worker, cost) {
    const before = this.#costs.get(worker) ?? cost
    this.#costs.set(worker, 0.7 * before + 0.3 * cost)
  }

  /** Sends the weights of this moment to the helpers that have not got them, if a run needs them. */
  #supply() {
    const version = this.#version
    if (![...this.#runs.values()].includes(version)) return
    const lacking = this.#helpers.list.filter(helper => !this.#sent.get(helper)?.has(version))
    if (!lacking.length) return
    const weights = this.#weights()
    lacking.forEach((helper, i) => {
      this.#sent.set(helper, (this.#sent.get(helper) ?? new Set()).add(version))
      const transfer = i === lacking.length - 1 ? [weights.buffer] : [] // the others get copies
      helper.call('weights', { version, values: weights }, transfer).catch(() => {})
    })
  }

  /** Lets the helpers forget the weights that nobody will ask for. */
  #forget() {
    const versions = [this.#version, ...this.#runs.values()]
    for (const helper of this.#helpers.list) {
      const sent = this.#sent.get(helper) ?? new Set()
      const kept = new Set(versions.filter(version => sent.has(version)))
      if (kept.size === sent.size) continue
      this.#sent.set(helper, kept)
      helper.call('keep', { versions }).catch(() => {})
    }
  }
}
