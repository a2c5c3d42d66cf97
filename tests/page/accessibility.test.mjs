// axe-core finds nothing: light, dark and narrow, in every state that a visitor can bring the page to.
import { before, describe, test } from 'node:test'
import { APPEARANCES, checkAxe, choose, freshPage, openPage, page, pick, server, settled, setUp, toggleLora } from './support.mjs'

setUp({ page: 'none' })

/** The language is a page's own; light, dark and narrow are put on one that is there. */
const LANGUAGES = ['en-US', 'zh-CN'].map(locale => /** @type {const} */ ([locale, APPEARANCES.filter(([, options]) => (options.locale ?? 'en-US') === locale)]))
/** @param {typeof APPEARANCES} appearances */
const dressed = appearances => async (/** @type {import('playwright-core').Page} */ page, /** @type {string} */ state) => {
  for (const [title, { viewport = { width: 1280, height: 720 }, colorScheme = 'light' }] of appearances) {
    await page.setViewportSize(viewport)
    await page.emulateMedia({ colorScheme })
    await checkAxe(page, `${state}, ${title}`)
  }
}

for (const [locale, appearances] of LANGUAGES) {
  describe(appearances.map(([title]) => title).join(', '), () => {
    const checkAxe = dressed(appearances)
    before(async () => {
      await freshPage({ reducedMotion: 'reduce', locale, ...appearances.at(-1)[1] })
      await openPage(page, server.url)
    })

    test('at first', () => checkAxe(page, 'at first'))

    test('with a digit drawn, and everything unfolded', async () => {
      await pick(page, 7)
      await page.click('#schedule summary')
      await page.click('#attention summary')
      await page.waitForSelector('#stage[data-busy=false] #attention[data-maps=true]')
      await page.click('#many-digits')
      await settled(page)
      await page.locator('#network').scrollIntoViewIfNeeded()
      await page.waitForSelector('#unet label')
      await checkAxe(page, 'drawn')
    })

    test('with LoRA, in each comparison, and with a mix', async () => {
      await toggleLora(page)
      await page.click('#changes summary')
      await page.waitForSelector('#changes-map tbody tr')
      for (const mode of ['side', 'wipe', 'difference']) {
        await choose(page, 'compare', mode)
        await checkAxe(page, mode)
      }
      await choose(page, 'styles', '*')
      await checkAxe(page, 'mix')
    })

    test('with something to say, grave and mild', async () => {
      await page.setInputFiles('#files', { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('x') })
      await page.waitForSelector('#notice:not([hidden])')
      await checkAxe(page, 'grave')
      await page.evaluate(() => (location.hash = 'digit=3&steps=2&base=0123456789ab'))
      await page.waitForSelector('#notice.mild')
      await settled(page)
      await checkAxe(page, 'mild')
    })
  })
}

for (const [locale, appearances] of LANGUAGES) {
  test(`embed.html, ${appearances.map(([title]) => title).join(', ')}`, async () => {
    await freshPage({ locale, reducedMotion: 'reduce' }) // the colours change at once
    await page.goto(`${server.url}embed.html`)
    await page.waitForFunction(() => !document.querySelector('template'))
    await dressed(appearances)(page, 'embed.html')
  })
}
