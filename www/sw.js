// The service worker. It keeps one whole copy of the page, the engine and the models, and serves from that copy alone: a
// second visit needs no network, and never meets files of two versions. A newer copy is put together beside it, checked, and
// takes its place when no window is left that has begun with the old one, or when the only window is reloaded.
// Tests: tests/page/service-worker-offline.test.mjs, service-worker-releases.test.mjs
/** The release that this script came with: its files' SHA-256 by path, but for the models, which the manifest lists. @type {Record<string, string>} */
const FILES = {} // the build lists them here
/** Those that are kept once a visitor has asked for them, who teaches. @type {Record<string, string>} */
const LATER = {} // and these here
const LISTED = { ...FILES, ...LATER }
/**
 * The builds of the engine that this browser may ask for: the page registers this script with the one that it has found to run.
 * @type {Record<string, string>}
 */
const BUILDS = { relaxed: 'engine/engine-relaxed_bg.wasm', plain: 'engine/engine_bg.wasm' }
const build = new URL(location.href).searchParams.get('build')
const ENGINES = build !== null && Object.hasOwn(BUILDS, build) ? [BUILDS[build]] : Object.values(BUILDS)
const PATHS = Object.keys(FILES).filter(path => !Object.values(BUILDS).includes(path) || ENGINES.includes(path))

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self))
const { clients, registration } = worker
const PATIENCE = 3000 // milliseconds that a reload waits for news
const QUIET = 4000 // milliseconds after which a visit looks for news
const SCOPE = new URL(registration.scope)
const PREFIX = `digit-diffusion ${SCOPE.pathname} `
const VISIT = `digit-diffusion visit ${SCOPE.pathname}` // what a first visit has downloaded: page/register-service-worker.js

/** A copy: its cache, and its files' SHA-256 by path. @typedef {{ name: string, hashes: Record<string, string> }} Copy */
/** The copy that is served, and the one that waits. Kept in a cache of its own. */
const ledger = {
  /** @returns {Promise<{ current: Copy | null, next: Copy | null }>} */
  async read() {
    const entry = await (await caches.open(`${PREFIX}ledger`)).match('copies')
    return entry ? entry.json() : { current: null, next: null }
  },
  /** @param {{ current: Copy | null, next: Copy | null }} copies */
  async write(copies) {
    await (await caches.open(`${PREFIX}ledger`)).put('copies', new Response(JSON.stringify(copies)))
    const kept = [`${PREFIX}ledger`, copies.current?.name, copies.next?.name]
    for (const name of await caches.keys()) if (name.startsWith(PREFIX) && !kept.includes(name)) await caches.delete(name)
  },
}

/** What reads the ledger and then writes it does so alone. @param {() => Promise<unknown>} work */
const alone = work => navigator.locks.request(PREFIX, work)
/** So does what puts a copy together: an older and a newer service worker would clear away each other's. @param {() => unknown} work */
const copying = work => navigator.locks.request(`${PREFIX}copying`, work)

/** @param {ArrayBuffer} bytes */
const sha256 = async bytes =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), byte => byte.toString(16).padStart(2, '0')).join('')

/** @param {Response} response @returns {Promise<Entry>} */
async function read(response) {
  const bytes = await response.arrayBuffer()
  const headers = new Headers(response.headers)
  headers.delete('content-encoding')
  headers.set('content-length', String(bytes.byteLength))
  return { bytes, headers, hash: await sha256(bytes) }
}

/**
 * A file as the server has it now; the browser's cache may have the bytes, the server is asked whether they are still good.
 * @param {string} path
 */
async function fetchFile(path) {
  const response = await fetch(new URL(path, SCOPE), { cache: 'no-cache' })
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return read(response)
}

/**
 * A file that the visit which brought this service worker has downloaded already, if its bytes are those that are listed.
 * @param {string} path @param {string} hash @returns {Promise<Entry | undefined>}
 */
async function findFile(path, hash) {
  const url = new URL(path, SCOPE)
  const handed = await caches.match(url, { cacheName: VISIT })
  // From the browser's cache, however old, or else from the server.
  const response = handed ?? (await fetch(url, { cache: 'force-cache' }))
  const file = response.ok ? await read(response) : undefined
  return file?.hash === hash ? file : undefined
}

/**
 * The files of the models that a page takes, by path, with the hashes that the manifest gives them: not those that another is in place of.
 * @param {import('./digit-diffusion.js').Manifest} manifest
 */
function listed(manifest) {
  const folders = [manifest.base, ...manifest.adapters]
  /** @param {{ path: string, files: Record<string, import('./digit-diffusion.js').FileEntry> }} folder */
  const taken = ({ path, files }) => {
    const replaced = Object.values(files).map(({ in_place_of: other }) => other)
    return Object.entries(files).flatMap(([name, { sha256 }]) => (replaced.includes(name) ? [] : [[`models/${path}${name}`, sha256]]))
  }
  return Object.fromEntries(folders.flatMap(taken))
}

/**
 * A file: fetched, or `kept` from the copy before.
 * @typedef {{ hash: string, kept?: Response, bytes?: ArrayBuffer, headers?: Headers }} Entry
 * @typedef {Map<string, Entry>} Found
 */

/**
 * All files as the server has them now. Models that are kept, or were `found` just before, and have the hash that the manifest lists
 * are not fetched again. `fresh`: this script has just come from the server, so what it lists is there, too, and need not be asked for
 * where the bytes are here.
 * @param {{ current: Copy | null, fresh?: boolean, found?: Found }} known
 */
async function collect({ current, fresh = false, found: before }) {
  const { name, hashes } = current ?? /** @type {Copy} */ ({ hashes: {} })
  /** @type {Found} */
  const found = new Map()
  /** @param {string} path @param {string} hash */
  const kept = async (path, hash) => {
    const response = hashes[path] === hash && (await caches.match(new URL(path, SCOPE), { cacheName: name }))
    return response ? { hash, kept: response } : undefined
  }
  /** @param {string} path @param {string} hash */
  const known = async (path, hash) => (await kept(path, hash)) ?? (fresh ? await findFile(path, hash) : undefined)
  // What teaching takes is in the next copy if it is in this one.
  const paths = [...PATHS, ...Object.keys(LATER).filter(path => hashes[path])]
  await Promise.all(paths.map(async path => found.set(path, (fresh && (await known(path, LISTED[path]))) || (await fetchFile(path)))))
  /** @param {string} path */
  const bytes = async path => found.get(path).bytes ?? found.get(path).kept.clone().arrayBuffer()
  const engines = await Promise.all(ENGINES.map(bytes))
  if (!engines.some(engine => WebAssembly.validate(engine))) throw new Error('the engine is damaged')
  const models = listed(JSON.parse(new TextDecoder().decode(await bytes('models/manifest.json'))))
  for (const [path, hash] of Object.entries(models)) {
    const again = before?.get(path)
    found.set(path, again?.hash === hash ? again : ((await known(path, hash)) ?? (await fetchFile(path))))
    if (found.get(path).hash !== hash) throw new Error(`${path} is not the file that the manifest lists`)
  }
  return found
}

/** @param {Found} found @returns {Record<string, string>} */
const hashesOf = found => Object.fromEntries([...found].map(([path, { hash }]) => [path, hash]))
/** @param {Record<string, string>} a @param {Record<string, string>} b */
const same = (a, b) => Object.keys(a).length === Object.keys(b).length && Object.keys(a).every(path => a[path] === b[path])

/** Whether another site lives at this address by now, as happens at localhost: then this one must not stay in its way. */
async function isGone() {
  const { status, headers } = await fetch(new URL('sw.js', SCOPE), { cache: 'no-cache' })
  return [404, 410].includes(status) || (status === 200 && /html/.test(headers.get('content-type')))
}

async function retire() {
  await caches.delete(VISIT)
  for (const name of await caches.keys()) if (name.startsWith(PREFIX)) await caches.delete(name)
  await registration.unregister()
}

/** Whether these are the files that this script lists: then they are one release. @param {Found} found */
const isListed = found => [...found].every(([path, { hash }]) => !(path in LISTED) || hash === LISTED[path])

/** Puts a copy of what the server has now beside the one that is served, unless it is the same. `fresh`: see collect(). */
async function renew({ fresh = false } = {}) {
  const { current, next } = await ledger.read()
  const found = await collect({ current, fresh })
  const hashes = hashesOf(found)
  if (current && same(hashes, current.hashes)) return next && succeed(current, null)
  if (next && same(hashes, next.hashes)) return
  // A site may be replaced while it is read: files that no list knows are one release if a second look finds the same.
  if (!isListed(found) && !same(hashes, hashesOf(await collect({ current, found })))) throw new Error('the site is just being replaced')
  const name = PREFIX + Date.now()
  const cache = await caches.open(name)
  for (const [path, { bytes, headers, kept }] of found) {
    await cache.put(new URL(path, SCOPE), kept ?? new Response(bytes, { headers }))
  }
  await succeed(current, { name, hashes })
}

/**
 * Writes down what is to follow `current`, if that is still the one; the very first copy is served at once.
 * @param {Copy | null} current
 * @param {Copy | null} next
 */
function succeed(current, next) {
  return alone(async () => {
    if ((await ledger.read()).current?.name !== current?.name) throw new Error('another copy is served by now')
    if (next && !(await caches.has(next.name))) throw new Error('the copy has been cleared away')
    await ledger.write(current ? { current, next } : { current: next, next: null })
  })
}

/** Looks for news. A newer service worker has the newer list of files: where there is one, the copying is left to it. */
async function seek() {
  if (await isGone()) return retire()
  await registration.update()
  const { installing } = registration
  if (!installing) return copying(() => registration.installing ?? registration.waiting ?? renew())
  while (installing.state === 'installing') await new Promise(resolve => installing.addEventListener('statechange', resolve, { once: true }))
}

/** @type {Promise<unknown> | null} */
let renewing = null
/** One at a time; offline, or where the site is damaged, all stays as it is. */
function look() {
  renewing ??= seek().catch(error => console.debug(`Nothing newer is kept: ${error.message}`)).finally(() => (renewing = null))
  return renewing
}

/** @param {number} ms */
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/**
 * Whether a window is loaded anew. Where browsers do not say so (Chrome 148 does not), they ask for what is fresh.
 * @param {Request & { isReloadNavigation?: boolean }} request
 */
const isReload = ({ isReloadNavigation, cache }) => isReloadNavigation ?? cache === 'no-cache'

/** @param {Request} request */
async function open(request) {
  const reload = isReload(request)
  if (reload) await Promise.race([look(), pause(PATIENCE)])
  await alone(async () => {
    const { next } = await ledger.read()
    // A window that began without this service worker counts, too: its workers will come from here, and it may be the one that is reloaded.
    const all = await clients.matchAll({ type: 'window', includeUncontrolled: true })
    const windows = all.filter(({ url }) => url.startsWith(SCOPE.href))
    if (next && windows.length <= Number(reload)) await ledger.write({ current: next, next: null })
  })
}

/** Adds to the copy that is served what teaching takes. @param {string} path @param {Response} response */
async function keep(path, response) {
  const { bytes, headers, hash } = await read(response)
  if (hash !== LATER[path]) return
  await alone(async () => {
    const { current, next } = await ledger.read()
    // The copy may be of another release than this script.
    if (!current || !PATHS.every(path => current.hashes[path] === FILES[path])) return
    await (await caches.open(current.name)).put(new URL(path, SCOPE), new Response(bytes, { headers }))
    await ledger.write({ current: { ...current, hashes: { ...current.hashes, [path]: hash } }, next })
  })
}

/** @param {FetchEvent} event @param {URL} url */
async function serve(event, url) {
  const { request } = event
  if (request.mode === 'navigate') await open(request)
  const { current } = await ledger.read()
  const kept = current && (await (await caches.open(current.name)).match(url))
  if (kept) return kept
  const response = await fetch(request)
  const path = url.href.slice(SCOPE.href.length)
  if (current && path in LATER && response.ok) event.waitUntil(keep(path, response.clone()).catch(error => console.debug(`${path} is not kept: ${error.message}`)))
  return response
}

worker.addEventListener('install', event => {
  event.waitUntil(copying(() => renew({ fresh: true })).finally(() => caches.delete(VISIT)))
  worker.skipWaiting() // whichever service worker serves it, a copy is the same; only the newest can look for what is newer
})
/** A page asks which copy is served. */
worker.addEventListener('message', event => event.waitUntil(ledger.read().then(({ current }) => event.ports[0].postMessage(current?.name))))
worker.addEventListener('fetch', event => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || request.cache === 'reload' || !url.href.startsWith(SCOPE.href)) return
  url.search = url.hash = ''
  url.pathname = url.pathname.replace(/\/index\.html$/, '/')
  event.respondWith(serve(event, url))
  if (request.mode === 'navigate') event.waitUntil(pause(QUIET).then(look))
})
