// The core of the page's suite in other browser engines: Firefox and WebKitGTK. Where one is not installed, its tests are skipped and say so.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { address, copyKept, launch, pick, rested, serve, set, settled, STROKES, toggleLora, until } from './support.mjs'
import { ENGINES, pageOf } from './support/engines.mjs'
import { EVERY_STEP, learnsAsTheTrainer } from './support/taught.mjs'

const LINK = 'digit=7&seed=42&steps=4&sampler=ddim&guidance=2&lora=on&styles=outline:1'

/** The pixels of a step's picture; every engine's, as the class gives them. */
const draw = async () => {
  const { DigitDiffusion } = await import(new URL('digit-diffusion.js', location.href).href)
  const model = await DigitDiffusion.load('models/base/', { device: 'cpu', threads: 2 })
  await model.addAdapter('outline')
  // Until the other worker is there, and computes.
  for (let most = 1; most < 2; ) for await (const { threads } of model.sample({ label: 1, steps: 4, adapters: { outline: 1 } })) most = Math.max(most, threads)
  const pictures = []
  for (const scale of [0, 1]) {
    let last
    for await (const step of model.sample({ label: 3, seed: 5, steps: 4, adapters: { outline: scale } })) last = step
    pictures.push(Array.from({ length: 784 }, (_, i) => last.image.data[4 * i]))
  }
  model.dispose()
  return pictures
}

/** Stands before the page's first script, because WebKitGTK's driver tells nothing of the console. */
const LISTEN = `shown = []
  addEventListener('error', event => shown.push(event.message || 'not loaded: ' + (event.target.src || event.target.href)), true)
  addEventListener('unhandledrejection', event => shown.push(String(event.reason)))
  console.error = (...said) => shown.push(said.join(' '));\n`

/** What Chromium draws, once for both engines. @type {Promise<number[][]>} */
let reference
async function inChromium() {
  const site = await serve()
  const browser = await launch()
  try {
    const page = await browser.newPage()
    await page.goto(`${site.url}blank.html`)
    return await page.evaluate(draw)
  } finally {
    await browser.close()
    await site.close()
  }
}

for (const { name, missing, open } of ENGINES) {
  if (missing) {
    test(name, { skip: `left out: ${missing}` })
    continue
  }
  describe(name, () => {
    /** @type {import('./support/engines.mjs').Driver} */
    let driver
    /** @type {ReturnType<typeof pageOf>} */
    let page
    /** @type {import('./support.mjs').Server} */
    let server
    const canvas = (track = 'base') =>
      page.evaluate(id => {
        const canvas = document.getElementById(id)
        return String(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)
      }, `picture-${track}`)

    before(async () => {
      server = await serve({ faults: { 'guard.js': { prepend: LISTEN } } })
      driver = await open()
      page = pageOf(driver)
    })
    afterEach(async () => assert.deepEqual([...(driver.errors ?? []), ...(await page.evaluate(() => window.shown ?? []))], []))
    after(async () => {
      await driver?.close()
      await server?.close()
    })

    test('the page draws, with LoRA and without', async () => {
      await page.goto(server.url)
      await settled(page)
      await set(page, 'steps', 3)
      await pick(page, 7)
      assert.equal(await page.evaluate(() => document.getElementById('stage').dataset.lora), 'off')
      const base = await canvas()
      await toggleLora(page)
      assert.notEqual(await canvas('lora'), base)
      assert.equal(await canvas(), base)
      await toggleLora(page)
      assert.equal(await canvas(), base)
      assert.equal(await page.evaluate(() => document.getElementById('notice').hidden), true)
    })

    test('a link brings its settings and its picture back', async () => {
      await page.goto('about:blank')
      await page.goto(`${server.url}#${LINK}`)
      await settled(page)
      const drawn = [await canvas(), await canvas('lora')]
      await rested(page)
      const link = await address(page)
      for (const [key, value] of new URLSearchParams(LINK)) assert.equal(link[key], value, key)
      await page.goto('about:blank')
      await page.goto(`${server.url}#${new URLSearchParams(link)}`)
      await settled(page)
      assert.deepEqual([await canvas(), await canvas('lora')], drawn)
    })

    test('the element draws', async () => {
      server.pages['element.html'] = `<!doctype html><meta charset="utf-8"><link rel="icon" href="favicon.svg"><title>Element</title>
        <script type="module" src="digit-diffusion.js"></script>
        <digit-diffusion label="4" seed="1" steps="3" lora="outline"></digit-diffusion>`
      await page.goto(`${server.url}element.html`)
      const colours = () =>
        page.evaluate(() => {
          const canvas = document.querySelector('digit-diffusion').shadowRoot?.querySelector('canvas')
          return canvas ? new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size : 0
        })
      await until(colours, seen => seen > 20)
    })

    test('pictures are Chromium’s, pixel by pixel', async () => {
      reference ??= inChromium()
      await page.goto(`${server.url}blank.html`)
      assert.deepEqual(await page.evaluate(draw), await reference)
    })

    test('it learns what the trainer learns', async t => {
      server.faults['training.js'] = { prepend: EVERY_STEP }
      await page.goto(`${server.url}blank.html`)
      t.diagnostic(await learnsAsTheTrainer(page))
      delete server.faults['training.js']
    })

    test('a digit is drawn on the pad', async () => {
      await page.goto(server.url)
      await settled(page)
      await page.click('#teach-open')
      await until(() => page.evaluate(() => document.activeElement.id), id => id === 'pad') // nothing moves any more
      await page.drag('#pad', STROKES[7][0])
      await page.waitForSelector('.hand canvas') // after a pause, by itself
      const ink = await page.evaluate(() => {
        const canvas = document.querySelector('.hand canvas')
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        return data.filter((level, i) => i % 4 === 0 && level > 127).length
      })
      assert.ok(ink > 20, `${ink} light pixels`)
    })

    test('a second visit needs no network', async () => {
      await page.goto(`${server.url}#${LINK}`)
      await settled(page)
      const drawn = [await canvas(), await canvas('lora')]
      await copyKept(page)
      await server.close()
      await page.goto('about:blank')
      await page.goto(`${server.url}#${LINK}`)
      await settled(page)
      assert.deepEqual([await canvas(), await canvas('lora')], drawn)
    })
  })
}
