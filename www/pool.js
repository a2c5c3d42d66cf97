// Models by address, device and threads, so that many elements share one worker, one download and one engine, and draw a few at a time.
// Tests: tests/page/custom-element.test.mjs, many-elements.test.mjs
import { DigitDiffusion } from './model.js'
import { mistakes } from './texts/module.js'

/** Pictures of one model that are drawn at the same time: the others wait, so that the first are soon finished. A long one holds nobody up. */
const AT_ONCE = 4

/**
 * @typedef {{ key: string, users: number, listeners: Set<(progress: any) => void>, adapters: Map<string, Promise<any>>,
 *   loading: AbortController, model: Promise<any>, drawing: number, waiting: Set<(value?: any) => void> }} Entry
 * @type {Map<string, Entry>}
 */
const pool = new Map()

/** Whether an element that asks now would get this very model. @param {Entry | null} entry */
export const isShared = entry => entry !== null && pool.get(entry.key) === entry

/** Elements share a model that has the same. @param {string} base @param {string} device @param {number | string} threads */
export const keyOf = (base, device, threads) => `${device} ${threads} ${base}`

/** @param {string} base @param {import('./digit-diffusion.js').Device} device @param {number | 'auto'} threads @param {(progress: any) => void} onprogress */
export function acquire(base, device, threads, onprogress) {
  const key = keyOf(base, device, threads)
  let entry = pool.get(key)
  if (!entry) {
    const listeners = new Set([onprogress])
    const loading = new AbortController()
    const told = (/** @type {any} */ progress) => listeners.forEach(listener => listener(progress))
    const model = DigitDiffusion.load(base, { device, threads, signal: loading.signal, onprogress: told })
    entry = { key, users: 0, listeners, adapters: new Map(), loading, model, drawing: 0, waiting: new Set() }
    const forget = () => isShared(entry) && pool.delete(key)
    model.then(model => model.lost.then(forget), forget)
    pool.set(key, entry)
  }
  entry.users++
  entry.listeners.add(onprogress)
  return entry
}

/** The last one to go takes the engine with it. @param {Entry} entry @param {(progress: any) => void} onprogress */
export function release(entry, onprogress) {
  entry.listeners.delete(onprogress)
  if (--entry.users) return
  if (isShared(entry)) pool.delete(entry.key)
  entry.loading.abort()
  entry.model.then(model => model.dispose(), () => {})
}

/** Adds the adapter once for all elements that want it: by its name in the manifest, or by its folder's address. */
export function ensureAdapter(/** @type {Entry} */ entry, model, lora) {
  if (model.adapters.some(({ name }) => name === lora)) return // the page may have added it, too
  if (!entry.adapters.has(lora)) {
    const listed = model.catalog.some(adapter => adapter.name === lora)
    const added = model.addAdapter(lora, listed ? undefined : lora)
    entry.adapters.set(lora, added)
    added.catch(() => entry.adapters.delete(lora))
  }
  return entry.adapters.get(lora)
}

/**
 * Adds the adapter that draws in few steps, and tells its name. `turbo`: true for the first that the manifest lists, a number for the one of so many
 * steps, else a name or an address.
 * @param {Entry} entry @param {DigitDiffusion} model @param {boolean | number | string} turbo @returns {Promise<string>}
 */
export async function ensureTurbo(entry, model, turbo) {
  const listed = model.catalog.filter(entry => entry.turbo && !entry.turbo.with)
  const name = typeof turbo === 'string' ? turbo : listed.find(entry => turbo === true || entry.turbo.steps === turbo)?.name
  if (name === undefined) throw new RangeError(mistakes.turbo(turbo, listed.map(entry => entry.turbo.steps)))
  await ensureAdapter(entry, model, name)
  if (!model.adapters.find(adapter => adapter.name === name)?.turbo) throw new RangeError(mistakes.notTurbo(name))
  return name
}

/**
 * Waits for a turn to draw, in the order of asking. Rejects when `signal` aborts before.
 * @param {Entry} entry @param {AbortSignal} signal
 * @returns {Promise<() => void>} what ends the turn
 */
export async function takeTurn(entry, signal) {
  if (entry.drawing < AT_ONCE) entry.drawing++
  else {
    await new Promise((resolve, reject) => {
      entry.waiting.add(resolve)
      signal.addEventListener('abort', () => entry.waiting.delete(resolve) && reject(signal.reason), { once: true })
    })
  }
  return () => {
    const [next] = entry.waiting
    if (!next) return entry.drawing--
    entry.waiting.delete(next)
    next()
  }
}
