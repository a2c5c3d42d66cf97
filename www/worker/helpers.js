// The workers that help this one: as many as are wanted, ended when nobody has asked anything of them for a while, given up where
// they fail. What they compute is their callers' business. Messages go from worker to worker; the page only starts and ends them
// (../helpers.js).
// Tests: tests/page/helpers.test.mjs, train-sleep.test.mjs

const IDLE = 60_000 // milliseconds without a call after which they are ended, and their memory is given back
const SILENCE = 20_000 // milliseconds after which one that owes an answer is taken for dead
const LOOK = 5000 // milliseconds at most that count between two looks at it: in a longer time the device slept, and so did the helper
const FAILURES = 3 // after which no more are started, until nobody has asked for one for as long as that

export class Helper {
  #port
  #lastId = 0
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: unknown) => void }>} */
  #owed = new Map()
  /** Milliseconds that it has owed an answer, when it was looked at last. */
  #waited = 0
  #looked = 0

  /** @param {number} id @param {MessagePort} port @param {{ onanswer: () => void, onlost: () => void }} events */
  constructor(id, port, { onanswer, onlost }) {
    this.id = id
    this.#port = port
    port.onmessage = ({ data: { id, result, error } }) => {
      if (error !== undefined) return onlost() // in whatever state it is now, another one is in a good one
      this.#await()
      onanswer()
      this.#owed.get(id)?.resolve(result)
      this.#owed.delete(id)
    }
    port.onmessageerror = onlost
    port.addEventListener('close', onlost) // where browsers tell
  }

  /** Whether it owes an answer. */
  get busy() {
    return this.#owed.size > 0
  }

  /** Whether it has owed an answer for too long. */
  isSilent() {
    const now = performance.now()
    this.#waited += Math.min(now - this.#looked, LOOK)
    this.#looked = now
    return this.busy && this.#waited > SILENCE
  }

  /** Calls are served in order. @param {string} method @param {object} params @param {Transferable[]} [transfer] @returns {Promise<any>} rejects when the helper is lost */
  call(method, params, transfer = []) {
    if (!this.busy) this.#await()
    const id = ++this.#lastId
    this.#port.postMessage({ id, method, params }, transfer)
    return new Promise((resolve, reject) => this.#owed.set(id, { resolve, reject }))
  }

  #await() {
    this.#waited = 0
    this.#looked = performance.now()
  }

  close() {
    this.#port.close()
    for (const { reject } of this.#owed.values()) reject(new Error('the helper is gone'))
    this.#owed.clear()
  }
}

export class Helpers {
  /** Those that are there. @type {Helper[]} */
  list = []
  /** Those that are being prepared. @type {Map<number, Helper>} */
  #preparing = new Map()
  /** Those that the page was asked for, and has not told of yet. @type {Set<number>} */
  #asked = new Set()
  #lastId = 0
  #failures = 0
  #idle
  #ask
  #prepare
  #onchange

  /**
   * @param {{ ask: (asked: { start?: number[], end?: number[] }) => void, prepare: (helper: Helper) => Promise<unknown>, onchange: () => void }} options
   *   `ask` asks the page; `prepare` makes a new one ready; `onchange` follows every change of `list`
   */
  constructor({ ask, prepare, onchange }) {
    this.#ask = ask
    this.#prepare = prepare
    this.#onchange = onchange
  }

  /** From now on there shall be this many at least. @param {number} count */
  want(count) {
    const missing = count - this.list.length - this.#preparing.size - this.#asked.size
    if (missing > 0 && this.#failures < FAILURES) {
      const start = Array.from({ length: missing }, () => ++this.#lastId)
      start.forEach(id => this.#asked.add(id))
      this.#ask({ start })
    }
    this.#use()
  }

  /** Those that have nothing to do. */
  get free() {
    this.list.filter(helper => helper.isSilent()).forEach(helper => this.lose(helper))
    return this.list.filter(helper => !helper.busy)
  }

  /** What the page tells of a helper: it is there, or it is lost. @param {{ id: number, port?: MessagePort }} told */
  async told({ id, port }) {
    const known = this.#find(id)
    if (known) return this.lose(known)
    if (!this.#asked.delete(id)) return // ended already
    if (!port) return void this.#failures++
    const helper = new Helper(id, port, { onanswer: () => this.#use(), onlost: () => this.lose(helper) })
    this.#preparing.set(id, helper)
    await this.#prepare(helper).catch(() => this.lose(helper))
    if (!this.#preparing.delete(id)) return // it failed, or has been ended meanwhile
    this.list = [...this.list, helper]
    this.#onchange()
  }

  /** One that has failed. @param {Helper} helper */
  lose(helper) {
    if (this.#find(helper.id) !== helper) return
    this.#failures++
    this.#end([helper])
  }

  /** All are ended; those that are wanted later are started anew. */
  end() {
    if (this.#asked.size) this.#ask({ end: [...this.#asked] })
    this.#asked.clear()
    this.#end([...this.list, ...this.#preparing.values()])
  }

  /** @param {Helper[]} gone */
  #end(gone) {
    if (!gone.length) return
    this.list = this.list.filter(helper => !gone.includes(helper))
    for (const helper of gone) {
      this.#preparing.delete(helper.id)
      helper.close()
    }
    this.#ask({ end: gone.map(({ id }) => id) })
    this.#onchange()
  }

  #find(id) {
    return this.#preparing.get(id) ?? this.list.find(helper => helper.id === id)
  }

  #use() {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      this.end()
      this.#failures = 0
    }, IDLE)
  }
}

/**
 * The helper's own side: serves what comes by `port`, in order.
 * @param {MessagePort} port
 * @param {Record<string, (params: any) => any>} methods what each gives may name what it `transfer`s
 */
export function serve(port, methods) {
  port.onmessage = async ({ data: { id, method, params } }) => {
    try {
      const { transfer = [], ...result } = (await methods[method](params)) ?? {}
      port.postMessage({ id, result }, transfer)
    } catch (error) {
      port.postMessage({ id, error: String(error?.message ?? error) })
    }
  }
}
