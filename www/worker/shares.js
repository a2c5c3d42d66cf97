// How work is shared among workers: each gets as much as it computes in the same time.
// Tests: tests/page/helpers.test.mjs, train.test.mjs, train-sleep.test.mjs

const MOST = 8 // workers, where their number is not chosen
const ALIKE = 1.05 // workers whose speeds differ by less get equal shares
const SLEPT = 10 // times as long as usual: what a device took that slept meanwhile

/**
 * How many of `pieces` each worker gets, so that all are done at about the same time; the first gets one at least.
 * @param {number} pieces @param {number[]} costs what a piece costs each
 */
export function divide(pieces, costs) {
  const least = Math.min(...costs)
  const even = costs.map(cost => (cost < ALIKE * least ? least : cost))
  const shares = costs.map((_, i) => (i ? 0 : 1))
  for (let piece = 1; piece < pieces; piece++) {
    const ends = even.map((cost, i) => (shares[i] + 1) * cost)
    shares[ends.indexOf(Math.min(...ends))]++
  }
  return shares
}

/** How many workers may compute at once. @param {number | 'auto'} threads */
export function most(threads) {
  if (threads !== 'auto') return threads
  const { hardwareConcurrency = 1, deviceMemory = 8 } = /** @type {any} */ (navigator)
  return Math.min(hardwareConcurrency, deviceMemory > 2 ? MOST : 2)
}

/** What something took that `usual`ly takes so long, if that is known: the time in which the device slept does not count. @param {number} ms */
export const awake = (ms, usual = 0) => (usual ? Math.min(ms, SLEPT * usual) : ms)

/** How long another one is waited for, of the milliseconds that a worker took for its own share; then the rest is computed there, too. */
export const slack = ms => 2 + ms / 2

/** @param {number} [ms] */
export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** What a piece costs each worker, in milliseconds, as far as that is known. */
export class Costs {
  /** @type {WeakMap<object, number>} */
  #costs = new WeakMap()

  /** @param {object} worker */
  has(worker) {
    return this.#costs.has(worker)
  }

  /** Of workers; one that is not known yet is taken for as fast as the first. @param {object[]} workers */
  of([first, ...others]) {
    const own = this.#costs.get(first) ?? 1
    return [own, ...others.map(worker => this.#costs.get(worker) ?? own)]
  }

  /** @param {object} worker @param {number} cost @returns {number} without the time in which the device slept */
  learn(worker, cost) {
    const before = this.#costs.get(worker)
    const real = awake(cost, before)
    this.#costs.set(worker, 0.7 * (before ?? real) + 0.3 * real)
    return real
  }

  /** One that got nothing is tried again one day. @param {object} worker */
  forgive(worker) {
    if (this.has(worker)) this.#costs.set(worker, 0.97 * this.#costs.get(worker))
  }
}
