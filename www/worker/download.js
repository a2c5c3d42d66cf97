// Streams files with their progress in bytes, takes up again what broke off, and checks all of it against the manifest.
// Tests: tests/page/download-resume.test.mjs, failures.test.mjs
import { DigitDiffusionError, isAbort } from '../errors.js'
import { takeEarly } from './early.js'
import { refusal } from './policy.js'

const PAUSES = [500, 1000, 2000] // milliseconds before each further try

/**
 * How files are fetched.
 * @typedef {{ digest?: (bytes: Uint8Array) => Promise<string>, progress?: Progress, signal?: AbortSignal }} Fetching
 * How those of a folder are; `listed`: what a manifest says of them, by path.
 * @typedef {Fetching & { listed?: Record<string, { bytes: number, sha256: string, in_place_of?: string }> | null }} Folder
 */

/** Adds up the bytes of several downloads and reports them, often enough to watch and seldom enough not to matter. */
export class Progress {
  #files = new Map()
  #report
  #lastReport = 0

  constructor(report) {
    this.#report = report
  }

  /** @param {number | undefined} total undefined while, or where, the size is not known */
  set(file, loaded, total) {
    // A compressed transfer announces fewer bytes than arrive: then the size is not known after all.
    this.#files.set(file, { loaded, total: loaded > total ? undefined : total })
    const now = performance.now()
    if (now - this.#lastReport < 50 && loaded !== total) return
    this.#tell(file, now)
  }

  /** The connection broke off; the file's `retry`th further try comes next. */
  retry(file, retry) {
    Object.assign(this.#files.get(file), { retry })
    this.#tell(file)
  }

  #tell(file, now = performance.now()) {
    this.#lastReport = now
    const files = [...this.#files.values()]
    const sum = files.reduce((all, one) => ({ loaded: all.loaded + one.loaded, total: all.total + one.total }))
    const retry = Math.max(...files.map(({ retry = 0 }) => retry)) || undefined
    this.#report({ phase: 'download', file, loaded: sum.loaded, total: Number.isNaN(sum.total) ? undefined : sum.total, retry })
  }
}

export async function request(url, { file, ...options }) {
  let response
  try {
    // Not of what is asked for once more: past the cache, or from where it broke off.
    const begun = options.cache === 'reload' || options.headers?.range ? undefined : await takeEarly(url, options.signal)
    response = begun ?? (await fetch(url, options))
  } catch (error) {
    if (isAbort(error)) throw error
    throw (await refusal({ file, source: url })) ?? new DigitDiffusionError('network', { file })
  }
  if (!response.ok) throw new DigitDiffusionError('missing', { file, status: response.status })
  return response
}

/** Whether a file begins like a web page: many hosts answer with one page for whatever they do not have. @param {Uint8Array} bytes */
const isPage = bytes => /^\s*<(!doctype|html|head|title|body|script|!--)/i.test(new TextDecoder().decode(bytes.subarray(0, 64)))

/** The size that the server announces, unless it counts compressed bytes. */
function announcedBytes({ headers }) {
  const length = headers.get('content-length')
  return length === null || headers.has('content-encoding') ? undefined : Number(length)
}

/** Tells this version of a file from others; null where the server names none. */
const versionOf = ({ headers }) => headers.get('etag') ?? headers.get('last-modified')

/** Whether the rest of the very same bytes can be asked for. */
function givesParts(response) {
  // Asking another origin so takes a permission that few hosts give; and of compressed bytes nobody knows where they broke off.
  const weak = versionOf(response)?.startsWith('W/') ?? true
  return response.type === 'basic' && !response.headers.has('content-encoding') && !weak
}

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
  })

/**
 * The bytes of a file as they arrive. A connection that breaks off is tried again: from where it broke off, if the server can;
 * otherwise from the beginning, after `onrestart`, which drops what came before. Without it, the same bytes are passed over,
 * if the server says that the file is still the same one.
 * @param {URL} url
 * @param {{ file: string, expected?: number, progress?: Progress, signal?: AbortSignal, cache?: RequestCache, onrestart?: () => void }} options
 */
export async function* receive(url, { file, expected, progress, signal, cache, onrestart }) {
  let [received, total, version, parts] = [0, expected, null, false]
  for (let retry = 0; ; retry++) {
    let reader
    try {
      const headers = received && parts ? { range: `bytes=${received}-`, 'if-range': version } : {}
      const response = await request(url, { file, signal, cache, headers })
      let known = 0 // bytes of this response that have come before
      if (response.status === 206) {
        if (!response.headers.get('content-range')?.startsWith(`bytes ${received}-`)) throw new DigitDiffusionError('network', { file })
      } else {
        const same = version !== null && version === versionOf(response)
        if (received && onrestart) {
          onrestart()
          received = 0
        } else if (received && !same) throw new DigitDiffusionError('network', { file })
        known = received
        total = expected ?? announcedBytes(response)
        version = versionOf(response)
        parts = givesParts(response)
      }
      progress?.set(file, received, total)
      reader = response.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        const fresh = value.subarray(Math.min(known, value.length))
        known -= value.length - fresh.length
        if (!fresh.length) continue
        if (!received && isPage(fresh)) throw new DigitDiffusionError('missing', { file, page: true })
        received += fresh.length
        progress?.set(file, received, total)
        yield fresh
      }
    } catch (error) {
      if (isAbort(error) || signal?.aborted || (error instanceof DigitDiffusionError && error.code !== 'network')) throw error
      // A server that cannot be reached at all is reported at once.
      if (!reader && !retry) throw error
      if (retry === PAUSES.length) throw new DigitDiffusionError('network', { file })
      progress?.retry(file, retry + 1)
      await pause(PAUSES[retry], signal)
    } finally {
      reader?.cancel().catch(() => {})
    }
  }
}

/** @param {URL} url @param {{ file: string, expected?: number, progress?: Progress, signal?: AbortSignal, cache?: RequestCache }} options */
async function readAll(url, { expected, file, ...options }) {
  let [chunks, received] = [[], 0]
  const onrestart = () => ([chunks, received] = [[], 0])
  for await (const chunk of receive(url, { expected, file, ...options, onrestart })) {
    chunks.push(chunk)
    received += chunk.length
    if (received > expected) throw new DigitDiffusionError('oversized', { file, expected })
  }
  if (received < expected) throw new DigitDiffusionError('truncated', { file, received, expected })
  const bytes = new Uint8Array(received)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

const STALE = ['truncated', 'oversized', 'mismatch']

/**
 * One file, checked by size and SHA-256 when the manifest lists it.
 * A file that fails the check may only be an old one in the browser's cache, so it is fetched once more, past the cache.
 * @param {URL} url
 * @param {{ file: string, listed?: { bytes: number, sha256: string }, digest?: (bytes: Uint8Array) => Promise<string>, progress?: Progress, signal?: AbortSignal }} options
 */
export async function download(url, { listed, digest, ...options }) {
  for (const cache of /** @type {const} */ (['default', 'reload'])) {
    try {
      const bytes = await readAll(url, { ...options, cache, expected: listed?.bytes })
      if (listed && (await digest(bytes)) !== listed.sha256) throw new DigitDiffusionError('mismatch', { file: options.file })
      return bytes
    } catch (error) {
      if (cache === 'reload' || !listed || !STALE.includes(error.code)) throw error
    }
  }
}
