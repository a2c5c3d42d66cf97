// Other browser engines than Chromium: Firefox by WebDriver BiDi, WebKitGTK by WebDriver. Playwright drives neither as Debian packages
// them, so both are given the few methods of its Page that the helpers of page.mjs need.
// Environment: FIREFOX and WEBKIT_DRIVER, their commands; XVFB, a display for WebKitGTK, which has no headless mode.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { openFirefox } from './firefox.mjs'
import { openWebKit } from './webkit.mjs'

const PATIENCE = 120_000

/** Where a command is, if it is. @param {string | undefined} named by the environment @param {string[]} names */
function find(named, names) {
  if (named) return named
  const places = (process.env.PATH ?? '').split(delimiter).flatMap(folder => names.map(name => join(folder, name)))
  return places.find(place => {
    try {
      accessSync(place, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/**
 * What an engine's driver does. `evaluate` runs an expression, a promise's result is waited for; `drag` presses the mouse at the first
 * place of the window, and leaves it at the last; `errors` is what the console has shown, where the driver tells.
 * @typedef {{ x: number, y: number }} Place in whole pixels
 * @typedef {{ goto: (url: string) => Promise<unknown>, evaluate: (expression: string) => Promise<any>,
 *   drag: (places: Place[]) => Promise<unknown>, errors?: string[], close: () => Promise<unknown> }} Driver
 *
 * @typedef {{ name: string, missing: string | undefined, open: () => Promise<Driver> }} Engine
 */

const firefox = find(process.env.FIREFOX, ['firefox-esr', 'firefox'])
const driver = find(process.env.WEBKIT_DRIVER, ['WebKitWebDriver'])
const xvfb = find(process.env.XVFB, ['Xvfb'])
const display = process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY

/** `missing` says what is not here. @type {Engine[]} */
export const ENGINES = [
  { name: 'Firefox', missing: firefox ? undefined : 'Firefox is not here (Debian’s firefox-esr)', open: () => openFirefox(firefox) },
  {
    name: 'WebKitGTK',
    missing: !driver ? 'WebKitWebDriver is not here (Debian’s webkit2gtk-driver)' : xvfb || display ? undefined : 'there is no display, nor Xvfb (Debian’s xvfb)',
    open: () => openWebKit(driver, xvfb),
  },
]

/**
 * A page with the methods that the helpers of page.mjs use.
 * @param {Driver} driver
 */
export function pageOf({ goto, evaluate, drag }) {
  const page = {
    goto,
    /** @param {Function} work its code runs in the page @param {any} [value] */
    evaluate: (work, value) => evaluate(`(${work})(${JSON.stringify(value) ?? ''})`),
    waitForTimeout: (/** @type {number} */ ms) => new Promise(resolve => setTimeout(resolve, ms)),
    /** @param {string} selector */
    async waitForSelector(selector) {
      const end = Date.now() + PATIENCE
      while (!(await page.evaluate(selector => document.querySelector(selector) !== null, selector))) {
        if (Date.now() > end) throw new Error(`there is no ${selector} after ${PATIENCE / 1000} s`)
        await page.waitForTimeout(50)
      }
    },
    /** @param {string} selector */
    async click(selector) {
      await page.drag(selector, [0.5, 0.5])
    },
    /** @param {string} selector @param {number[]} stroke x and y of its points, in shares of the element */
    async drag(selector, stroke) {
      await page.waitForSelector(selector)
      const { left, top, width, height } = await page.evaluate(selector => {
        const element = document.querySelector(selector)
        element.scrollIntoView({ block: 'center', behavior: 'instant' })
        return element.getBoundingClientRect().toJSON()
      }, selector)
      await drag(Array.from({ length: stroke.length / 2 }, (_, i) => ({ x: Math.round(left + stroke[2 * i] * width), y: Math.round(top + stroke[2 * i + 1] * height) })))
    },
  }
  return /** @type {import('playwright-core').Page & Pick<typeof page, 'drag'>} */ (/** @type {unknown} */ (page))
}
