// A static server that can misbehave.
// Environment: DIST, the built site.
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fingerprint } from './pictures.mjs'

export const DIST = process.env.DIST ?? fileURLToPath(new URL('../../../dist', import.meta.url))
export const FILES = {
  weights: 'models/base/unet/diffusion_pytorch_model.quantized.safetensors',
  engine: 'engine/engine-relaxed_bg.wasm',
  manifest: 'models/manifest.json',
}

/** Where a Content-Security-Policy may send its reports. */
export const REPORTS = '/violation'

/** A page that only imports; every server has it, as blank.html. */
export const BLANK = '<!doctype html><meta charset="utf-8"><link rel="icon" href="favicon.svg"><title>Test</title><body></body>'

/** @type {Record<string, string>} */
const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
}

/**
 * What goes wrong with a file: a status; only its first bytes (`keep`); a flipped byte, always or `flips` times; a connection that
 * breaks after `cut` bytes, always or so many `times`; milliseconds of delay, or what is waited for; text before it.
 * @typedef {{ status?: number, keep?: number, flip?: number, flips?: number, cut?: number, times?: number, delay?: number, until?: Promise<unknown>, prepend?: string }} Fault
 *
 * `faults` and `pages` (HTML of its own) are by path. With `ranges`, parts of files are given to who asks for them by ETag.
 * @typedef {{ root?: string, faults?: Record<string, Fault>, pages?: Record<string, string | Buffer>, prefix?: string,
 *   headers?: Record<string, string>, ranges?: boolean }} Site
 *
 * @typedef {Awaited<ReturnType<typeof serve>>} Server
 */

/**
 * Serves the built site, or another `root`, from a sub-path, as most hosts do. `requests` and `parts` keep what was asked for,
 * `reports` what a Content-Security-Policy with `report-uri ${REPORTS}` refuses.
 * @param {Site} [site]
 */
export async function serve({ root = DIST, faults = {}, pages = {}, prefix = '/some/where/', headers = {}, ranges = false } = {}) {
  pages['blank.html'] ??= BLANK
  /** @type {(string | undefined)[]} */
  const requests = []
  /** @type {{ name: string | undefined, range: string }[]} */
  const parts = []
  /** @type {string[]} */
  const reports = []
  /** @type {(value?: unknown) => void} */
  let heard
  const heardOne = new Promise(resolve => (heard = resolve))
  /** Headers of single files. @type {Record<string, Record<string, string>>} */
  let only = {}
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname)
    if (path === REPORTS) {
      reports.push(Buffer.concat(await request.toArray()).toString())
      heard()
      return response.writeHead(204).end()
    }
    const name = path.startsWith(prefix) ? path.slice(prefix.length) || 'index.html' : undefined
    requests.push(name)
    const fault = faults[name] ?? {}
    try {
      if (fault.status || name === undefined) throw new Error('refused')
      let body = name in pages ? Buffer.from(pages[name]) : await readFile(join(root, normalize(name)))
      const type = TYPES[extname(name)] ?? 'application/octet-stream'
      await fault.until
      if (fault.delay) await new Promise(resolve => setTimeout(resolve, fault.delay))
      if (fault.prepend) body = Buffer.concat([Buffer.from(fault.prepend), body])
      if (fault.flip !== undefined && (fault.flips === undefined || fault.flips-- > 0)) body[fault.flip] ^= 0xff
      if (fault.keep !== undefined) body = body.subarray(0, fault.keep)
      /** @type {Record<string, string>} */
      const sent = { 'content-type': type, 'cache-control': 'no-store', ...headers, ...only[name] }
      let status = 200
      if (ranges) {
        const { range, 'if-range': wanted } = request.headers
        sent.etag = `"${fingerprint(body)}"`
        if (range) parts.push({ name, range })
        if (range && wanted === sent.etag) {
          const start = Number(/^bytes=(\d+)-$/.exec(range)[1])
          sent['content-range'] = `bytes ${start}-${body.length - 1}/${body.length}`
          status = 206
          body = body.subarray(start)
        }
      }
      response.writeHead(status, { ...sent, 'content-length': body.length })
      const cut = fault.cut !== undefined && (fault.times === undefined || fault.times-- > 0)
      if (!cut) return response.end(body)
      // A browser drops what it has not handed to the page when the connection breaks, and a busy machine is slow to hand it over.
      response.write(body.subarray(0, fault.cut), () => setTimeout(() => response.destroy(), 500))
    } catch {
      response.writeHead(fault.status ?? 404, { 'content-type': 'text/plain', ...headers })
      response.end('not here')
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    faults,
    pages,
    headers,
    get only() {
      return only
    },
    set only(value) {
      only = value
    },
    requests,
    parts,
    reports,
    /** Resolves when the first report of a Content-Security-Policy has come. */
    reported: () => heardOne,
    close() {
      server.closeAllConnections()
      return new Promise(resolve => server.close(resolve))
    },
  }
}
