// The strength of a style, and a mix of styles: the picture follows the slider.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { choose, DIST, errors, openPage, page, pick, pixels, server, set, settled, setUp, toggleLora } from './support.mjs'

const { adapters } = JSON.parse(await readFile(`${DIST}/models/manifest.json`, 'utf8'))
const styles = adapters.filter(({ turbo }) => !turbo).map(({ title }) => title)
setUp({
  page: 'once',
  async prepare() {
    await openPage(page, server.url, { steps: 4 })
    await pick(page, 7)
    await toggleLora(page)
  },
})

/** Moves a slider without letting go of it. */
const move = (id, values) =>
  page.evaluate(
    async ([id, values]) => {
      const input = document.getElementById(id)
      for (const value of values) {
        input.value = value
        input.dispatchEvent(new Event('input', { bubbles: true }))
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    },
    [id, values],
  )

test('the slider goes from −1 to 2, and the picture follows while it moves; the last value wins', async () => {
  const slider = page.locator('#strength-0')
  assert.deepEqual([await slider.getAttribute('min'), await slider.getAttribute('max')], ['-1', '2'])
  const base = await pixels(page)
  const seen = new Set()
  await page.exposeFunction('saw', image => seen.add(image))
  await page.evaluate(() => {
    const put = CanvasRenderingContext2D.prototype.putImageData
    CanvasRenderingContext2D.prototype.putImageData = function (image, ...rest) {
      if (this.canvas.id === 'picture-lora') window.saw(String(image.data.slice(0, 4000)))
      return put.call(this, image, ...rest)
    }
  })
  await move('strength-0', Array.from({ length: 40 }, (_, i) => (i / 40).toFixed(1)))
  await move('strength-0', ['-0.4'])
  await settled(page)
  assert.ok(seen.size >= 2, `${seen.size} pictures on the way`)
  const moved = await pixels(page, 'lora')
  assert.equal(await pixels(page), base)
  await set(page, 'strength-0', 1)
  await settled(page)
  await set(page, 'strength-0', -0.4) // let go of at once
  await settled(page)
  assert.equal(await pixels(page, 'lora'), moved)
})

test('the chosen step stays while it moves, and the base is not drawn again', async () => {
  await page.click('#strip [value="2"]')
  const before = await pixels(page, 'lora')
  await page.evaluate(() => document.getElementById('strip').children[0].setAttribute('data-same', ''))
  await move('strength-0', ['2'])
  await settled(page)
  assert.match(await page.innerText('#position'), /^Step 2 of 4/)
  assert.notEqual(await pixels(page, 'lora'), before)
  assert.equal(await page.locator('#strip [data-same]').count(), 1)
  await page.click('#strip [value="4"]')
})

test('zero is the base, bit for bit', async () => {
  await set(page, 'strength-0', 0)
  await settled(page)
  assert.equal(await pixels(page, 'lora'), await pixels(page))
  await set(page, 'strength-0', 1)
  await settled(page)
})

test('a mix has a slider for every style, and each counts', async () => {
  const alone = await pixels(page, 'lora')
  await choose(page, 'styles', '*')
  assert.deepEqual(await page.locator('#strengths label').allInnerTexts(), styles)
  const mixed = await pixels(page, 'lora')
  assert.notEqual(mixed, alone)
  // It begins with the chosen style, whole, and half of another that it goes well with.
  assert.equal(await page.innerText('#lora-note'), 'Outline 1.0 + Slanted 0.5')
  await set(page, `strength-${styles.indexOf('Slanted')}`, 0)
  await settled(page)
  assert.equal(await pixels(page, 'lora'), alone)
  await set(page, 'strength-1', 0.5)
  await settled(page)
  assert.notEqual(await pixels(page, 'lora'), alone)
})

test('logged no error on the way', () => assert.deepEqual(errors, []))
