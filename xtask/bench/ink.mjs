// Times this engine and onnxruntime-web in headless Chromium, in turns, on the two networks of the base behind an autoencoder: a guided step,
// the decoding of a picture, and a whole digit. `cargo xtask bench ink` runs it and shows the figures, which come as JSON.
// Environment: CHROME, a browser; SITE, where dist/ is served; ROOT, the repository; ONNX, the folder with base.onnx and decoder.onnx; ROUNDS.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { CHROME, SITE, ROOT, ONNX } = process.env
const { chromium } = createRequire(join(ROOT, 'tests/page/package.json'))('playwright-core')
const ROUNDS = Number(process.env.ROUNDS)
const FOLDERS = { ort: join(ROOT, 'xtask/bench/node_modules/onnxruntime-web/dist'), bench: join(ROOT, 'xtask/bench/page'), onnx: ONNX }
const TYPES = { wasm: 'application/wasm', js: 'text/javascript', mjs: 'text/javascript' }
const KINDS = ['step', 'decode', 'digit']

const median = values => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const browser = await chromium.launch({ executablePath: CHROME, args: ['--headless=new', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'] })
try {
  const page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(0)
  for (const [path, folder] of Object.entries(FOLDERS))
    await page.route(`${SITE}${path}/**`, async route => {
      const name = new URL(route.request().url()).pathname.split('/').pop()
      await route.fulfill({ body: await readFile(join(folder, name)), contentType: TYPES[name.split('.').pop()] ?? 'application/octet-stream' })
    })
  await page.route(`${SITE}blank`, route => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
  await page.goto(`${SITE}blank`)
  await page.evaluate(async site => (globalThis.engines = await (await import(`${site}bench/ink.mjs`)).load(site)), SITE)
  const rounds = []
  // Round 0 warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    console.error(round ? `round ${round} of ${ROUNDS}` : 'warming up')
    const pair = {}
    for (const engine of ['ours', 'theirs']) pair[engine] = await page.evaluate(engine => globalThis.engines[engine](), engine)
    if (round) rounds.push(pair)
  }
  const report = { browser: `Chromium ${browser.version()}`, rounds: ROUNDS }
  for (const kind of KINDS) {
    const ratios = rounds.map(({ ours, theirs }) => ours[kind] / theirs[kind])
    const of = engine => median(rounds.map(round => round[engine][kind]))
    report[kind] = { ours_ms: of('ours'), theirs_ms: of('theirs'), ratio: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) }
  }
  console.log(JSON.stringify(report))
} finally {
  await browser.close()
}
