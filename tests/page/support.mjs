// What the page tests share: a static server that can misbehave, a browser, and a visitor's moves.
// Environment: DIST, the built site; CHROME, a Chromium or Chrome.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const DIST = process.env.DIST ?? fileURLToPath(new URL('../../dist', import.meta.url))
const CHROME = process.env.CHROME ?? '/usr/bin/chromium'
const WEIGHTS = 'models/base/unet/diffusion_pytorch_model.safetensors'
export const FILES = { weights: WEIGHTS, engine: 'engine/engine-relaxed_bg.wasm', manifest: 'models/manifest.json' }

export const REPORTS = '/violation'

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
 * Serves the built site, or another `root`, from a sub-path, as most hosts do.
 * `faults` maps a path to what goes wrong with it: { status }, { keep: bytes }, { flip: offset, flips? }, { cut: bytes, times? }
 * (the connection breaks then), always or so many times, { delay: ms }, { prepend: text }. `pages` maps a path to HTML of its
 * own. With `ranges`, parts of files are given to who asks for them by ETag; `parts` keeps what was asked for. `reports` keeps
 * what a Content-Security-Policy with `report-uri ${REPORTS}` refuses.
 */
export async function serve({ root = DIST, faults = {}, pages = {}, prefix = '/some/where/', headers = {}, ranges = false } = {}) {
  const requests = []
  const parts = []
  const reports = []
  let heard
  const heardOne = new Promise(resolve => (heard = resolve))
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
      if (fault.delay) await new Promise(resolve => setTimeout(resolve, fault.delay))
      if (fault.prepend) body = Buffer.concat([Buffer.from(fault.prepend), body])
      if (fault.flip !== undefined && (fault.flips === undefined || fault.flips-- > 0)) body[fault.flip] ^= 0xff
      if (fault.keep !== undefined) body = body.subarray(0, fault.keep)
      const sent = { 'content-type': type, 'cache-control': 'no-store', ...headers }
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
      response.write(body.subarray(0, fault.cut), () => setTimeout(() => response.destroy(), 50))
    } catch {
      response.writeHead(fault.status ?? 404, { 'content-type': 'text/plain', ...headers })
      response.end('not here')
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}${prefix}`,
    faults,
    pages,
    headers,
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

/** Headless Chromium; WebGPU runs on SwiftShader, the emulator inside Chromium, and is absent without it. */
export const launch = ({ webgpu = false } = {}) =>
  chromium.launch({
    executablePath: CHROME,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...(webgpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : []),
    ],
  })

/** A fresh page, and the errors that its console shows. */
export async function newPage(browser, options) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(300_000)
  const errors = []
  page.on('console', message => message.type() === 'error' && errors.push(message.text()))
  page.on('pageerror', error => errors.push(String(error)))
  return { page, errors, close: () => context.close() }
}

/** Waits until nothing is under way. */
export const settled = page => page.waitForSelector('#stage[data-busy=false]')

/** Until the service worker has taken up its work, and has a copy. */
export const copyKept = page => page.evaluate(async () => (await navigator.serviceWorker.ready).active.state)
/** Its ledger: the copy that is served, and the one that waits. */
export const copies = page =>
  page.evaluate(async () => {
    const name = (await caches.keys()).find(name => name.endsWith('ledger'))
    const entry = name && (await (await caches.open(name)).match('copies'))
    return entry?.json()
  })

/** SwiftShader takes seconds for a step, and twice as long with guidance: there, both are kept small. */
export async function openPage(page, url, { steps = 3, guidance = 2 } = {}) {
  await page.goto(url)
  await settled(page)
  await set(page, 'steps', steps)
  await set(page, 'guidance', guidance)
  if ((await page.locator('#pace').getAttribute('aria-checked')) === 'false') await page.click('#pace')
}

/** Moves a slider or fills a field, as a visitor's hand would. */
export const set = (page, id, value) =>
  page.evaluate(
    ([id, value]) => {
      const input = document.getElementById(id)
      input.value = value
      input.dispatchEvent(new Event('input', { bubbles: true }))
      input.dispatchEvent(new Event('change', { bubbles: true }))
    },
    [id, String(value)],
  )

export async function pick(page, digit) {
  await page.click(`#digits [data-value="${digit}"]`)
  await settled(page)
}

export async function toggleLora(page) {
  await page.click('#lora')
  await settled(page)
}

export async function choose(page, group, value) {
  await page.click(`#${group} [data-value="${value}"]`)
  await settled(page)
}

/** A fingerprint of pixels: equal for equal pictures, and short where a test fails. */
export const fingerprint = values => createHash('sha256').update(String(values)).digest('hex').slice(0, 16)

/** The fingerprint of one of the big pictures. */
export const pixels = async (page, track = 'base') =>
  fingerprint(
    await page.evaluate(track => {
      const canvas = document.getElementById(`picture-${track}`)
      return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]
    }, track),
  )

export const notice = page => page.locator('#notice:not([hidden])').innerText({ timeout: 60_000 })
export const stepsDrawn = page => page.locator('#strip button:enabled').count()

/** A page that only imports. */
export const BLANK = '<!doctype html><meta charset="utf-8"><link rel="icon" href="favicon.svg"><title>Test</title><body></body>'

/** Marks every <digit-diffusion> of the page and its frames: data-drawn, its picture, or data-failed, its sentence. `seen` counts its events. */
export const watchElements = page =>
  page.addInitScript(() => {
    window.seen = []
    for (const type of ['load', 'progress', 'done', 'error']) {
      document.addEventListener( // a load event never reaches the window
        type,
        event => {
          if (event.target.localName !== 'digit-diffusion') return
          window.seen.push(type)
          if (type === 'done') event.target.dataset.drawn = event.target.shadowRoot.querySelector('canvas').toDataURL()
          if (type === 'error') event.target.dataset.failed = event.message
        },
        true,
      )
    }
  })

/** Asks until the answer is `wanted`, for as long as the slowest machine may need. */
export async function until(ask, wanted) {
  const end = Date.now() + 240_000
  for (;;) {
    const answer = await ask()
    if (wanted(answer)) return answer
    if (Date.now() > end) throw new Error(`It never came to that; the last answer was ${JSON.stringify(answer)}.`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
