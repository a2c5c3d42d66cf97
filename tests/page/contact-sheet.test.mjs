// Many pictures at once: all digits, or ten seeds of one digit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors, openPage, page, server, set, settled, setUp, toggleLora } from './support.mjs'

setUp({
  page: 'once',
  async prepare() {
    await openPage(page, server.url)
  },
})

test('all ten digits: a click makes one of them the picture', async () => {
  await page.click('#many-digits')
  await settled(page)
  assert.deepEqual(await page.locator('#sheet button').allInnerTexts(), ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
  await page.click('#sheet button[aria-label^="Digit 4"]')
  await settled(page)
  assert.equal(await page.isChecked('#digits [value="4"]'), true)
  const worst = await page.evaluate(() => {
    const data = canvas => canvas.getContext('2d').getImageData(0, 0, 28, 28).data
    const small = data(document.querySelector('#sheet button[aria-label^="Digit 4"] canvas'))
    return Math.max(...data(document.getElementById('picture-base')).map((value, i) => Math.abs(value - small[i])))
  })
  assert.ok(worst <= 2, `${worst} levels off`)
})

test('ten seeds of one digit, styled when LoRA is on', async () => {
  await toggleLora(page)
  await page.click('#many-seeds')
  await settled(page)
  assert.deepEqual(await page.locator('#sheet button').allInnerTexts(), ['2', '3', '4', '5', '6', '7', '8', '9', '10', '11'])
  await page.click('#sheet button >> nth=3')
  await settled(page)
  assert.equal(await page.inputValue('#seed'), '5')
  assert.equal(await page.getAttribute('#lora', 'aria-checked'), 'true')
})

test('can be stopped', async () => {
  await set(page, 'steps', 60)
  await page.click('#many-digits')
  await page.locator('#sheet button:enabled').first().waitFor()
  await page.click('#action')
  await settled(page)
  assert.equal(await page.innerText('#sheet-status'), 'Stopped.')
  assert.deepEqual(errors, [])
})
