// A morph between two seeds: along the arc between their noises, by hand or played, with a style, too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawnByClass, errors, openPage, page, pick, pixels, server, set, settled, setUp, stepsDrawn, toggleLora, turboPages } from './support.mjs'

const pages = await turboPages(4, 2)

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

setUp({
  page: 'cleared',
  site: { pages },
  async prepare() {
    await openPage(page, server.url)
    await pick(page, 7)
    await toggle()
    await set(page, 'morph-to', 9)
    await settled(page)
  },
})

test('goes from one seed’s picture to the other’s, along the arc between their noises', async () => {
  const from = await pixels(page)
  await move('morph-share', 0.4)
  await settled(page)
  assert.equal(await pixels(page), await drawnByClass(page, server, { label: 7, noise: [2, { to: 9, share: 0.4 }], adapters: { 'turbo-4': 1 } }))
  assert.equal(await page.getAttribute('#morph-share', 'aria-valuetext'), '40 % of the way from seed 2 to seed 9')
  await set(page, 'morph-share', 1)
  await settled(page)
  assert.equal(await pixels(page), await drawnByClass(page, server, { label: 7, seed: 9, adapters: { 'turbo-4': 1 } }))
  await page.focus('#morph-share')
  await page.keyboard.press('Home')
  await settled(page)
  assert.equal(await pixels(page), from)
  // Another seed begins another way.
  await set(page, 'morph-share', 0.5)
  await set(page, 'seed', 3)
  await settled(page)
  assert.equal(await page.inputValue('#morph-share'), '0')
  assert.equal(await pixels(page), await drawnByClass(page, server, { label: 7, seed: 3, adapters: { 'turbo-4': 1 } }))
})

test('plays there and back until it is stopped, with a style too, and goes on with another digit', async () => {
  await toggleLora(page)
  await page.evaluate(() => {
    window.shown = { base: new Set(), lora: new Set() }
    const put = CanvasRenderingContext2D.prototype.putImageData
    CanvasRenderingContext2D.prototype.putImageData = function (image, ...rest) {
      const [, track] = /^picture-(base|lora)$/.exec(this.canvas.id) ?? []
      if (track) window.shown[track].add(String(image.data))
      return put.call(this, image, ...rest)
    }
  })
  await page.focus('#morph-play')
  await page.keyboard.press('Enter')
  assert.equal(await page.getAttribute('#morph-play', 'aria-pressed'), 'true')
  await page.waitForFunction(() => window.shown.base.size > 5 && window.shown.lora.size > 5)
  await page.click('#digits [value="3"]')
  await page.waitForFunction(() => document.getElementById('picture-base').ariaLabel.startsWith('Digit 3'))
  assert.equal(await page.getAttribute('#morph-play', 'aria-pressed'), 'true')
  await page.click('#morph-play')
  await settled(page)
  assert.equal(await page.getAttribute('#morph-play', 'aria-pressed'), 'false')
  const share = Number(await page.inputValue('#morph-share'))
  const noise = share ? [2, { to: 9, share }] : [2]
  assert.equal(await pixels(page), await drawnByClass(page, server, { label: 3, noise, adapters: { 'turbo-4': 1 } }))
  assert.equal(await pixels(page, 'lora'), await drawnByClass(page, server, { label: 3, noise, adapters: { 'turbo-4': 1, outline: 1 } }))
  assert.deepEqual(errors, [])
})

test('ends where something else takes the stage', async () => {
  for (const end of [() => page.click('#turbo'), () => page.click('#many-digits'), () => page.evaluate(() => (location.hash = 'digit=3&seed=5&steps=2'))]) {
    if ((await page.getAttribute('#turbo', 'aria-checked')) === 'false') await toggle()
    await page.click('#morph-play')
    await page.waitForFunction(() => Number(document.querySelector('#morph-share').value) > 0)
    await end()
    await page.waitForSelector('#morph-play[aria-pressed=false]', { state: 'attached' })
    await settled(page)
  }
  assert.deepEqual([await stepsDrawn(page), await page.getAttribute('#turbo', 'aria-checked')], [2, 'false'])
  assert.deepEqual(errors, [])
})

test('with motion reduced, a picture stays before the next comes', async () => {
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await page.evaluate(() => {
    window.places = []
    const slider = document.getElementById('morph-share')
    const watch = () => {
      if (window.places.at(-1) !== slider.value) window.places.push(slider.value)
      requestAnimationFrame(watch)
    }
    watch()
  })
  await page.click('#morph-play')
  await page.waitForFunction(() => window.places.length > 3)
  assert.deepEqual(await page.evaluate(() => window.places.slice(0, 4)), ['0', '0.25', '0.5', '0.75'])
})
