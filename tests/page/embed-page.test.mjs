// embed.html: every example runs, and the code beside it does the same on a page of another origin.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { draw, errors, page, serve, server, set, setUp, until, watchElements } from './support.mjs'

/** What a visitor does with each example, and what must come of it. */
const EXAMPLES = {
  tag: page => page.waitForSelector('digit-diffusion[data-drawn][label="7"][seed="42"]'),
  slider: async page => {
    await page.locator('#drawn:has-text("LoRA × 1")').waitFor()
    const before = await page.getAttribute('#styled', 'data-drawn')
    await set(page, 'strength', -0.5)
    await page.locator('#drawn:has-text("LoRA × -0.5")').waitFor()
    assert.notEqual(await page.getAttribute('#styled', 'data-drawn'), before)
  },
  steps: async page => {
    for (const _ of ['first', 'again']) {
      await page.click('#draw')
      await page.locator('#status:has-text("20 / 20")').waitFor()
      await page.locator('#draw:enabled').waitFor()
    }
    assert.equal(await page.evaluate(() => document.getElementById('bar').position), 1)
  },
  grid: async page => {
    await page.click('#mix')
    await page.locator('#mixed:has-text("12 / 12")').waitFor()
    assert.equal(await page.locator('#digits canvas').count(), 10)
  },
  teach: async page => {
    for (let digit = 0; digit < 10; digit++) {
      assert.equal(await page.innerText('#asked'), String(digit))
      assert.equal(await page.isDisabled('#next'), true)
      await draw(digit)
      await page.click('#next')
    }
    await page.click('#begin')
    await until(() => page.innerText('#told'), told => Number(/^(\d+) \/ 240 · \d+ s$/.exec(told)?.[1]) >= 5)
    await page.click('#stop')
    const saved = page.waitForEvent('download')
    await page.click('#file')
    const file = await saved
    assert.equal(file.suggestedFilename(), 'mine.safetensors')
    const bytes = await readFile(await file.path())
    assert.match(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0))), /lora_A/)
    const drawn = await page.locator('#mine canvas').evaluateAll(all => all.map(canvas => canvas.getContext('2d').getImageData(0, 0, 28, 28).data.some(level => level > 0 && level < 255)))
    assert.deepEqual(drawn, Array(5).fill(true))
  },
  frame: page => page.frameLocator('iframe').locator('digit-diffusion[data-drawn][label="5"][lora=seven-segment]').waitFor(),
}

let away
setUp({
  site: { headers: { 'access-control-allow-origin': '*' } },
  options: { permissions: ['clipboard-read', 'clipboard-write'] },
  begin: async () => (away = await serve({ prefix: '/' })),
  page: 'cleared',
  equip: () => watchElements(page),
})
after(() => away?.close())

const open = async () => {
  await page.goto(`${server.url}embed.html`)
  await page.waitForFunction(() => !document.querySelector('template'))
}

test('there is an example for each', async () => {
  await open()
  assert.deepEqual(await page.locator('.example:has(pre)').evaluateAll(sections => sections.map(({ id }) => id)), Object.keys(EXAMPLES))
})

for (const [id, use] of Object.entries(EXAMPLES)) {
  test(`${id}: runs, and its code does so elsewhere`, async () => {
    await open()
    await page.locator(`#${id} .shown > *`).first().scrollIntoViewIfNeeded()
    await use(page)
    await page.click(`#${id} .copy`)
    const code = await page.locator(`#${id} pre`).textContent()
    await until(() => page.evaluate(() => navigator.clipboard.readText()), copied => copied === code)
    assert.ok(code.includes(server.url))

    away.pages['mine.html'] = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Mine</title><body>${code}`
    await page.goto(`${away.url}mine.html`)
    await use(page)
    assert.deepEqual(errors, [])
  })
}

test('steps: after its model has died, the next click loads another', async () => {
  await open()
  await EXAMPLES.steps(page)
  const workers = page.workers() // an element in view has one, too
  for (const worker of workers) {
    const broken = worker.evaluate(() => {
      Promise.reject(new WebAssembly.RuntimeError('unreachable'))
    })
    await broken.catch(() => {}) // a helper ends with its model
  }
  await until(() => workers.filter(worker => page.workers().includes(worker)).length, left => left === 0)
  await page.evaluate(() => (document.getElementById('status').textContent = ''))
  await EXAMPLES.steps(page)
})

test('teach: nothing is fetched for it before it is wanted; a drawing is cleared; without ten there is no teaching', async () => {
  await open()
  await page.waitForSelector('digit-diffusion[data-drawn]')
  await page.locator('#pad').scrollIntoViewIfNeeded()
  server.requests.length = 0
  const blank = () => page.evaluate(() => document.getElementById('pad').getContext('2d').getImageData(0, 0, 280, 280).data.every((level, i) => i % 4 === 3 || level === 0))
  await draw(7)
  assert.equal(await blank(), false)
  await page.click('#wipe')
  assert.equal(await blank(), true)
  assert.equal(await page.isDisabled('#next'), true)
  for (let digit = 0; digit < 10; digit++) {
    assert.equal(await page.isDisabled('#begin'), true)
    await draw(digit)
    await page.click('#next')
  }
  assert.deepEqual(server.requests.filter(name => name.includes('training')), [])
  await page.click('#begin')
  await until(() => server.requests.filter(name => name.includes('training')).length, count => count > 0)
})

test('grid: a click that fails leaves no worker behind', async () => {
  await page.addInitScript(() => {
    const { terminate } = Worker.prototype
    window.ended = 0
    Worker.prototype.terminate = function () {
      window.ended++
      return terminate.call(this)
    }
  })
  await open()
  server.faults['models/lora/slanted/adapter_model.quantized.safetensors'] = { flip: 100 }
  await page.click('#mix')
  await page.locator('#mixed:has-text("SHA-256")').waitFor()
  await page.locator('#mix:enabled').waitFor()
  delete server.faults['models/lora/slanted/adapter_model.quantized.safetensors']
  assert.equal(await page.evaluate(() => ended), 1)
})

test('where a part of it does not arrive, the page says so', async () => {
  server.faults['embed/grid.js'] = { status: 404 }
  await page.goto(`${server.url}embed.html`)
  await page.locator('#broken').waitFor({ state: 'visible' })
  delete server.faults['embed/grid.js']
})
