// Times this engine and onnxruntime-web in headless Chromium, in turns, on the same network and weights, and prints the figures as
// JSON; `cargo xtask bench web` runs it and shows them. Then, through the class, one worker and as many as there are cores, and the base
// without and with three styles.
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
const ENGINES = ['ours', 'theirs']

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
    weights: ['dist/models/base/unet/diffusion_pytorch_model.safetensors'],
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

/** An empty page of the site's own origin, with this folder's scripts and the other engine's files beside the site. */
async function blank(browser) {
  const page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(0)
  const give = (path, folder) => page.route(`${SITE}${path}/**`, async route => {
    const name = new URL(route.request().url()).pathname.split('/').pop()
    const contentType = name.endsWith('.wasm') ? 'application/wasm' : /\.m?js$/.test(name) ? 'text/javascript' : 'application/octet-stream'
    await route.fulfill({ body: await readFile(join(folder, name)), contentType })
  })
  await give('ort', ORT)
  await give('bench', HERE)
  await give('onnx', join(ROOT, 'tests/fixtures/onnx'))
  await page.route(`${SITE}blank`, route => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
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

/** Loads an engine into a page of its own; answers the milliseconds until its first digit was there. */
async function start(browser, engine, device) {
  const page = await blank(browser)
  const ms = await page.evaluate(
    async ([site, engine, device, steps]) => {
      const begin = performance.now()
      const { load } = await import(`${site}bench/${engine}.mjs`)
      globalThis.draw = await load(site, { device })
      await globalThis.draw(2, steps)
      return performance.now() - begin
    },
    [SITE, engine, device, FIRST[device]],
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

async function compare(browser, device) {
  const engines = ENGINES.map(name => ({ name, starts: [], steps: Object.fromEntries(BATCHES.map(batch => [batch, []])) }))
  // Cold starts in turns, each in a page of its own; the last ones stay for the rest.
  for (let round = 0; round < (device === 'cpu' ? ROUNDS : 2); round++)
    for (const engine of engines) {
      await engine.page?.context().close()
      say(`${device}: starting ${engine.name}`)
      const { page, ms } = await start(browser, engine.name, device)
      engine.page = page
      engine.starts.push(ms)
    }
  // Round 0 warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    say(`${device}: ${round ? `round ${round} of ${ROUNDS}` : 'warming up'}`)
    for (const batch of BATCHES)
      for (const { page, steps } of engines) {
        const ms = await perStep(page, batch, STEPS[device][batch] ?? 1)
        if (round > 0) steps[batch].push(ms)
      }
  }
  const report = {}
  for (const { name, page, starts, steps } of engines) {
    report[name] = {
      first_digit_ms: median(starts),
      ms_per_step: Object.fromEntries(BATCHES.map(batch => [batch, median(steps[batch])])),
      wasm_bytes: await page.evaluate(() => globalThis.wasmBytes()),
      download: await bytes([...DOWNLOADS[name][device], ...DOWNLOADS[name].weights]),
    }
    if (device === 'webgpu') report[name].per_step = await gpuWork(page, 2)
  }
  if (device === 'cpu') {
    const { page } = engines[0]
    const about = JSON.parse(await readFile(join(ROOT, 'tests/fixtures/onnx/base.json')))
    const gflops = await page.evaluate(async site => (await import(`${site}bench/peak.mjs`)).peak(), SITE)
    const reached = (BATCHES[0] * 2 * about.multiply_adds) / report.ours.ms_per_step[BATCHES[0]] / 1e6
    report.simd = { peak_gflops: gflops, reached_gflops: reached, fraction: reached / gflops }
    if (SOAK) report.soak = await soak(page)
  }
  for (const { page } of engines) await page.context().close()
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

/**
 * The class with one worker and with as many as there are cores, and without and with styles, in turns, one pair a round: what messages and
 * pictures cost counts. Ratios are those of the pairs.
 */
async function cores(browser) {
  const page = await blank(browser)
  await hooked(page)
  const load = `${SITE}bench/class.mjs`
  await page.evaluate(async ([load, site]) => (globalThis.threads = await (await import(load)).load(site)), [load, SITE])
  const ms = (which, batch, steps) => page.evaluate(([which, batch, steps]) => globalThis.threads[which](batch, steps), [which, batch, steps])
  const report = { workers: await page.evaluate(() => navigator.hardwareConcurrency), batches: {}, styles: {} }
  /** The second's time as a share of the first's, in turns. */
  const pairs = async (first, second, batch) => {
    const rounds = []
    const steps = STEPS.cpu[batch] ?? 1
    for (let round = 0; round <= ROUNDS; round++) {
      say(`the class, ${first} and ${second}, batch ${batch}: ${round ? `round ${round} of ${ROUNDS}` : 'warming up'}`)
      const pair = [await ms(first, batch, steps), await ms(second, batch, steps)]
      if (round) rounds.push(pair)
    }
    const ratios = rounds.map(([first, second]) => second / first)
    return {
      [`${first}_ms`]: median(rounds.map(([first]) => first)),
      [`${second}_ms`]: median(rounds.map(([, second]) => second)),
      ratio: median(ratios),
      least: Math.min(...ratios),
      most: Math.max(...ratios),
    }
  }
  for (const batch of BATCHES) {
    report.batches[batch] = await pairs('one', 'all', batch)
    report.styles[batch] = await pairs('plain', 'styled', batch)
  }
  const sets = []
  for (let round = 0; round <= ROUNDS; round++) sets.push(await page.evaluate(scale => globalThis.threads.set(scale), 0.5 + round / ROUNDS))
  report.set_three_styles_ms = median(sets.slice(1))
  if (SOAK) {
    await ms('all', 20, 2)
    const before = await workersBytes(page)
    for (let i = 0; i < SOAK; i++) await ms('all', i % 10 ? 2 : 20, 2)
    report.soak = { generations: SOAK, bytes: before, growth_bytes: (await workersBytes(page)) - before }
  }
  await page.context().close()
  return report
}

const browser = await browserWithGpu()
try {
  const report = { browser: `Chromium ${browser.version()}`, adapter: await adapter(await blank(browser)), rounds: ROUNDS, devices: {} }
  for (const device of DEVICES) report.devices[device] = await compare(browser, device)
  if (DEVICES.includes('cpu')) report.cores = await cores(browser)
  console.log(JSON.stringify(report))
} finally {
  await browser.close()
}
