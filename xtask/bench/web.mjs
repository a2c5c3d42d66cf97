// Times this engine and onnxruntime-web in headless Chromium, in turns, on the same network and weights: the engine alone, the class with one
// worker and with one for each core, and the other with one thread and, in an isolated page, with as many. Then the base without and with three
// styles. `cargo xtask bench web` runs it and shows the figures, which come as JSON; a ratio is the median of the rounds' ratios.
// Environment: CHROME, a browser; SITE, where dist/ is served; ROOT, the repository; ROUNDS; DEVICES and BATCHES, commas between; SOAK, generations.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const { CHROME, SITE, ROOT } = process.env
const { chromium } = createRequire(join(ROOT, 'tests/page/package.json'))('playwright-core')
const [ROUNDS, SOAK] = [Number(process.env.ROUNDS), Number(process.env.SOAK)]
const DEVICES = process.env.DEVICES.split(',')
const ORT = join(ROOT, 'xtask/bench/node_modules/onnxruntime-web/dist')
const HERE = join(ROOT, 'xtask/bench/page')
/** Who draws: a script of page/, and on the CPU how many threads; more than one of theirs want an isolated page. */
const SIDES = {
  cpu: cores => ({
    ours: { script: 'ours' },
    class: { script: 'class', threads: 1 },
    workers: { script: 'class', threads: cores },
    theirs: { script: 'theirs', threads: 1 },
    ...(cores > 1 && { threads: { script: 'theirs', threads: cores, isolated: true } }),
  }),
  webgpu: () => ({ ours: { script: 'ours' }, theirs: { script: 'theirs' } }),
}
/** What is divided by what, where both are there. */
const RATIOS = [['ours', 'theirs'], ['class', 'theirs'], ['workers', 'theirs'], ['workers', 'threads'], ['workers', 'class']]

/** Guidance doubles the batch: one digit is a batch of 2, all ten are one of 20. */
const BATCHES = process.env.BATCHES.split(',').map(Number)
/** Steps a round: enough for the clock, few enough for an emulated GPU. */
const STEPS = { cpu: { 2: 12, 20: 3 }, webgpu: { 2: 2, 20: 1 } }
/** Steps of the first digit. */
const FIRST = { cpu: 12, webgpu: 1 }

const ENGINE = ['dist/engine/engine.js', 'dist/engine/engine-relaxed_bg.wasm']
/** The files that a visitor downloads to draw on a device. */
const DOWNLOADS = {
  ours: {
    cpu: ENGINE,
    webgpu: ENGINE,
    weights: ['dist/models/base/unet/diffusion_pytorch_model.quantized.safetensors'],
  },
  theirs: {
    cpu: [`${ORT}/ort.wasm.min.mjs`, `${ORT}/ort-wasm-simd-threaded.mjs`, `${ORT}/ort-wasm-simd-threaded.wasm`],
    webgpu: [`${ORT}/ort.webgpu.min.mjs`, `${ORT}/ort-wasm-simd-threaded.asyncify.mjs`, `${ORT}/ort-wasm-simd-threaded.asyncify.wasm`],
    weights: ['tests/fixtures/onnx/base.onnx'],
  },
}

async function bytes(files) {
  const total = { raw: 0, gzip: 0, brotli: 0 }
  for (const file of files) {
    const content = await readFile(file.startsWith('/') ? file : join(ROOT, file))
    total.raw += content.length
    total.gzip += gzipSync(content, { level: 9 }).length
    total.brotli += brotliCompressSync(content).length
  }
  return total
}

const FLAGS = ['--headless=new', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking']
const launch = (...more) => chromium.launch({ executablePath: CHROME, args: [...FLAGS, '--enable-unsafe-webgpu', ...more] })

const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

/** An empty page of the site's own origin, with this folder's scripts and the other engine's files beside the site. */
async function blank(browser, { isolated = false } = {}) {
  const page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(0)
  const headers = isolated ? ISOLATED : {}
  const give = (path, folder) => page.route(`${SITE}${path}/**`, async route => {
    const name = new URL(route.request().url()).pathname.split('/').pop()
    const contentType = name.endsWith('.wasm') ? 'application/wasm' : /\.m?js$/.test(name) ? 'text/javascript' : 'application/octet-stream'
    await route.fulfill({ body: await readFile(join(folder, name)), contentType, headers })
  })
  await give('ort', ORT)
  await give('bench', HERE)
  await give('onnx', join(ROOT, 'tests/fixtures/onnx'))
  await page.route(`${SITE}blank`, route => route.fulfill({ contentType: 'text/html', body: '<!doctype html>', headers }))
  await page.addInitScript({ path: join(HERE, 'watch.js') })
  await page.goto(`${SITE}blank`)
  return page
}

/** The GPU's name, or undefined where there is none. */
const adapter = page =>
  page.evaluate(async () => {
    const info = (await navigator.gpu?.requestAdapter())?.info
    return info && [info.vendor, info.architecture].filter(Boolean).join(' ')
  })

/** A browser with the real GPU, or else with Chromium's emulator. */
async function browserWithGpu() {
  const real = await launch()
  if (await adapter(await blank(real))) return real
  await real.close()
  return launch('--use-webgpu-adapter=swiftshader')
}

/** Loads one side into a page of its own; answers the milliseconds until its first digit was there. */
async function start(browser, { script, threads, isolated }, device) {
  const page = await blank(browser, { isolated })
  const ms = await page.evaluate(
    async ([site, script, options, steps]) => {
      const begin = performance.now()
      const { load } = await import(`${site}bench/${script}.mjs`)
      globalThis.draw = await load(site, options)
      await globalThis.draw(2, steps)
      return performance.now() - begin
    },
    [SITE, script, { device, threads }, FIRST[device]],
  )
  return { page, ms }
}

const perStep = (page, batch, steps) =>
  page.evaluate(
    async ([batch, steps]) => {
      const begin = performance.now()
      await globalThis.draw(batch, steps)
      return (performance.now() - begin) / steps
    },
    [batch, steps],
  )

/** What is under way: the report goes to stdout. */
const say = what => console.error(what)

const median = values => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Dispatches and read-backs of one step. */
const gpuWork = (page, batch) =>
  page.evaluate(async batch => {
    // The difference of two runs: what a run does once does not count.
    const during = async steps => {
      Object.assign(globalThis.counts, { dispatches: 0, reads: 0 })
      await globalThis.draw(batch, steps)
      return { ...globalThis.counts }
    }
    const [two, one] = [await during(2), await during(1)]
    return { dispatches: two.dispatches - one.dispatches, reads: two.reads - one.reads }
  }, batch)

/** Median, least and most. */
const figures = values => ({ median: median(values), least: Math.min(...values), most: Math.max(...values) })

async function compare(browser, device) {
  const cores = await (await blank(browser)).evaluate(() => navigator.hardwareConcurrency)
  const sides = Object.entries(SIDES[device](cores)).map(([name, side]) => ({ name, side, starts: [], steps: Object.fromEntries(BATCHES.map(batch => [batch, []])) }))
  // Cold starts in turns, each in a page of its own; the last ones stay for the rest.
  for (let round = 0; round < (device === 'cpu' ? ROUNDS : 2); round++)
    for (const one of sides) {
      await one.page?.context().close()
      say(`${device}: starting ${one.name}`)
      const { page, ms } = await start(browser, one.side, device)
      one.page = page
      one.starts.push(ms)
    }
  for (const { page } of sides) await page.evaluate(() => globalThis.draw.warmUp?.())
  // Round 0 warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    say(`${device}: ${round ? `round ${round} of ${ROUNDS}` : 'warming up'}`)
    for (const batch of BATCHES)
      for (const { page, steps } of sides) {
        const ms = await perStep(page, batch, STEPS[device][batch] ?? 1)
        if (round > 0) steps[batch].push(ms)
      }
  }
  const report = { cores, ratios: [] }
  for (const { name, page, starts, steps } of sides) {
    report[name] = { first_digit_ms: median(starts), ms_per_step: Object.fromEntries(BATCHES.map(batch => [batch, median(steps[batch])])) }
    if (!DOWNLOADS[name]) continue
    report[name].wasm_bytes = await page.evaluate(() => globalThis.wasmBytes())
    report[name].download = await bytes([...DOWNLOADS[name][device], ...DOWNLOADS[name].weights])
    if (device === 'webgpu') report[name].per_step = await gpuWork(page, 2)
  }
  for (const [first, second] of RATIOS) {
    const [one, other] = [first, second].map(name => sides.find(side => side.name === name))
    if (!one || !other) continue
    const turns = (mine, others) => figures(mine.map((ms, round) => ms / others[round]))
    const per_step = Object.fromEntries(BATCHES.map(batch => [batch, turns(one.steps[batch], other.steps[batch])]))
    report.ratios.push({ first, second, per_step, first_digit: turns(one.starts, other.starts) })
  }
  if (device === 'cpu') {
    const { page } = sides[0]
    const about = JSON.parse(await readFile(join(ROOT, 'tests/fixtures/onnx/base.json')))
    const gflops = await page.evaluate(async site => (await import(`${site}bench/peak.mjs`)).peak(), SITE)
    const reached = (BATCHES[0] * 2 * about.multiply_adds) / report.ours.ms_per_step[BATCHES[0]] / 1e6
    report.simd = { peak_gflops: gflops, reached_gflops: reached, fraction: reached / gflops }
    if (SOAK) report.soak = await soak(page)
  }
  for (const { page } of sides) await page.context().close()
  return report
}

/** Memory before and after many generations. */
const soak = page =>
  page.evaluate(async generations => {
    await globalThis.draw(2, 2)
    const before = globalThis.wasmBytes()
    for (let i = 0; i < generations; i++) await globalThis.draw(2, 2, i)
    return { generations, growth_bytes: globalThis.wasmBytes() - before }
  }, SOAK)

/** Hooks into every worker's script, so that its engine's memory is found. */
const hooked = async page => {
  const hook = await readFile(join(HERE, 'watch.js'), 'utf8')
  await page.route(`${SITE}worker.js`, async route => {
    const response = await route.fetch()
    await route.fulfill({ response, body: `${hook}\n${await response.text()}` })
  })
}
const workersBytes = async page => {
  const each = await Promise.all(page.workers().map(worker => worker.evaluate(() => globalThis.wasmBytes())))
  return each.reduce((sum, bytes) => sum + bytes, 0)
}

/** The base and three styles, through the class, in turns, one pair a round. */
async function styles(browser) {
  const page = await blank(browser)
  await page.evaluate(async site => (globalThis.styles = await (await import(`${site}bench/class.mjs`)).loadStyles(site)), SITE)
  const ms = (which, batch) => page.evaluate(([which, batch, steps]) => globalThis.styles[which](batch, steps), [which, batch, STEPS.cpu[batch] ?? 1])
  const report = { batches: {} }
  for (const batch of BATCHES) {
    const rounds = []
    for (let round = 0; round <= ROUNDS; round++) {
      say(`styles, batch ${batch}: ${round ? `round ${round} of ${ROUNDS}` : 'warming up'}`)
      const pair = [await ms('plain', batch), await ms('styled', batch)]
      if (round) rounds.push(pair)
    }
    const [plain_ms, styled_ms] = [0, 1].map(i => median(rounds.map(pair => pair[i])))
    report.batches[batch] = { plain_ms, styled_ms, ...figures(rounds.map(([plain, styled]) => styled / plain)) }
  }
  const sets = []
  for (let round = 0; round <= ROUNDS; round++) sets.push(await page.evaluate(scale => globalThis.styles.set(scale), 0.5 + round / ROUNDS))
  report.set_ms = median(sets.slice(1))
  await page.context().close()
  return report
}

/** Memory of all the class's workers before and after many generations. */
async function workersSoak(browser) {
  const page = await blank(browser)
  await hooked(page)
  await page.evaluate(
    async site => {
      globalThis.draw = await (await import(`${site}bench/class.mjs`)).load(site, { device: 'cpu', threads: navigator.hardwareConcurrency })
      await globalThis.draw.warmUp()
      await globalThis.draw(20, 2)
    },
    SITE,
  )
  const before = await workersBytes(page)
  say(`memory over ${SOAK} generations`)
  await page.evaluate(async generations => {
    for (let i = 0; i < generations; i++) await globalThis.draw(i % 10 ? 2 : 20, 2)
  }, SOAK)
  const growth_bytes = (await workersBytes(page)) - before
  await page.context().close()
  return { generations: SOAK, bytes: before, growth_bytes }
}

const browser = await browserWithGpu()
try {
  const report = { browser: `Chromium ${browser.version()}`, adapter: await adapter(await blank(browser)), rounds: ROUNDS, devices: {} }
  for (const device of DEVICES) report.devices[device] = await compare(browser, device)
  if (DEVICES.includes('cpu')) report.styles = await styles(browser)
  if (DEVICES.includes('cpu') && SOAK) report.workers_soak = await workersSoak(browser)
  console.log(JSON.stringify(report))
} finally {
  await browser.close()
}
