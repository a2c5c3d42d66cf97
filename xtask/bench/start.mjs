// A first visit over slow lines: what is asked for, how much comes, and when the first digit is there. One site, or two in turns, each time
// in a fresh browser. `cargo xtask bench start` runs it. The server is the slow one, not the browser: Chromium's throttling leaves out
// requests of workers.
// Environment: CHROME, a browser; ROOT, the repository; SITES, folders, commas between, the one before first; ROUNDS; JSON, if set.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

const { CHROME, ROOT, JSON: asJson } = process.env
const { chromium } = createRequire(join(ROOT, 'tests/page/package.json'))('playwright-core')
const SITES = process.env.SITES.split(',')
const ROUNDS = Number(process.env.ROUNDS)
const STEPS = 12
const LINK = `#digit=7&seed=2&steps=${STEPS}`

/** Bytes a second, and milliseconds for a request's way there and back; what a connection takes to be made is not counted. */
const LINES = { 'Fast 3G': { rate: 1.6e6 / 8, trip: 562 }, '16 Mbit/s': { rate: 16e6 / 8, trip: 40 } }
const CHUNK = 4096

const TYPES = { '.css': 'text/css', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png', '.wasm': 'application/wasm' }
/** What hosts compress. */
const COMPRESSED = ['.css', '.html', '.js', '.json', '.svg', '.wasm', '.webmanifest']

/** A site at the end of a line that all its connections share; of what it sends, no version is told. */
async function serve(root, { rate, trip }) {
  const requests = []
  const packed = new Map()
  let sent = 0
  let free = 0 // when the line has sent all that was given to it
  const server = createServer(async (request, response) => {
    const name = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).slice(1) || 'index.html'
    requests.push({ name, at: Date.now() })
    await pause(trip)
    const type = extname(name)
    if (!packed.has(name)) packed.set(name, await readFile(join(root, name)).then(body => (COMPRESSED.includes(type) ? gzipSync(body) : body), () => null))
    const body = packed.get(name)
    if (!body) return response.writeHead(404).end()
    const encoding = COMPRESSED.includes(type) ? { 'content-encoding': 'gzip' } : {}
    response.writeHead(200, { 'content-type': TYPES[type] ?? 'application/octet-stream', 'content-length': body.length, 'cache-control': 'no-cache', ...encoding })
    for (let at = 0; at < body.length && !response.destroyed; at += CHUNK) {
      const chunk = body.subarray(at, at + CHUNK)
      free = Math.max(free, Date.now()) + (chunk.length / rate) * 1000
      const wait = free - Date.now()
      if (wait > 1) await pause(wait)
      sent += chunk.length
      response.write(chunk)
    }
    response.end()
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    requests,
    sent: () => sent,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Notes when the first and the last step are there. */
const watch = steps => {
  const times = (window.times = {})
  const look = () => {
    const drawn = document.querySelectorAll('#strip input:enabled').length
    if (drawn) times.first ??= Date.now()
    if (drawn === steps && document.querySelector('#stage[data-busy=false]')) times.last ??= Date.now()
    if (times.last === undefined) setTimeout(look, 10)
  }
  look()
}

async function visit(root, line) {
  const server = await serve(root, line)
  const browser = await chromium.launch({ executablePath: CHROME, args: ['--headless=new', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'] })
  try {
    const page = await (await browser.newContext()).newPage()
    page.setDefaultTimeout(300_000)
    await page.addInitScript(watch, STEPS)
    const begun = Date.now()
    await page.goto(server.url + LINK, { waitUntil: 'commit' })
    await page.waitForFunction(() => window.times.last)
    const { first, last } = await page.evaluate(() => window.times)
    const count = () => ({ requests: server.requests.length, bytes: server.sent() })
    const drawn = count()
    await page.evaluate(async () => (await navigator.serviceWorker.ready).active.state)
    const kept = count()
    const weights = server.requests.find(({ name }) => name.endsWith('unet/diffusion_pytorch_model.safetensors')).at - begun
    return { requests: drawn.requests, bytes: drawn.bytes, weights_ms: weights, first_step_ms: first - begun, last_step_ms: last - begun, kept_requests: kept.requests, kept_bytes: kept.bytes }
  } finally {
    await browser.close()
    server.close()
  }
}

const median = values => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]

const report = {}
for (const [name, line] of Object.entries(LINES)) {
  const visits = SITES.map(() => [])
  for (let round = 0; round < ROUNDS; round++) for (const [i, site] of SITES.entries()) visits[i].push(await visit(site, line))
  report[name] = visits.map(all => Object.fromEntries(Object.keys(all[0]).map(key => [key, median(all.map(one => one[key]))])))
}
if (asJson) console.log(JSON.stringify({ sites: SITES, lines: report }, null, 2))
else
  for (const [name, measured] of Object.entries(report)) {
    console.log(`\n${name.padEnd(20)}${SITES.map((_, i) => (SITES.length === 1 ? 'site' : ['before', 'now'][i]).padStart(12)).join('')}${SITES.length > 1 ? 'ratio'.padStart(8) : ''}`)
    for (const key of Object.keys(measured[0])) {
      const values = measured.map(one => one[key])
      console.log(`${key.padEnd(20)}${values.map(value => String(value).padStart(12)).join('')}${values.length > 1 ? (values[1] / values[0]).toFixed(2).padStart(8) : ''}`)
    }
  }
