// Base and LoRA in one frame: wiped over each other, or their difference.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canvasPixels, choose, errors, openPage, page, pick, pixels, server, set, settled, setUp, toggleLora } from './support.mjs'

setUp({
  page: 'once',
  async prepare() {
    await openPage(page, server.url)
    await pick(page, 7)
    await toggleLora(page)
  },
})
const over = () => canvasPixels(page, 'picture-over')

test('wipe: the base lies over the other, and the divider moves by keyboard and pointer', async () => {
  await choose(page, 'compare', 'wipe')
  assert.equal(await over(), await pixels(page))
  const divider = page.locator('#wipe')
  assert.equal(await divider.getAttribute('aria-valuenow'), '50')
  await divider.focus()
  await page.keyboard.press('ArrowRight')
  assert.equal(await divider.getAttribute('aria-valuenow'), '52')
  await page.keyboard.press('Home')
  assert.equal(await divider.getAttribute('aria-valuenow'), '0')
  assert.equal(await divider.getAttribute('aria-valuetext'), 'base model on 0 %')
  const { x, y, width, height } = await page.locator('.styled .frame').boundingBox()
  await page.mouse.move(x + width * 0.1, y + height / 2)
  await page.mouse.down()
  await page.mouse.move(x + width * 0.75, y + height / 2, { steps: 4 })
  await page.mouse.up()
  assert.equal(await divider.getAttribute('aria-valuenow'), '75')
  await page.mouse.move(x + width * 0.2, y + height / 2)
  assert.equal(await divider.getAttribute('aria-valuenow'), '75')
  const clip = await page.evaluate(() => getComputedStyle(document.getElementById('picture-over')).clipPath)
  assert.match(clip, /inset\(0px 25% 0px 0px\)|inset\(0px calc\(/)
})

test('difference: black where nothing changed, in colours where it did', async () => {
  await choose(page, 'compare', 'difference')
  await set(page, 'strength-0', 0)
  await settled(page)
  const black = await page.evaluate(() => {
    const canvas = document.getElementById('picture-over')
    return canvas.getContext('2d').getImageData(0, 0, 28, 28).data.every((value, i) => value === (i % 4 === 3 ? 255 : 0))
  })
  assert.equal(black, true)
  const none = await over()
  await set(page, 'strength-0', 1)
  await settled(page)
  assert.notEqual(await over(), none)
  assert.match(await page.getAttribute('#picture-over', 'aria-label'), /What LoRA changed: digit 7, step 3 of 3/)
  assert.equal(await page.locator('#legend').isVisible(), true)
  await choose(page, 'compare', 'side')
  assert.equal(await page.locator('#picture-over').isHidden(), true)
  assert.deepEqual(errors, [])
})
