// Downloads that begin before the module and its worker are there (early.js), and the module's end of them: it hands what arrives to the
// worker, and keeps it for the service worker, which then need not fetch it again.
// Tests: tests/page/first-visit.test.mjs, download-resume.test.mjs

/** Two scripts hold this file, the one that begins and the one that takes. */
const KEY = Symbol.for('digit-diffusion early downloads')

/** @typedef {{ base: string, controller: AbortController, responses: Map<string, Promise<Response>> }} Early */
const shared = /** @type {Record<symbol, Early | undefined>} */ (/** @type {unknown} */ (globalThis))

/** What has been handed over, for the service worker. @type {Map<string, { headers: Headers, chunks: Uint8Array<ArrayBuffer>[] }>} */
const arrived = new Map()

/** Begins the download of what a model at `base` needs. @param {string} base @param {[URL, RequestInit][]} requests */
export function begin(base, requests) {
  const controller = new AbortController()
  const responses = new Map(requests.map(([url, init]) => [url.href, fetch(url, { ...init, signal: controller.signal })]))
  for (const response of responses.values()) response.catch(() => {}) // the worker tries it again, and tells
  shared[KEY] = { base, controller, responses }
}

/** A copy of what has begun to arrive from an address, before take(); undefined where nothing has. @param {string} url */
export function peek(url) {
  return shared[KEY]?.responses.get(url)?.then(response => response.clone())
}

/**
 * What has begun for `base`, once: a port for each address, by which the worker gets it; `cancel` ends what is under way.
 * @param {string} base
 */
export function take(base) {
  const early = shared[KEY]
  if (early?.base !== base) return { ports: [], cancel() {} }
  shared[KEY] = undefined
  const ports = [...early.responses].map(([url, response]) => {
    const { port1, port2 } = new MessageChannel()
    pass(url, response, port1, early.controller)
    return { url, port: port2 }
  })
  return { ports, cancel: () => early.controller.abort() }
}

/** @param {string} url @param {Promise<Response>} promise @param {MessagePort} port @param {AbortController} controller */
async function pass(url, promise, port, controller) {
  port.onmessage = () => controller.abort() // the worker needs it no more
  try {
    const response = await promise
    if (response.status !== 200) throw new Error('not that file')
    port.postMessage({ headers: [...response.headers], type: response.type })
    const chunks = []
    const reader = response.body.getReader()
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      port.postMessage({ chunk: value })
      chunks.push(value)
    }
    port.postMessage({ done: true })
    arrived.set(url, { headers: response.headers, chunks })
  } catch {
    port.postMessage({ failed: true })
  } finally {
    port.onmessage = null
  }
}

/** Puts what has arrived into a cache, or, without a name, only lets go of it. @param {string} [cacheName] */
export async function store(cacheName) {
  const files = [...arrived]
  arrived.clear()
  if (cacheName === undefined) return
  const cache = await caches.open(cacheName)
  for (const [url, { headers, chunks }] of files) {
    const kept = new Headers(headers)
    for (const name of ['content-encoding', 'content-length']) kept.delete(name) // these are the bytes as they are read
    await cache.put(url, new Response(new Blob(chunks), { headers: kept }))
  }
}
