// Picking among classes of any number and any names: keys, chips, and the search among 400 of them, by hand and by keys, on a phone too.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { address, errors, FEW_LONG, freshPage, freshServer, LETTERS, MANY, modelsOf, openLink, openPage, page, pick, rested, server, settled, setUp } from './support.mjs'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const PHONE = { viewport: { width: 390, height: 800 }, reducedMotion: /** @type {const} */ ('reduce') }

setUp({ site: false, page: 'none' })

const visit = async (base, options = {}) => {
  await freshServer({ pages: await modelsOf(base) })
  await freshPage({ reducedMotion: 'reduce', ...options })
  await openPage(page, server.url)
}
const options = () => page.locator('#found [role=option]').allTextContents()
const active = () => page.evaluate(() => document.getElementById(document.getElementById('find').getAttribute('aria-activedescendant'))?.textContent)
const expanded = () => page.getAttribute('#find', 'aria-expanded')
const picked = () => page.inputValue('#find')
const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
const check = async state => {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await readFile(AXE, 'utf8'))
  const violations = await page.evaluate(async () => (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`))
  assert.deepEqual(violations, [], state)
}
/** What is too small for a thumb, of what is seen of the picker. */
const small = () =>
  page.evaluate(() =>
    [...document.querySelectorAll('#digits :is(label, input[type=text], button, [role=option])')]
      .map(node => ({ node, box: node.getBoundingClientRect() }))
      .filter(({ box }) => box.height && (box.height < 44 || box.width < 44))
      .map(({ node, box }) => `${node.outerHTML.slice(0, 80)} ${box.width} x ${box.height}`),
  )

describe('400 classes', () => {
  test('by keyboard alone: search, arrows, Home, End, Enter, Escape', async () => {
    await visit(MANY)
    await page.focus('.chip')
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => document.activeElement.id), 'find')
    assert.equal(await expanded(), 'false')
    await page.keyboard.press('ArrowDown')
    assert.equal(await expanded(), 'true')
    assert.equal(await active(), '<b>bold</b>')
    assert.equal((await options()).length, 400)
    await page.keyboard.press('End')
    assert.equal(await active(), MANY.labels.at(-1))
    await page.keyboard.press('ArrowDown')
    assert.equal(await active(), '<b>bold</b>', 'the list is a ring')
    await page.keyboard.press('PageDown')
    assert.equal(await active(), '%41')
    await page.keyboard.press('Home')
    assert.equal(await active(), '<b>bold</b>')
    await page.keyboard.type('LOWENZAHN 3') // without case and accents; every word of it
    assert.deepEqual((await options()).sort(), MANY.labels.filter(label => /^Löwenzahn.*3/.test(label)).sort())
    await page.locator('#digits [role=status]:has-text("of 400 ornaments")').waitFor({ state: 'attached' })
    assert.equal(await active(), 'Löwenzahn 3')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('ArrowUp')
    assert.equal(await active(), 'Löwenzahn 23', 'where a word begins so, then the rest')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await settled(page)
    assert.equal(await expanded(), 'false')
    assert.equal(await picked(), 'Löwenzahn 13')
    assert.equal(await page.textContent('#announcer'), 'Done: the ornament “Löwenzahn 13” in 3 steps.')
    await page.keyboard.type('tulip')
    assert.match(await page.innerText('#found-status'), /^\d+ of 400 ornaments · Picked: Löwenzahn 13$/)
    await page.keyboard.press('Escape')
    assert.deepEqual([await expanded(), await picked()], ['false', 'Löwenzahn 13'], 'Escape leaves all as it was')
    await page.keyboard.press('ArrowDown')
    assert.equal(await active(), 'Löwenzahn 13', 'the list opens at what is picked')
    await page.keyboard.press('Alt+ArrowUp')
    assert.equal(await expanded(), 'false')
    await page.keyboard.type('zzzz')
    assert.equal(await page.innerText('#found-status'), 'None of 400 ornaments · Picked: Löwenzahn 13')
    await page.keyboard.press('Enter')
    assert.equal(await expanded(), 'true', 'nothing to pick')
    await page.keyboard.press('Tab')
    assert.deepEqual([await expanded(), await picked()], ['false', 'Löwenzahn 13'])
    assert.equal(await page.evaluate(() => document.activeElement.id), 'seed', 'one stop')
    assert.deepEqual(errors, [])
  })

  test('what was typed comes first, by case and accents too; what begins so before what has it inside', async () => {
    await visit(MANY)
    const first = async text => {
      await page.fill('#find', text)
      return (await options())[0]
    }
    assert.equal(await first('ECOLE'), 'ECOLE')
    assert.equal(await first('école'), 'école')
    assert.equal(await first('strasse'), 'Straße')
    assert.equal(await first('1,5'), '1,5')
    assert.equal(await first('tulip'), '🌷 tulip 1')
    assert.equal(await first('蒲公英'), '蒲公英 1')
    assert.equal(await first('אברהם'), 'אַבְרָהָם 1')
  })

  for (const [title, options] of /** @type {[string, import('playwright-core').BrowserContextOptions][]} */ ([
    ['on a phone', PHONE], ['on a small phone, dark, in Chinese', { ...PHONE, viewport: { width: 320, height: 640 }, colorScheme: 'dark', locale: 'zh-CN' }], ['wide', { viewport: { width: 1280, height: 800 } }],
  ]))
    test(`by hand, ${title}: nothing sticks out, nothing is small, axe finds nothing`, async () => {
      await visit(MANY, options)
      assert.ok(await fits())
      await check('closed')
      await page.click('#find')
      assert.ok(await fits())
      assert.deepEqual(await small(), [])
      const seen = await page.locator('.found').evaluate(popup => {
        const { top, bottom, left, right } = popup.getBoundingClientRect()
        const above = [0.1, 0.5, 0.9].every(at => popup.contains(document.elementFromPoint((left + right) / 2, top + (bottom - top) * at)))
        return above && top >= 0 && bottom <= innerHeight
      })
      assert.ok(seen, 'the list is in sight, above everything else')
      await check('open')
      await page.click('#found [role=option]:has-text("Donaudampfschifffahrtsgesellschaftskapitänsmütze 2")')
      await settled(page)
      assert.equal(await picked(), 'Donaudampfschifffahrtsgesellschaftskapitänsmütze 2')
      await page.click('#many-digits')
      await settled(page)
      assert.ok(await fits())
      await page.locator('#network').scrollIntoViewIfNeeded()
      await page.waitForSelector('#unet label')
      assert.ok(await fits())
      await check('drawn')
      await page.click('#digits .icon')
      assert.equal(await expanded(), 'true')
      assert.equal(await active(), 'Donaudampfschifffahrtsgesellschaftskapitänsmütze 2')
      await page.click('#digits .icon')
      assert.equal(await expanded(), 'false')
      assert.deepEqual(errors, [])
    })

  test('a sheet has the first 40, and the next ones are a click away', async () => {
    await visit(MANY, PHONE)
    assert.equal(await page.innerText('#many-digits'), 'The first 40 of 400 ornaments')
    await page.click('#many-digits')
    await settled(page)
    assert.equal(await page.locator('#sheet button').count(), 40)
    assert.match(await page.locator('#sheet button').nth(9).getAttribute('title'), /^n{100}: Look/)
    assert.equal(await page.innerText('#sheet-more'), 'Next: 41 to 80 of 400')
    await page.click('#sheet-more')
    await settled(page)
    assert.equal(await page.locator('#sheet button span').first().innerText(), MANY.labels[40])
    await page.locator('#sheet button').nth(3).click()
    await settled(page)
    assert.equal(await picked(), MANY.labels[43])
    await page.click('#many-seeds')
    await settled(page)
    assert.equal(await page.locator('#sheet-more').isVisible(), false)
  })

  test('a link has any name, and brings it back', async () => {
    await visit(MANY)
    for (const label of MANY.labels.filter((_, i) => i < 10 || [13, 15, 19].includes(i))) {
      await page.fill('#find', label.trim() ? label : '')
      await page.locator('#found [role=option]').nth(label.trim() ? 0 : MANY.labels.indexOf(label)).click()
      await settled(page)
      await rested(page)
      const url = page.url()
      assert.equal((await address(page)).digit, label)
      await openLink(page, server.url, url.split('#')[1])
      await page.locator('#strip input:enabled').first().waitFor()
      await rested(page)
      assert.equal(page.url(), url, label)
      assert.equal(await page.locator('#notice:not([hidden])').count(), 0, label)
      assert.match(await page.getAttribute('#picture-base', 'aria-label'), /^Ornament/)
    }
    assert.equal(await page.evaluate(() => document.querySelectorAll('main b, main i').length), 0, 'names are text')
  })
})

test('long names are chips; a letter goes to the next one that begins with it', async () => {
  await visit(FEW_LONG, PHONE)
  const sizes = [PHONE.viewport, { width: 320, height: 640 }, { width: 1280, height: 800 }]
  for (const size of sizes) {
    await page.setViewportSize(size)
    assert.ok(await fits())
    assert.deepEqual(await small(), [])
  }
  await pick(page, FEW_LONG.labels[2])
  for (const size of sizes) {
    await page.setViewportSize(size)
    assert.ok(await fits())
    await check('chips')
  }
  await page.keyboard.press('g')
  await settled(page)
  assert.equal(await page.isChecked('#digits [value="ginkgo"]'), true)
  await page.keyboard.press('Home')
  await settled(page)
  assert.equal(await page.isChecked('#digits [value="oak leaf"]'), true)
})

test('26 letters are keys, on a phone too', async () => {
  await visit(LETTERS, PHONE)
  assert.ok(await fits())
  assert.deepEqual(await small(), [])
  await pick(page, 'A')
  await page.keyboard.press('q') // no class is called so; one begins so
  await settled(page)
  assert.equal(await page.isChecked('#digits [value="Q"]'), true)
  await check('letters')
})
