// Times a finished digit in headless Chromium, in turns: by Turbo's adapters, by the base's own rule, and by onnxruntime-web as many calls of
// the network as that rule makes. Then, on the page with Turbo and a style, how long the picture takes to follow the slider of its strength, and
// the tasks of the main thread meanwhile. `cargo xtask bench turbo` runs it and shows the figures, which come as JSON.
// Environment: CHROME, a browser; SITE, where dist/ is served; ROOT, the repository; ROUNDS; MOVES of the slider.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { CHROME, SITE, ROOT } = process.env
const { chromium } = createRequire(join(ROOT, 'tests/page/package.json'))('playwright-core')
const [ROUNDS, MOVES] = [Number(process.env.ROUNDS), Number(process.env.MOVES)]
const FOLDERS = { ort: join(ROOT, 'xtask/bench/node_modules/onnxruntime-web/dist'), bench: join(ROOT, 'xtask/bench/page'), onnx: join(ROOT, 'tests/fixtures/onnx') }
const TYPES = { wasm: 'application/wasm', js: 'text/javascript', mjs: 'text/javascript' }
const KINDS = ['turbo-2', 'turbo-4', 'usual', 'theirs']
/** What is divided by what. */
const RATIOS = [['turbo-2', 'usual'], ['turbo-4', 'usual'], ['turbo-2', 'theirs'], ['turbo-4', 'theirs']]

const median = values => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
const figures = values => ({ median: median(values), least: Math.min(...values), most: Math.max(...values) })

const browser = await chromium.launch({ executablePath: CHROME, args: ['--headless=new', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'] })

async function digits() {
  const page = await (await browser.newContext({ serviceWorkers: 'block' })).newPage()
  page.setDefaultTimeout(0)
  for (const [path, folder] of Object.entries(FOLDERS))
    await page.route(`${SITE}${path}/**`, async route => {
      const name = new URL(route.request().url()).pathname.split('/').pop()
      await route.fulfill({ body: await readFile(join(folder, name)), contentType: TYPES[name.split('.').pop()] ?? 'application/octet-stream' })
    })
  await page.route(`${SITE}blank`, route => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
  await page.goto(`${SITE}blank`)
  await page.evaluate(async site => (globalThis.turbo = await (await import(`${site}bench/turbo.mjs`)).load(site)), SITE)
  const rounds = []
  // Round 0 warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    console.error(round ? `round ${round} of ${ROUNDS}` : 'warming up')
    const one = {}
    for (const kind of KINDS) one[kind] = await page.evaluate(kind => globalThis.turbo.digit(kind), kind)
    if (round) rounds.push(one)
  }
  await page.context().close()
  return {
    digit_ms: Object.fromEntries(KINDS.map(kind => [kind, figures(rounds.map(round => round[kind]))])),
    ratios: RATIOS.map(([first, second]) => ({ first, second, ...figures(rounds.map(round => round[first] / round[second])) })),
  }
}

/** Milliseconds from a slider's move to the styled picture, one move at a time; then the longest task of a slider moved at every frame. */
async function slider(turbo) {
  const page = await (await browser.newContext({ serviceWorkers: 'block' })).newPage()
  await page.addInitScript(() => {
    const { putImageData } = CanvasRenderingContext2D.prototype
    /** Who waits for the styled picture. */
    globalThis.painted = () => {}
    CanvasRenderingContext2D.prototype.putImageData = function (...all) {
      putImageData.apply(this, all)
      if (this.canvas.id === 'picture-lora') globalThis.painted()
    }
    globalThis.longTasks = []
    new PerformanceObserver(list => globalThis.longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ['longtask'] })
  })
  await page.goto(`${SITE}#digit=7&seed=2&turbo=${turbo}&lora=on&styles=outline:1`)
  await page.waitForFunction(() => document.querySelector('#strip input:enabled') && /** @type {HTMLElement} */ (document.querySelector('#stage')).dataset.busy === 'false')
  await page.waitForSelector('#strength-0')
  console.error(`a slider, ${turbo}`)
  const measured = await page.evaluate(async moves => {
    const input = /** @type {HTMLInputElement} */ (document.querySelector('#strength-0'))
    const move = share => {
      input.value = String(-1 + 3 * share)
      input.dispatchEvent(new Event('input', { bubbles: true }))
    }
    const frame = () => new Promise(requestAnimationFrame)
    const followed = []
    for (let i = 0; i <= moves; i++) {
      await new Promise(resolve => setTimeout(resolve, 100))
      const begin = performance.now()
      const there = new Promise(resolve => (globalThis.painted = resolve))
      move((i % 16) / 15)
      await there
      if (i) followed.push(performance.now() - begin)
    }
    let pictures = 0
    globalThis.painted = () => pictures++
    globalThis.longTasks.length = 0
    const begin = performance.now()
    for (let i = 0; i < moves; i++) {
      move((i % 31) / 30)
      await frame()
    }
    const seconds = (performance.now() - begin) / 1000
    await new Promise(resolve => setTimeout(resolve, 300))
    return { followed, pictures_per_second: pictures / seconds, long_tasks: globalThis.longTasks.length, longest_task_ms: Math.max(0, ...globalThis.longTasks) }
  }, MOVES)
  await page.context().close()
  const { followed, ...rest } = measured
  return { followed_ms: figures(followed), ...rest }
}

try {
  const report = { browser: `Chromium ${browser.version()}`, rounds: ROUNDS, moves: MOVES, ...(await digits()), slider: {} }
  for (const turbo of ['turbo-2', 'turbo-4']) report.slider[turbo] = await slider(turbo)
  console.log(JSON.stringify(report))
} finally {
  await browser.close()
}
