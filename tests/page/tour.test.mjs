// The random tour: goes on by itself, stops for the visitor, waits for one who looks elsewhere.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, errors, FILES, notice, openPage, page, server, set, settled, setUp, until } from './support.mjs'

setUp({ page: 'cleared' })

const pressed = () => page.getAttribute('#tour', 'aria-pressed')
/**
 * Waits for the next picture that the address tells of; before the first there are settings in it, and no digit.
 * @param {Record<string, string>} last
 */
const next = ({ seed }) => until(() => address(page), now => now.digit !== undefined && now.seed !== seed)
/** Longer than a picture stays. */
const aWhile = () => page.waitForTimeout(4000)

test('by keyboard: draws one after the other, styled, and the address follows; Stop ends it', async () => {
  await openPage(page, server.url)
  await page.focus('#tour')
  await page.keyboard.press('Enter')
  assert.equal(await pressed(), 'true')
  const first = await next({})
  const second = await next(first)
  await next(second)
  assert.notEqual(first.digit, second.digit)
  for (const { lora, styles } of [first, second]) {
    assert.equal(lora, 'on')
    assert.match(styles, /^[\w-]+:1$/)
  }
  assert.equal(await page.innerText('#action'), 'Stop') // between two pictures, too
  await page.click('#action')
  await settled(page)
  assert.equal(await pressed(), 'false')
  assert.equal(await page.innerText('#action'), 'Draw')
  await page.waitForTimeout(500) // the address waits for a moment of quiet
  const last = await address(page)
  await aWhile()
  assert.deepEqual(await address(page), last)
  assert.deepEqual(errors, [])
})

test('a choice of the visitor’s ends it, a setting does not', async () => {
  await openPage(page, server.url)
  await page.click('#tour')
  const first = await next({})
  await set(page, 'steps', 2)
  assert.equal((await next(first)).steps, '2')
  await page.click('#digits [value="4"]')
  await settled(page)
  assert.equal(await pressed(), 'false')
  await aWhile()
  assert.equal((await address(page)).digit, '4')
})

test('waits while nobody can see the page', async () => {
  await openPage(page, server.url)
  const hide = hidden =>
    page.evaluate(hidden => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
      document.dispatchEvent(new Event('visibilitychange'))
    }, hidden)
  await page.click('#tour')
  await next({})
  await hide(true)
  await settled(page)
  await page.waitForTimeout(500)
  const last = await address(page)
  await aWhile()
  assert.deepEqual(await address(page), last)
  await hide(false)
  await next(last)
})

test('begun before the model is there, it begins with it; where there is none, it says so and ends', async () => {
  server.faults[FILES.weights] = { status: 404 }
  await page.goto(server.url)
  await page.click('#tour')
  await until(pressed, value => value === 'false')
  assert.match(await notice(page), /missing/)
  delete server.faults[FILES.weights]
  await page.reload()
  await page.click('#tour')
  await next({})
  assert.equal(await pressed(), 'true')
})
