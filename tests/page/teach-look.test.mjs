// How the section that teaches looks: axe-core finds nothing, nothing sticks out at any width, larger text overlaps nothing, forced colours
// and reduced motion are heeded.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { draw, drawAndTake, freshPage, inkOnPad, openTeach, page, server, settled, setUp, STROKES, until } from './support.mjs'
import { standIn } from './support/standin.mjs'

setUp({ page: 'none' })

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** @param {import('playwright-core').BrowserContextOptions} options @param {Parameters<typeof standIn>[0]} [plan] */
async function open(options, plan) {
  await freshPage({ reducedMotion: 'reduce', ...options })
  await page.addInitScript(standIn, plan)
  await page.goto(server.url)
  await settled(page)
  await openTeach()
}
const photograph = async () => {
  const url = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 240, height: 120 })
    const context = canvas.getContext('2d')
    context.fillStyle = '#fff'
    context.fillRect(0, 0, 240, 120)
    context.fillStyle = '#000'
    for (const x of [50, 170]) context.fillRect(x, 25, 12, 70)
    return canvas.toDataURL('image/png')
  })
  await page.setInputFiles('#photos-files', { name: 'sheet.png', mimeType: 'image/png', buffer: Buffer.from(url.split(',')[1], 'base64') })
  await page.waitForFunction(() => document.querySelectorAll('.unnamed-one').length === 2)
}

/** Brings the section to each state that a visitor can bring it to. @param {(state: string) => Promise<unknown>} look */
async function exhaust(look) {
  await look('at first')
  for (const digit of [0, 1, 2, 3, 4]) await drawAndTake(digit)
  await page.hover('.hand')
  await page.locator('.hand').first().click()
  await drawAndTake(0)
  await page.click('#pad-auto')
  await draw(8)
  await look('with drawings, one on the pad, one taken out')
  await photograph()
  await page.locator('.unnamed-one input').first().fill('x')
  await look('with photographs to be named, one wrongly')
  await page.click('#teach-delete')
  await look('asked whether to delete all')
  await page.click('#teach-delete-no')
  await page.click('#teach-start')
  await until(() => page.evaluate(() => window.steps ?? 0), n => n >= 20)
  await page.click('#teach-pause')
  await look('paused')
  await page.click('#teach-pause')
  await page.waitForSelector('.taught:not([hidden])')
  await look('taught')
}

const check = async state => {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await readFile(AXE, 'utf8'))
  const violations = await page.evaluate(async () => {
    const { violations } = await axe.run('#teach')
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`)
  })
  assert.deepEqual(violations, [], state)
}

/** What sticks out of the window, is too small for a finger, or is cut off. @param {string} state */
const fits = async state =>
  assert.deepEqual(await page.evaluate(() => {
    const shown = [...document.querySelectorAll('#teach *')].filter(element => element.checkVisibility() && !element.closest('.loss'))
    const said = element => element.id || element.textContent.trim().slice(0, 30) || element.className
    const small = shown.filter(element => element.matches('button, select, input') && (element.offsetWidth < 24 || element.offsetHeight < 24)).map(said)
    const out = shown.filter(element => element.getBoundingClientRect().right > innerWidth + 1 || element.getBoundingClientRect().left < -1).map(said)
    const cut = shown.filter(element => element.matches('button:not(.hand), h2, h3, p, label, .label') && element.scrollWidth > element.clientWidth + 2).map(said)
    return { small, out, cut, wide: document.documentElement.scrollWidth > innerWidth }
  }), { small: [], out: [], cut: [], wide: false }, state)

/** At each of these widths, at each size of text, in percent. @param {[width: number, text?: number][]} looks */
const fitsAt = looks => async (/** @type {string} */ state) => {
  const before = page.viewportSize()
  for (const [width, text = 100] of looks) {
    await page.setViewportSize({ width, height: 800 })
    await enlarge(text)
    await fits(`${state}, at ${width} px, text of ${text} %`)
  }
  await page.setViewportSize(before)
}
/** Text alone, as Firefox enlarges it. @param {number} percent */
const enlarge = percent => page.evaluate(percent => (document.documentElement.style.fontSize = `${percent}%`), percent)

// To bring the section to all its states takes most of the time: in each of them, everything is looked at that only the style sheets decide.
test('axe-core, light and dark; nothing sticks out at any width, nor when the text is twice as large', async () => {
  await open({ viewport: { width: 1280, height: 800 } })
  const fit = fitsAt([[320], [390], [700], [1000], [1280], [1920], [320, 200], [1024, 200]])
  await exhaust(async state => {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await page.emulateMedia({ colorScheme })
      await check(`${state}, ${colorScheme}`)
    }
    await fit(state)
    await enlarge(100)
  })
})

test('axe-core, narrow and dark, in Chinese, by a hand that meets text of twice the size; nothing sticks out', async () => {
  await open({ viewport: { width: 320, height: 700 }, colorScheme: 'dark', locale: 'zh-CN' })
  await enlarge(200)
  const fit = fitsAt([[320], [320, 200]])
  await exhaust(async state => {
    await enlarge(100)
    await check(state)
    await fit(state) // which leaves the text large
  })
})

test('axe-core, failed', async () => {
  await open({ colorScheme: 'dark' }, { fails: 'The engine stopped unexpectedly.', at: 5 })
  for (const digit of [0, 1, 2, 3, 4]) await drawAndTake(digit)
  await page.click('#teach-start')
  await page.locator('.teach-run .teach-failed:not(:empty)').waitFor()
  await check('failed')
})

test('forced colours: ink is seen on the pad and on the pictures, and what is asked for is marked', async () => {
  await open({ forcedColors: 'active', colorScheme: 'light' })
  await draw(3)
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await page.emulateMedia({ colorScheme })
    assert.ok(await inkOnPad())
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('.pad-frame')).backgroundColor), colorScheme === 'dark' ? 'rgb(0, 0, 0)' : 'rgb(11, 11, 13)')
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('[data-asked]')).outlineStyle), 'solid')
  }
})

test('reduced motion: nothing moves while the pad waits', async () => {
  await open({})
  await draw(3, STROKES[3])
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0)
  await open({ reducedMotion: 'no-preference' })
  await draw(3)
  assert.ok(await page.evaluate(() => document.getAnimations().length))
})
