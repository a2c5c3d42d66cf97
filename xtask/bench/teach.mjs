// Training in the browser, through the class, on 20 drawings of a hand (trainer/examples/nib): pictures a second with one worker and with as
// many as there are cores, and of the trainer on one thread, in turns; a whole teaching with the defaults; tasks of the main thread; memory.
// `cargo xtask bench teach` runs it and shows the figures, which come as JSON.
// Environment: CHROME, a browser; SITE, where dist/ is served; ROOT, the repository; TRAINER, its program; FOLDER, for its runs; ROUNDS; STEPS a measurement;
// SOAK, trainings.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, copyFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { CHROME, SITE, ROOT, TRAINER, FOLDER } = process.env
const { chromium } = createRequire(join(ROOT, 'tests/page/package.json'))('playwright-core')
const [ROUNDS, STEPS, SOAK] = ['ROUNDS', 'STEPS', 'SOAK'].map(name => Number(process.env[name]))
const EACH = 2 // drawings of each digit
const BATCH = 16 // pictures of a step, by default
const WARM_UP = 3 // steps
const HAND = join(ROOT, 'trainer/examples/nib')

const say = what => console.error(what)
const median = values => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
const figures = values => ({ median: median(values), least: Math.min(...values), most: Math.max(...values) })

const drawings = readdirSync(HAND).flatMap(digit => readdirSync(join(HAND, digit)).sort().slice(0, EACH).map(name => ({ digit, path: join(HAND, digit, name) })))

/** Pictures a second of the trainer on one thread, of its last lines. */
function native() {
  const [data, out] = [join(FOLDER, 'hand'), join(FOLDER, 'run')]
  rmSync(out, { recursive: true, force: true })
  for (const { digit, path } of drawings) {
    mkdirSync(join(data, digit), { recursive: true })
    copyFileSync(path, join(data, digit, path.split('/').pop()))
  }
  const flags = ['--hold-out', '0', '--validate-every', '0', '--sample-every', '0', '--log-every', '1', '--micro-batch', '8', '--threads', '1', '--quiet']
  execFileSync(TRAINER, ['lora', '--data', data, '--out', out, '--config', 'few', '--max-train-steps', String(STEPS), ...flags], { cwd: ROOT, stdio: 'ignore' })
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n').map(line => JSON.parse(line))
  return median(lines.slice(WARM_UP).map(line => line.images_per_second))
}
const browser = await chromium.launch({ executablePath: CHROME, args: ['--headless=new', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'] })
try {
  const page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(0)
  await page.route(`${SITE}blank`, route => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
  await page.goto(`${SITE}blank`)
  await page.evaluate(
    async ([site, drawings]) => {
      const { DigitDiffusion } = await import(`${site}digit-diffusion.js`)
      const model = (globalThis.model = await DigitDiffusion.load(`${site}models/base/`, { device: 'cpu' }))
      const blob = ({ base64 }) => new Blob([Uint8Array.from(atob(base64), letter => letter.charCodeAt(0))], { type: 'image/png' })
      globalThis.hand = { images: drawings.map(blob), labels: drawings.map(({ digit }) => digit) }
      globalThis.longTasks = []
      new PerformanceObserver(list => globalThis.longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ['longtask'] })
      globalThis.last = 0
      /** Trains anew; when which step was done, and milliseconds of the whole. */
      globalThis.teach = async options => {
        const name = `bench-${++globalThis.last}`
        const begin = performance.now()
        const times = []
        let report
        for await (report of model.train(name, { ...globalThis.hand, ...options })) times.push({ step: report.step, at: performance.now() })
        const whole = performance.now() - begin
        await model.removeAdapter(name)
        return { times, whole, step: report.step, total: report.total }
      }
    },
    [SITE, drawings.map(({ digit, path }) => ({ digit, base64: readFileSync(path).toString('base64') }))],
  )
  const cores = await page.evaluate(() => navigator.hardwareConcurrency)
  /** Pictures a second between the steps. */
  const rate = async threads => {
    const { times } = await page.evaluate(options => globalThis.teach(options), { steps: STEPS, threads, heldOut: false })
    const [first, last] = [times.find(({ step }) => step >= WARM_UP), times.at(-1)]
    return (1000 * BATCH * (last.step - first.step)) / (last.at - first.at)
  }
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) {
    say(`pictures a second: round ${round + 1} of ${ROUNDS}`)
    rounds.push({ native: native(), one: await rate(1), all: await rate(cores) })
  }
  say('a whole teaching, with the defaults')
  await page.evaluate(() => (globalThis.longTasks.length = 0))
  const { whole, step, total } = await page.evaluate(() => globalThis.teach({}))
  const tasks = await page.evaluate(() => globalThis.longTasks)
  const memory = async () => (await page.context().newCDPSession(page).then(session => session.send('Performance.enable').then(() => session.send('Performance.getMetrics')))).metrics.find(({ name }) => name === 'JSHeapUsedSize').value
  const before = await memory()
  for (let i = 0; i < SOAK; i++) {
    say(`training ${i + 1} of ${SOAK}`)
    await page.evaluate(() => globalThis.teach({ steps: 8 }))
  }
  const report = {
    browser: `Chromium ${browser.version()}`,
    cores,
    images_per_second: Object.fromEntries(['native', 'one', 'all'].map(side => [side, figures(rounds.map(round => round[side]))])),
    one_of_native: figures(rounds.map(({ one, native }) => one / native)),
    all_of_one: figures(rounds.map(({ one, all }) => all / one)),
    teaching: { seconds: whole / 1000, steps: step, total, long_tasks: tasks.length, longest_task_ms: Math.max(0, ...tasks) },
    page_heap_growth: SOAK ? (await memory()) - before : undefined,
  }
  console.log(JSON.stringify(report))
} finally {
  await browser.close()
}
