// axe-core finds nothing: light, dark and narrow, in every state that a visitor can bring the page to.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { before, describe, test } from 'node:test'
import { choose, freshPage, openPage, page, pick, server, settled, setUp, toggleLora } from './support.mjs'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

setUp({ page: 'none' })

const check = async (page, state) => {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await source)
  const { passed, violations } = await page.evaluate(async () => {
    const { passes, violations } = await axe.run()
    const told = ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`
    return { passed: passes.length, violations: violations.map(told) }
  })
  assert.ok(passed > 10, `only ${passed} rules had anything to look at`)
  assert.deepEqual(violations, [], state)
}
const source = import('node:fs/promises').then(({ readFile }) => readFile(AXE, 'utf8'))

/** @type {[string, import('playwright-core').BrowserContextOptions][]} */
const APPEARANCES = [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['narrow', { viewport: { width: 320, height: 700 } }],
  ['narrow and dark, in Chinese', { viewport: { width: 320, height: 700 }, colorScheme: 'dark', locale: 'zh-CN' }],
]
for (const [title, options] of APPEARANCES) {
  describe(title, () => {
    before(async () => {
      await freshPage({ reducedMotion: 'reduce', ...options })
      await openPage(page, server.url)
    })

    test('at first', () => check(page, 'at first'))

    test('with a digit drawn, and everything unfolded', async () => {
      await pick(page, 7)
      await page.click('#schedule summary')
      await page.click('#attention summary')
      await page.waitForSelector('#stage[data-busy=false] #attention[data-maps=true]')
      await page.click('#many-digits')
      await settled(page)
      await page.locator('#network').scrollIntoViewIfNeeded()
      await page.waitForSelector('#unet label')
      await check(page, 'drawn')
    })

    test('with LoRA, in each comparison, and with a mix', async () => {
      await toggleLora(page)
      await page.click('#changes summary')
      await page.waitForSelector('#changes-map tbody tr')
      for (const mode of ['side', 'wipe', 'difference']) {
        await choose(page, 'compare', mode)
        await check(page, mode)
      }
      await choose(page, 'styles', '*')
      await check(page, 'mix')
    })

    test('with something to say, grave and mild', async () => {
      await page.setInputFiles('#files', { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('x') })
      await page.waitForSelector('#notice:not([hidden])')
      await check(page, 'grave')
      await page.evaluate(() => (location.hash = 'digit=3&steps=2&base=0123456789ab'))
      await page.waitForSelector('#notice.mild')
      await settled(page)
      await check(page, 'mild')
    })
  })
}

for (const [title, options] of APPEARANCES) {
  test(`embed.html, ${title}`, async () => {
    await freshPage(options)
    await page.goto(`${server.url}embed.html`)
    await page.waitForFunction(() => !document.querySelector('template'))
    await check(page, 'embed.html')
  })
}
