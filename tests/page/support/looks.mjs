// What a page must be for everybody: axe-core finds nothing, texts and controls do not lie over each other, and nothing sticks out.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { page } from './setup.mjs'

const source = () => readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** @type {[string, import('playwright-core').BrowserContextOptions][]} */
export const APPEARANCES = [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['narrow', { viewport: { width: 320, height: 700 } }],
  ['narrow and dark, in Chinese', { viewport: { width: 320, height: 700 }, colorScheme: 'dark', locale: 'zh-CN' }],
]
/** @param {import('playwright-core').Page} page @param {string} state */
export const checkAxe = async (page, state) => {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await source())
  const { passed, violations } = await page.evaluate(async () => {
    const { passes, violations } = await axe.run()
    const told = ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`
    return { passed: passes.length, violations: violations.map(told) }
  })
  assert.ok(passed > 10, `only ${passed} rules had anything to look at`)
  assert.deepEqual(violations, [], state)
}

/** Texts and controls that lie over each other, or stick out of the window. */
export const collisions = (within = page) =>
  within.evaluate(() => {
    const shown = [...document.querySelectorAll('main :is(p, h1, h2, h3, figcaption, summary, label, button, select, input[type=range], input[type=number], output, .segments), .masthead a, .footer a')].filter(
      element => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getClientRects().length && !element.closest('.overlay, .pictures, .hidden-visually, .map, .schedule svg'),
    )
    const boxes = shown.flatMap(element => [...element.getClientRects()].map(box => ({ element, box }))).filter(({ box }) => box.width && box.height)
    const found = []
    for (const [i, a] of boxes.entries())
      for (const b of boxes.slice(i + 1)) {
        if (a.element === b.element || a.element.contains(b.element) || b.element.contains(a.element)) continue
        const x = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left)
        const y = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top)
        if (x > 2 && y > 2) found.push(`${a.element.textContent.trim().slice(0, 30) || a.element.id} / ${b.element.textContent.trim().slice(0, 30) || b.element.id}`)
      }
    // What is cut off inside its own box.
    for (const { element } of boxes) if (element.scrollWidth > element.clientWidth + 2 && element.matches('button, label, .segments, h1, h2, h3, p')) found.push(`cut: ${element.textContent.trim().slice(0, 30)}`)
    return { found, wide: document.documentElement.scrollWidth > innerWidth }
  })
