// What stays in the browser between visits: drawings, the last checkpoint, what was taught. Where there is no IndexedDB, nothing does.
// Tests: tests/page/teach-storage.test.mjs
import { flag, OWN } from '../teach-flag.js'

/** The drawings by their id; single values by their name. */
const [DRAWINGS, VALUES] = ['drawings', 'values']

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const answer = request =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
const settled = transaction =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error ?? new Error('AbortError'))
  })

function open() {
  const request = indexedDB.open(OWN, 1)
  request.onupgradeneeded = () => {
    request.result.createObjectStore(DRAWINGS, { keyPath: 'id' })
    request.result.createObjectStore(VALUES)
  }
  return answer(request)
}

export class Store {
  #database
  #onfail

  /** @param {IDBDatabase | undefined} database @param {(error: Error) => void} onfail of anything that could not be kept */
  constructor(database, onfail) {
    this.#database = database
    this.#onfail = onfail
    // Another tab has a newer page, whose database it may be.
    if (database) database.onversionchange = () => database.close()
  }

  /** @param {(error: Error) => void} onfail */
  static async open(onfail) {
    try {
      return new Store(await open(), onfail)
    } catch (error) {
      console.debug(`Nothing is kept: ${error.message}`) // forbidden, as in some private windows and frames
      return new Store(undefined, onfail)
    }
  }

  /** Whether anything is kept at all. */
  get keeps() {
    return this.#database !== undefined
  }

  /** @returns {Promise<{ drawings: import('./drawings.js').Drawing[], values: Record<string, any> }>} */
  async read() {
    if (!this.#database) return { drawings: [], values: {} }
    const transaction = this.#database.transaction([DRAWINGS, VALUES])
    const values = transaction.objectStore(VALUES)
    const [drawings, keys, all] = await Promise.all([answer(transaction.objectStore(DRAWINGS).getAll()), answer(values.getAllKeys()), answer(values.getAll())])
    return { drawings, values: Object.fromEntries(keys.map((key, i) => [key, all[i]])) }
  }

  /** @param {import('./drawings.js').Drawing[]} drawings */
  keepDrawings(drawings) {
    return this.#write(DRAWINGS, store => drawings.forEach(drawing => store.put(drawing)), true)
  }

  /** @param {number[]} ids */
  dropDrawings(ids) {
    return this.#write(DRAWINGS, store => ids.forEach(id => store.delete(id)))
  }

  /** @param {string} name @param {any} value undefined: nothing any more */
  keep(name, value) {
    return this.#write(VALUES, store => (value === undefined ? store.delete(name) : store.put(value, name)), value !== undefined)
  }

  async clear() {
    await this.#write(DRAWINGS, store => store.clear())
    await this.#write(VALUES, store => store.clear())
    flag(false)
  }

  /** @param {string} name @param {(store: IDBObjectStore) => unknown} work @param {boolean} [adds] something to come back for @returns {Promise<boolean>} whether it is kept */
  async #write(name, work, adds = false) {
    if (!this.#database) return false
    try {
      const transaction = this.#database.transaction(name, 'readwrite')
      work(transaction.objectStore(name))
      await settled(transaction)
      if (adds) flag(true)
      return true
    } catch (error) {
      this.#onfail(error)
      return false
    }
  }
}
