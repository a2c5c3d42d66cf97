// On every screen the picture is in sight while it is drawn; larger text and forced colours hide nothing.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { choose, collisions, freshPage, newPageWithFont, openLink, openPage, page, pick, server, settled, setUp, toggleLora } from './support.mjs'

setUp({ page: 'none' })

const PHONE = { hasTouch: true, isMobile: true }
/** The picture's place in the window, and the window. @param {string} frame */
const place = frame =>
  page.evaluate(frame => {
    const { top, bottom, left, right } = document.querySelector(frame).getBoundingClientRect()
    return { top, bottom, left, right, width: innerWidth, height: innerHeight }
  }, frame)
/** @param {string} frame @param {string} when */
async function assertSeen(frame, when) {
  // The page may still be on its way there.
  for (let tries = 0; tries < 20 && ((await place(frame)).top < 0 || (await place(frame)).bottom > (await place(frame)).height); tries++) await page.waitForTimeout(100)
  const { top, bottom, left, right, width, height } = await place(frame)
  assert.ok(top >= 0 && bottom <= height && left >= 0 && right <= width, `${frame} ${when}: ${top} to ${bottom} of ${height}`)
  assert.ok(bottom - top >= 112, `${frame} ${when} is only ${bottom - top} high`)
}

describe('the picture is seen while it is drawn', () => {
  for (const [title, options, sizes] of /** @type {[string, import('playwright-core').BrowserContextOptions, [number, number][]][]} */ ([
    ['on phones', PHONE, [[390, 664], [360, 640], [320, 568], [844, 390], [740, 360], [768, 1024]]],
    ['on other screens', {}, [[1024, 768], [1366, 650], [1920, 1080]]],
  ]))
    test(title, async () => {
      await freshPage({ viewport: { width: sizes[0][0], height: sizes[0][1] }, ...options })
      const tap = async selector => {
        await page.locator(selector).scrollIntoViewIfNeeded()
        if (options.hasTouch) await page.tap(selector)
        else await page.click(selector)
      }
      for (const [width, height] of sizes) {
        const at = `at ${width} x ${height}`
        await page.setViewportSize({ width, height })
        await openLink(page, server.url, 'steps=4') // each of them is watched
        await tap('#digits [value="7"]')
        await assertSeen('.base .frame', `after a tap on a digit ${at}`)
        await tap('#lora')
        await assertSeen('.styled .frame', `with LoRA ${at}`)
        await assertSeen('.base .frame', `beside LoRA ${at}`)
        // Also with a setting further down, on a phone: what is changed is seen.
        if (height > width || height < 480) {
          await settled(page)
          await page.locator('#guidance').scrollIntoViewIfNeeded()
          await assertSeen('.styled .frame', `beside the settings ${at}`)
        }
        await settled(page)
        await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
        await tap('#many-digits')
        await settled(page)
        await tap('#sheet button:first-child')
        await assertSeen('.base .frame', `chosen on the sheet ${at}`)
        await settled(page)
      }
    })
})

test('a whole picture and the digits stand on the first screen of 1366 x 650', async () => {
  await freshPage({ viewport: { width: 1366, height: 650 } })
  await page.goto(server.url)
  await settled(page)
  await assertSeen('.base .frame', 'at first')
  await assertSeen('.styled .frame', 'at first')
  const { bottom } = await place('#digits')
  assert.ok(bottom < 650)
})

describe('text of twice the size overlaps nothing', () => {
  for (const locale of ['en-US', 'zh-CN'])
    test(locale, async () => {
      await freshPage({ viewport: { width: 320, height: 568 }, locale, reducedMotion: 'reduce' })
      await openPage(page, server.url)
      await page.evaluate(() => (document.documentElement.style.fontSize = '200%')) // text alone, as Firefox enlarges it
      const check = async () => {
        for (const [width, height] of [[1366, 650], [1024, 768], [390, 664], [844, 390], [320, 568]]) {
          await page.setViewportSize({ width, height })
          assert.deepEqual(await collisions(), { found: [], wide: false }, `at ${width} x ${height}`)
        }
      }
      await check()
      await pick(page, 7)
      await toggleLora(page)
      await choose(page, 'styles', '*')
      await check()
    })
})

test('the browser’s own font size, doubled: the layout is that of a smaller screen', async () => {
  const { page, close } = await newPageWithFont(32, { viewport: { width: 1366, height: 650 }, reducedMotion: 'reduce' })
  await page.goto(server.url)
  await settled(page)
  await pick(page, 7)
  await toggleLora(page)
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize), '32px')
  assert.deepEqual(await collisions(page), { found: [], wide: false })
  const { bottom, height } = await page.evaluate(() => ({ bottom: document.querySelector('.styled .frame').getBoundingClientRect().bottom, height: innerHeight }))
  assert.ok(bottom <= height)
  await close()
})

test('forced colours: what is on, chosen or under way differs from what is not', async () => {
  await freshPage({ forcedColors: 'active', colorScheme: 'light' })
  await openPage(page, server.url)
  await pick(page, 7)
  await toggleLora(page)
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await page.emulateMedia({ colorScheme })
    await page.waitForTimeout(300) // the knob has slid
    const look = await page.evaluate(() => {
      const style = (selector, pseudo) => getComputedStyle(document.querySelector(selector), pseudo)
      return {
        knobOn: style('#lora .track', '::after').backgroundColor, trackOn: style('#lora .track').backgroundColor,
        knobOff: style('#pace[aria-checked=true] .track, #pace .track', '::after').backgroundColor, paper: style('html').backgroundColor,
        chosen: style('#digits :checked + span').backgroundColor, chosenText: style('#digits :checked + span').color,
        other: style('#digits input:not(:checked) + span').backgroundColor,
        style: style('#styles :checked + span').backgroundColor, styleText: style('#styles :checked + span').color,
        view: style('#view :checked + span').backgroundColor, otherView: style('#view input:not(:checked) + span').backgroundColor,
      }
    })
    for (const [a, b] of [['knobOn', 'trackOn'], ['chosen', 'other'], ['chosen', 'chosenText'], ['style', 'styleText'], ['view', 'otherView'], ['trackOn', 'paper']])
      assert.notEqual(look[a], look[b], `${a} and ${b}, ${colorScheme}: ${JSON.stringify(look)}`)
  }
})
