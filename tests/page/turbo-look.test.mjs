// What Turbo adds to the page, as everybody meets it: light, dark, narrow, in large text and forced colours, by assistive technology.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { APPEARANCES, checkAxe, collisions, DIST, freshPage, openPage, page, server, settled, setUp, turboPages } from './support.mjs'

const pages = await turboPages(4, 2)
// As the build has it where the models have such an adapter (xtask/bundle/words.mjs).
const html = await readFile(join(DIST, 'index.html'), 'utf8')
pages['index.html'] = Buffer.from(html.replace('id="turbo-row" hidden', 'id="turbo-row"'))
setUp({ page: 'none', site: { pages } })

/** Opens the page with all of it on: Turbo, a style, a morph on its way. @param {import('playwright-core').BrowserContextOptions} options */
async function open(options) {
  await freshPage({ reducedMotion: 'reduce', ...options })
  await page.goto(`${server.url}#digit=7&seed=2&turbo=turbo-4&morph=9:0.4&lora=on&styles=outline:0.5`)
  await settled(page)
}

// What only the style sheets decide is looked at on one page, at one size after the other.
for (const [title, { locale, colorScheme, viewport }] of APPEARANCES.slice(2))
  test(`${title}: axe finds nothing; nothing sticks out, and no control is small`, async () => {
    await open({ locale, colorScheme, viewport })
    await checkAxe(page, title)
    for (const width of [320, 390, 700, 1000, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      assert.deepEqual(await collisions(), { found: [], wide: false }, String(width))
      const small = await page.evaluate(() =>
        [...document.querySelectorAll('#turbo-row :is(button, input)')].filter(control => control.offsetWidth && (control.offsetWidth < 24 || control.offsetHeight < 24)).map(control => control.id),
      )
      assert.deepEqual(small, [], String(width))
    }
    // At the usual width, in both schemes.
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await page.emulateMedia({ colorScheme })
      await checkAxe(page, `wide, ${colorScheme}`)
    }
    await page.evaluate(() => (document.documentElement.style.fontSize = '200%'))
    for (const [width, height] of [[1366, 650], [390, 664], [320, 568], [844, 390]]) {
      await page.setViewportSize({ width, height })
      assert.deepEqual(await collisions(), { found: [], wide: false }, `text of twice the size at ${width} x ${height}`)
    }
  })

test('its place is taken from the first paint on', async () => {
  for (const width of [360, 1280]) {
    await freshPage({ viewport: { width, height: 800 } })
    await page.addInitScript(() => {
      window.shifts = 0
      new PerformanceObserver(list => {
        for (const shift of /** @type {any[]} */ (list.getEntries())) if (!shift.hadRecentInput) window.shifts += shift.value
      }).observe({ type: 'layout-shift', buffered: true })
    })
    await openPage(page, server.url)
    assert.equal(await page.locator('#turbo').isVisible(), true)
    assert.ok((await page.evaluate(() => window.shifts)) < 0.01, `${width}: ${await page.evaluate(() => window.shifts)}`)
  }
})

test('forced colours: what is on differs from what is off', async () => {
  await open({ forcedColors: 'active' })
  const colours = () =>
    page.evaluate(() => {
      const of = (selector, pseudo) => getComputedStyle(document.querySelector(selector), pseudo).backgroundColor
      return { track: of('#turbo .track'), play: of('#morph-play'), calls: of('#turbo-calls :checked + span') }
    })
  const on = await colours()
  await page.click('#morph-play')
  const playing = await colours()
  await page.click('#turbo')
  const off = await colours()
  assert.notEqual(on.play, playing.play)
  assert.notEqual(on.track, off.track)
})

test('with the language all of it changes', async () => {
  await open({})
  await page.click('#language')
  await page.waitForSelector('html[lang=zh-Hans]')
  await page.locator('#turbo-hint:has-text("只用 4 或 2 次网络计算")').waitFor()
  assert.equal(await page.getAttribute('#morph-share', 'aria-valuetext'), '从种子 2 到种子 9 的 40%')
  assert.deepEqual(await page.locator('#turbo-calls label').allInnerTexts(), ['4 次', '2 次'])
  assert.equal(await page.isChecked('#turbo-calls [value=turbo-4]'), true)
})
