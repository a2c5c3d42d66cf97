// Streams files with their progress in bytes and checks them against the manifest.
import { DigitDiffusionError, isAbort } from '../errors.js'

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
    this.#lastReport = now
    const files = [...this.#files.values()]
    const sum = files.reduce((all, one) => ({ loaded: all.loaded + one.loaded, total: all.total + one.total }))
    this.#report({ phase: 'download', file, loaded: sum.loaded, total: Number.isNaN(sum.total) ? undefined : sum.total })
  }
}

export async function request(url, { file, signal, cache }) {
  let response
  try {
    response = await fetch(url, { signal, cache })
  } catch (error) {
    throw isAbort(error) ? error : new DigitDiffusionError('network', { file })
  }
  if (!response.ok) throw new DigitDiffusionError('missing', { file, status: response.status })
  return response
}

/** The size that the server announces, unless it counts compressed bytes. */
export function announcedBytes(response) {
  const length = response.headers.get('content-length')
  return length === null || response.headers.has('content-encoding') ? undefined : Number(length)
}

async function readAll(response, { file, expected, progress }) {
  const total = expected ?? announcedBytes(response)
  const chunks = []
  let received = 0
  progress?.set(file, 0, total)
  try {
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read()
      if (done) break
      chunks.push(value)
      received += value.length
      if (received > expected) {
        reader.cancel().catch(() => {})
        throw new DigitDiffusionError('oversized', { file, expected })
      }
      progress?.set(file, received, total)
    }
  } catch (error) {
    if (isAbort(error) || error instanceof DigitDiffusionError) throw error
    throw new DigitDiffusionError('network', { file })
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
 */
export async function download(url, { file, listed, digest, progress, signal }) {
  for (const cache of ['default', 'reload']) {
    try {
      const bytes = await readAll(await request(url, { file, signal, cache }), { file, expected: listed?.bytes, progress })
      if (listed && (await digest(bytes)) !== listed.sha256) throw new DigitDiffusionError('mismatch', { file })
      return bytes
    } catch (error) {
      if (cache === 'reload' || !listed || !STALE.includes(error.code)) throw error
    }
  }
}
