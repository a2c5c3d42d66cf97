// Times the engine in headless Chromium and prints the figures as JSON; `cargo xtask bench web` runs it and shows them.
// Environment: CHROME, a browser; URL, where dist/ is served; MODULES, a package that has playwright-core; ROUNDS.
import { createRequire } from 'node:module'

const { chromium } = createRequire(process.env.MODULES)('playwright-core')
const { CHROME, URL } = process.env
const ROUNDS = Number(process.env.ROUNDS)

/** Guidance doubles the batch: one digit is a batch of 2, all ten are one of 20. */
const BATCHES = [2, 20]
/** Steps a round: enough for the clock, few enough for an emulated GPU. */
const STEPS = { cpu: { 2: 8, 20: 2 }, webgpu: { 2: 2, 20: 1 } }

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
]

const launch = (...more) => chromium.launch({ executablePath: CHROME, args: [...FLAGS, ...more] })

/** An empty page of the site's own origin. */
async function blank(browser) {
  const page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(0)
  await page.route(`${URL}blank`, route => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
  await page.goto(`${URL}blank`)
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

/** Loads the engine into a page; answers the milliseconds until its first step was there. */
const start = (page, url, device) =>
  page.evaluate(
    async ([url, device]) => {
      const get = async (path, kind) => {
        const answer = await fetch(`${url}models/base/${path}`)
        if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
        return answer[kind]()
      }
      const begin = performance.now()
      const engine = await import(`${url}engine/engine.js`)
      const { memory } = await engine.default({ module_or_path: `${url}engine/engine_bg.wasm` })
      const loaded = await engine.Engine.load(
        {
          info: await get('digit_diffusion.json', 'text'),
          unetConfig: await get('unet/config.json', 'text'),
          schedulerConfig: await get('scheduler/scheduler_config.json', 'text'),
          weights: new Uint8Array(await get('unet/diffusion_pytorch_model.safetensors', 'arrayBuffer')),
        },
        device,
      )
      const classes = loaded.labels.length
      /** Milliseconds a step, guidance on. */
      globalThis.time = async (batch, steps) => {
        const seeds = Array.from({ length: batch / 2 }, (_, i) => i)
        const labels = seeds.map(i => i % classes)
        const run = loaded.sample({ labels, seeds, steps, sampler: 'ddim', guidanceScale: 2 })
        const begin = performance.now()
        while (await run.next());
        const elapsed = performance.now() - begin
        run.free()
        return elapsed / steps
      }
      globalThis.memory = () => memory.buffer.byteLength
      await globalThis.time(2, 1)
      return performance.now() - begin
    },
    [url, device],
  )

const median = values => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const browser = await browserWithGpu()
try {
  const devices = Object.keys(STEPS).map(name => ({ name, starts: [], steps: { 2: [], 20: [] } }))
  // Cold starts in turns, each in a page of its own; the last ones stay for the rest.
  for (let round = 0; round < ROUNDS; round++)
    for (const device of devices) {
      await device.page?.context().close()
      device.page = await blank(browser)
      device.starts.push(await start(device.page, URL, device.name))
    }
  // Round 0 warms up.
  for (let round = 0; round <= ROUNDS; round++)
    for (const batch of BATCHES)
      for (const { name, page, steps } of devices) {
        const ms = await page.evaluate(([batch, steps]) => globalThis.time(batch, steps), [batch, STEPS[name][batch]])
        if (round > 0) steps[batch].push(ms)
      }
  const report = {
    browser: `Chromium ${browser.version()}`,
    adapter: await adapter(devices[0].page),
    rounds: ROUNDS,
    devices: [],
  }
  for (const { name, page, starts, steps } of devices)
    report.devices.push({
      device: name,
      first_step_ms: median(starts),
      ms_per_step: Object.fromEntries(BATCHES.map(batch => [batch, median(steps[batch])])),
      wasm_memory_bytes: await page.evaluate(() => globalThis.memory()),
    })
  console.log(JSON.stringify(report))
} finally {
  await browser.close()
}
