// A step's rows, divided among this worker and its helpers: a guided picture has two, a batch has many. Every row comes out the same, bit
// for bit, whoever computes it. Sampler and guidance stay in this worker's engine.
// Tests: tests/page/helpers.test.mjs
import { Helpers } from './helpers.js'
import { Costs, divide, most, pause, slack } from './shares.js'

/** @typedef {import('../engine/engine.js').Run} Run */
/** @typedef {{ from: number, to: number, output?: Float32Array, settled: Promise<void> }} Piece of a batch, that a helper was asked for */

const MANY = 8 // rows for which helpers pay even before the first picture is drawn
const TOGETHER = 4 // rows that the network computes together: what is asked for at a time

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
  /** What a row costs each; this worker by the name of this. */
  #costs = new Costs()
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
    if (rows < 2) return // there is nothing to divide, and no helper needs its weights
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
    const [own, ...shares] = divide(rows, this.#costs.of([this, ...helpers]))
    /** @type {Piece[]} */
    const pieces = []
    let begin = own
    helpers.forEach((helper, i) => {
      const end = begin + shares[i]
      for (let from = begin; from < end; from += TOGETHER) pieces.push(this.#ask(helper, run, input, from, Math.min(end, from + TOGETHER)))
      if (begin === end) this.#costs.forgive(helper)
      begin = end
    })

    const started = performance.now()
    output.set(run.predict(0, own))
    const ms = own * this.#costs.learn(this, (performance.now() - started) / own)
    await Promise.race([Promise.all(pieces.map(({ settled }) => settled)), pause(slack(ms))])
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
      this.#costs.learn(helper, (late ? performance.now() - asked : ms) / (to - from))
    }
    piece.settled = helper.call('predict', params, [part.buffer]).then(take, () => {})
    return piece
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
