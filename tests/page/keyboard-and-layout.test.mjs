// Everything by keyboard, at every width, in light and dark, with motion reduced.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshPage, openPage, page, pick, pixels, server, settled, setUp, stepsDrawn, toggleLora } from './support.mjs'

setUp({ page: 'cleared' })

/** A radio input's value, or the element's id. */
const focused = () => page.evaluate(() => document.querySelector('[type=radio]:focus')?.value ?? document.activeElement.id)

test('by keyboard alone', async () => {
  await openPage(page, server.url)
  await page.focus('.brand')
  await page.keyboard.press('Tab') // the backend
  await page.keyboard.press('Tab')
  assert.equal(await focused(), 'base') // the choice of one
  await page.keyboard.press('Tab')
  assert.equal(await focused(), '0')
  await page.keyboard.press('7') // typing a digit picks it
  await settled(page)
  assert.equal(await focused(), '7')
  assert.equal(await stepsDrawn(page), 3)
  await page.keyboard.press('ArrowRight')
  await settled(page)
  assert.equal(await page.isChecked('#digits [value="8"]'), true)
  const base = await pixels(page)

  for (const stop of ['seed', 'dice', 'tour', 'action', 'lora']) {
    await page.keyboard.press('Tab') // one stop per group
    assert.equal(await focused(), stop)
  }
  await page.keyboard.press('Space')
  await settled(page)
  assert.equal(await page.getAttribute('#lora', 'aria-checked'), 'true')
  assert.notEqual(await pixels(page, 'lora'), base)

  await page.focus('#strip :checked')
  await page.keyboard.press('Home')
  assert.match(await page.innerText('#position'), /^Step 1 of 3/)
  await page.keyboard.press('ArrowLeft') // the strip has an end
  assert.match(await page.innerText('#position'), /^Step 1 of 3/)
  await page.keyboard.press('ArrowRight')
  assert.match(await page.innerText('#position'), /^Step 2 of 3/)
  assert.equal(await page.locator('#strip :focus').evaluate(input => input.parentElement.textContent + input.ariaLabel), 'Step 2')
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
  assert.equal(outline, 'solid')
})

test('announces politely what happens', async () => {
  await openPage(page, server.url)
  await pick(page, 4)
  assert.equal(await page.getAttribute('#announcer', 'aria-live'), 'polite')
  assert.equal(await page.textContent('#announcer'), 'Done: a 4 in 3 steps.')
  assert.match(await page.getAttribute('#picture-base', 'aria-label'), /^Digit 4 at step 3 of 3/)
})

test('nothing sticks out at any width', async () => {
  await freshPage({ viewport: { width: 320, height: 800 } })
  await openPage(page, server.url)
  await pick(page, 7)
  await toggleLora(page)
  await page.click('#schedule summary')
  await page.click('#changes summary')
  await page.waitForSelector('#changes-map tbody tr')
  await page.click('#attention summary')
  await page.waitForSelector('#stage[data-busy=false] #attention[data-maps=true]')
  for (const width of [320, 390, 700, 1000, 1280, 1920]) {
    await page.setViewportSize({ width, height: 800 })
    const found = await page.evaluate(() => ({
      scrolls: document.documentElement.scrollWidth > innerWidth,
      small: [...document.querySelectorAll('button, select, input')]
        .filter(control => control.offsetWidth && (control.offsetWidth < 24 || control.offsetHeight < 24))
        .map(control => control.outerHTML),
    }))
    assert.deepEqual(found, { scrolls: false, small: [] }, `at ${width} px`)
  }
})

for (const width of [360, 800, 1024, 1280]) test(`what was there before the model stays where it was, at ${width} px`, async () => {
  await freshPage({ viewport: { width, height: 800 } })
  await page.addInitScript(() => {
    window.shifts = 0
    new PerformanceObserver(list => {
      for (const shift of /** @type {any[]} */ (list.getEntries())) if (!shift.hadRecentInput) window.shifts += shift.value
    }).observe({ type: 'layout-shift', buffered: true })
  })
  await openPage(page, server.url)
  assert.ok((await page.evaluate(() => window.shifts)) < 0.01)
})

test('reduced motion: the picture changes once, when it is finished', async () => {
  await freshPage({ reducedMotion: 'reduce' })
  await openPage(page, server.url, { steps: 8 })
  await page.evaluate(() => {
    window.paints = 0
    const put = CanvasRenderingContext2D.prototype.putImageData
    CanvasRenderingContext2D.prototype.putImageData = function (...args) {
      if (this.canvas.id === 'picture-base') window.paints++
      return put.apply(this, args)
    }
  })
  await pick(page, 7)
  assert.equal(await page.evaluate(() => window.paints), 1)
})

test('dark is dark', async () => {
  await freshPage({ colorScheme: 'dark' })
  await page.goto(server.url)
  const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  assert.match(background, /^rgb\((\d|[1-3]\d), /)
})
