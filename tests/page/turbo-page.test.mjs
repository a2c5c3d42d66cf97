// Turbo on the page: a switch where the models have such an adapter; with it the picture follows whatever moves; links and saved pictures
// that say so. The morph between two seeds: turbo-morph.test.mjs.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { address, choose, drawnByClass, errors, freshPage, notice, openLink, openPage, page, pick, pixels, rested, server, set, settled, setUp, stepsDrawn, toggleLora, turboPages, turboWeights, until } from './support.mjs'

const pages = await turboPages(4, 2)
const WEIGHTS = 'models/lora/turbo-4/adapter_model.safetensors'
const asked = name => server.requests.filter(request => request === name).length

/** Switches Turbo. */
async function toggle() {
  await page.click('#turbo')
  await settled(page)
}

/** Moves a slider, or types, without letting go. */
const move = (id, value) =>
  page.evaluate(
    ([id, value]) => {
      const input = document.getElementById(id)
      input.value = value
      input.dispatchEvent(new Event('input', { bubbles: true }))
    },
    [id, String(value)],
  )

describe('the switch', () => {
  setUp({ page: 'cleared', site: { pages }, prepare: () => openPage(page, server.url) })

  test('is not there where the models have no such adapter', async () => {
    server.pages['models/manifest.json'] = (await turboPages())['models/manifest.json']
    await page.reload()
    await settled(page)
    assert.equal(await page.locator('#turbo').isVisible(), false)
    server.pages['models/manifest.json'] = pages['models/manifest.json']
  })

  test('is off, says what it does, and its adapter is no style', async () => {
    assert.equal(await page.getAttribute('#turbo', 'aria-checked'), 'false')
    assert.match(await page.innerText('#turbo-hint'), /^Draws in 4 or 2 network calls instead of 19, by an adapter that was taught it\./)
    assert.equal(await page.locator('#styles [value^=turbo]').count(), 0)
    assert.equal(await page.locator('#morph').isVisible(), false)
    assert.deepEqual(await page.locator('#turbo-calls label').allInnerTexts(), ['4 calls', '2 calls'])
  })

  test('fetches its adapter when it is first used; switched off, all is as it was', async () => {
    await freshPage({ serviceWorkers: 'block' }) // which would have fetched it for visits without a network
    server.requests.length = 0
    await openPage(page, server.url)
    await pick(page, 7)
    const [usual, steps] = [await pixels(page), await stepsDrawn(page)]
    assert.equal(asked(WEIGHTS), 0)
    await toggle()
    assert.equal(asked(WEIGHTS), 1)
    assert.equal(await stepsDrawn(page), 4)
    assert.match(await page.innerText('#position'), /^Step 4 of 4 · t = 249 → 0/)
    const quick = await pixels(page)
    assert.equal(quick, await drawnByClass(page, server, { label: 7, seed: 2, adapters: { 'turbo-4': 1 } }))
    // What its adapter says is shown, and cannot be changed.
    assert.deepEqual([await page.inputValue('#steps'), await page.inputValue('#sampler'), await page.innerText('#guidance-value')], ['4', 'ddim', '1.00'])
    for (const id of ['steps', 'sampler', 'guidance']) assert.equal(await page.isDisabled(`#${id}`), true, id)
    await choose(page, 'turbo-calls', 'turbo-2')
    assert.equal(await stepsDrawn(page), 2)
    await choose(page, 'turbo-calls', 'turbo-4')
    assert.equal(await pixels(page), quick)
    await toggle()
    assert.deepEqual([await pixels(page), await stepsDrawn(page)], [usual, steps])
    assert.equal(await page.inputValue('#steps'), String(steps))
    assert.equal(await page.isEnabled('#steps'), true)
    assert.deepEqual(errors, [])
  })

  test('goes with a style and its strength; zero is Turbo alone', async () => {
    await pick(page, 3)
    await toggle()
    await toggleLora(page)
    await set(page, 'strength-0', 0.6)
    await settled(page)
    assert.equal(await pixels(page, 'lora'), await drawnByClass(page, server, { label: 3, seed: 2, adapters: { 'turbo-4': 1, outline: 0.6 } }))
    await set(page, 'strength-0', 0)
    await settled(page)
    assert.equal(await pixels(page, 'lora'), await pixels(page))
    assert.equal(await page.textContent('#changes-of'), 'Outline')
  })

  test('that cannot have its adapter is off, says so, and draws as usual; tried again it is there', async () => {
    server.faults[WEIGHTS] = { status: 500 }
    await page.click('#digits [value="7"]')
    await settled(page)
    const usual = await pixels(page)
    await toggle()
    assert.match(await notice(page), /Turbo could not be loaded\s+.*Without it, drawing takes its usual time/)
    assert.equal(await page.getAttribute('#turbo', 'aria-checked'), 'false')
    assert.equal(await pixels(page), usual)
    delete server.faults[WEIGHTS]
    await page.click('#notice button:has-text("Try again")')
    await settled(page)
    assert.equal(await page.getAttribute('#turbo', 'aria-checked'), 'true')
    assert.equal(await stepsDrawn(page), 4)
  })

  test('an adapter of a visitor’s own that says so is Turbo, too, and no style', async () => {
    await pick(page, 7)
    await page.setInputFiles('#files', { name: 'own.safetensors', mimeType: '', buffer: await turboWeights(5, 'thin') })
    await page.waitForSelector('#turbo-calls [value=turbo-5]:checked')
    await settled(page)
    assert.equal(await stepsDrawn(page), 5)
    assert.equal(await page.locator('#styles [value=turbo-5]').count(), 0)
  })

  test('a sheet and a tour draw with it', async () => {
    await toggle()
    await page.click('#many-digits')
    await settled(page)
    assert.equal(await page.innerText('#sheet-status'), 'Choose one to look at it closely.')
    await page.locator('#sheet button').nth(4).click()
    await settled(page)
    assert.equal(await stepsDrawn(page), 4)
    const alone = await pixels(page)
    assert.equal(await page.locator('#sheet canvas').nth(4).evaluate((/** @type {HTMLCanvasElement} */ canvas) => canvas.width), 28)
    await page.click('#tour')
    await page.waitForFunction(() => document.querySelector('#stage').dataset.lora === 'on')
    await settled(page)
    await page.click('#tour')
    await settled(page)
    assert.equal(await stepsDrawn(page), 4)
    assert.notEqual(await pixels(page), alone)
    assert.deepEqual(errors, [])
  })
})

describe('the picture follows', () => {
  setUp({
    page: 'cleared',
    site: { pages },
    async prepare() {
      await openPage(page, server.url)
      await pick(page, 7)
      await toggle()
    },
  })

  test('the digit, the seed as it is typed, and the strength as it moves: there is nothing to press', async () => {
    assert.equal(await page.locator('#action').isVisible(), false)
    await pick(page, 4)
    assert.equal(await pixels(page), await drawnByClass(page, server, { label: 4, seed: 2, adapters: { 'turbo-4': 1 } }))
    await move('seed', 31)
    await settled(page)
    const seeded = await pixels(page)
    assert.equal(seeded, await drawnByClass(page, server, { label: 4, seed: 31, adapters: { 'turbo-4': 1 } }))
    await toggleLora(page)
    await move('strength-0', -0.5)
    await settled(page)
    assert.equal(await pixels(page, 'lora'), await drawnByClass(page, server, { label: 4, seed: 31, adapters: { 'turbo-4': 1, outline: -0.5 } }))
    assert.equal(await pixels(page), seeded)
  })

  test('the newest wins: nothing queues up, what is superseded is given up, and the base is not drawn for a strength', async () => {
    await toggleLora(page)
    const runs = await page.evaluate(async () => {
      const { postMessage } = Worker.prototype
      const asked = []
      const quiet = async () => {
        while (document.getElementById('stage').dataset.busy !== 'false') await new Promise(resolve => setTimeout(resolve, 20))
      }
      Worker.prototype.postMessage = function (message, ...rest) {
        if (['sample', 'next'].includes(message.method)) asked.push(message)
        return postMessage.call(this, message, ...rest)
      }
      for (const digit of ['0', '1', '2', '3', '5']) {
        document.querySelector(`#digits [value="${digit}"]`).click()
        await new Promise(resolve => setTimeout(resolve))
      }
      await quiet()
      const samples = asked.filter(({ method }) => method === 'sample')
      const nexts = id => asked.filter(({ method, params }) => method === 'next' && params.run === id).length
      const drawn = samples.map(({ params: { run, request } }) => [request.labels[0], nexts(run)])
      asked.length = 0
      const slider = document.getElementById('strength-0')
      for (const value of ['0.1', '0.2', '0.3', '0.4']) {
        slider.value = value
        slider.dispatchEvent(new Event('input', { bubbles: true }))
      }
      await new Promise(resolve => setTimeout(resolve))
      await quiet()
      Worker.prototype.postMessage = postMessage
      return { drawn, strengths: asked.filter(({ method }) => method === 'sample').map(({ params }) => params.scales.outline) }
    })
    // Whole runs are of the last digit alone: the base's and the styled one. A run has four steps, and is asked once more for its end.
    assert.deepEqual(runs.drawn.filter(([, nexts]) => nexts >= 5).map(([label]) => label), [5, 5])
    assert.ok(runs.drawn.length <= 7, JSON.stringify(runs.drawn))
    assert.deepEqual(runs.strengths, [0.1, 0.4].slice(-runs.strengths.length))
    assert.equal(await pixels(page, 'lora'), await drawnByClass(page, server, { label: 5, seed: 2, adapters: { 'turbo-4': 1, outline: 0.4 } }))
    assert.deepEqual(errors, [])
  })

  test('announced is what it comes to, not each picture on the way; the keyboard keeps its place', async () => {
    await page.focus('#digits [value="7"]')
    await page.keyboard.press('8')
    await settled(page)
    assert.equal(await page.textContent('#announcer'), 'Done: an 8 in 4 steps.')
    assert.equal(await page.evaluate(() => /** @type {HTMLInputElement} */ (document.activeElement).value), '8')
    await page.focus('#turbo')
    await page.keyboard.press('Space')
    await settled(page)
    assert.equal(await page.getAttribute('#turbo', 'aria-checked'), 'false')
    await page.locator('#action').waitFor()
    await page.focus('#action')
    await page.evaluate(() => document.getElementById('turbo').click())
    await settled(page)
    assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY')
  })
})

describe('links and pictures', () => {
  setUp({ site: { pages }, options: { acceptDownloads: true }, page: 'cleared' })

  test('say which adapter draws and how far a morph is, and bring it back', async () => {
    await openPage(page, server.url)
    await pick(page, 4)
    await toggle()
    await toggleLora(page)
    await set(page, 'morph-to', 9)
    await set(page, 'morph-share', 0.25)
    await settled(page)
    const shown = [await pixels(page), await pixels(page, 'lora')]
    await rested(page)
    const { base: _, ...settings } = await address(page)
    assert.deepEqual(settings, { digit: '4', seed: '2', sampler: 'dpm++2m', steps: '3', guidance: '2', turbo: 'turbo-4', morph: '9:0.25', lora: 'on', styles: 'outline:1' })
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save-picture')])
    const picture = await readFile(await download.path())

    const link = page.url()
    await freshPage({ acceptDownloads: true })
    await page.goto(link)
    await settled(page)
    assert.deepEqual([await pixels(page), await pixels(page, 'lora')], shown)
    assert.equal(await page.locator('#notice').isHidden(), true)
    // A link of before draws what it drew.
    await page.evaluate(() => (location.hash = 'digit=4&seed=2&steps=3&lora=off'))
    await page.waitForSelector('#turbo[aria-checked=false]')
    await settled(page)
    assert.equal(await stepsDrawn(page), 3)
    await page.setInputFiles('#files', { name: 'picture.png', mimeType: 'image/png', buffer: picture })
    await page.waitForSelector('#turbo[aria-checked=true]')
    await settled(page)
    assert.deepEqual([await pixels(page), await pixels(page, 'lora')], shown)
    // What is left of it says nothing of Turbo.
    await toggle()
    await rested(page)
    assert.deepEqual(Object.keys(await address(page)).filter(name => ['turbo', 'morph'].includes(name)), [])
    assert.deepEqual(errors, [])
  })

  test('what they ask for in vain is named, and drawn without', async () => {
    await openLink(page, server.url, 'digit=3&seed=5&steps=2&turbo=turbo-9&morph=1:7')
    const said = await notice(page)
    for (const part of [/no Turbo adapter “turbo-9”/, /“morph=1:7”/]) assert.match(said, part)
    assert.equal(await stepsDrawn(page), 2)
    assert.equal(await page.getAttribute('#turbo', 'aria-checked'), 'false')
  })

  test('a link is drawn with Turbo from the first picture on', async () => {
    await openLink(page, server.url, 'digit=3&seed=5&turbo=turbo-2')
    assert.equal(await stepsDrawn(page), 2)
    assert.equal(await pixels(page), await drawnByClass(page, server, { label: 3, seed: 5, adapters: { 'turbo-2': 1 } }))
    await until(() => page.isChecked('#turbo-calls [value=turbo-2]'), Boolean)
  })
})
