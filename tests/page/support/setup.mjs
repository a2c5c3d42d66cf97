// How a suite begins and ends: setUp() serves the site and launches the browser, and opens a page for each test or one for all.
// `server`, `browser`, `page` and `errors` are live bindings: those of the test that runs.
import { after, before, beforeEach } from 'node:test'
import { launch, newPage } from './browser.mjs'
import { until } from './page.mjs'
import { serve } from './server.mjs'

/** @type {import('./server.mjs').Server} */
export let server
/** @type {import('playwright-core').Browser} */
export let browser
/** @type {import('playwright-core').Page} */
export let page
/** What the page's console has shown. @type {string[]} */
export let errors
/** @type {(() => Promise<void>) | undefined} */
let closePage
/** Whether this page may be used again: it has been given nothing that stays with a page. */
let reusable = false
/** @type {import('playwright-core').CDPSession} */
let clearer
/** What stays with a page or its context. */
const LASTING = ['addInitScript', 'exposeFunction', 'exposeBinding', 'route', 'emulateMedia', 'setViewportSize', 'setExtraHTTPHeaders', 'on', 'once',
  'newPage', 'newCDPSession', 'grantPermissions', 'setOffline', 'addCookies', 'close']

/**
 * For all tests of the file, or of the describe() that it is called in. `begin` runs once, when there is a browser. `page` is opened
 * for each test, whose server then has the faults of `site` again, or once for all. 'cleared' is 'each' for a third of the work: the
 * page of the test before is used again, without what its site has stored, unless a test has given it what stays. `equip` gives a
 * new page what is to stay; `prepare` follows for each test.
 * @param {{ site?: import('./server.mjs').Site | false, webgpu?: boolean, page?: 'each' | 'cleared' | 'once' | 'none',
 *   options?: import('playwright-core').BrowserContextOptions, begin?: () => unknown, equip?: () => unknown,
 *   prepare?: () => unknown }} [suite] no `site`: the tests serve their own
 */
export function setUp({ site = {}, webgpu = false, page: when = 'each', options, begin, equip, prepare } = {}) {
  const open = async () => {
    if (!(when === 'cleared' && (await clear()))) {
      await freshPage(options)
      await equip?.()
      reusable = true
      if (when === 'cleared') clearer = await page.context().newCDPSession(page)
      const spoil = () => (reusable = false)
      for (const owner of [page, page.context()]) for (const name of LASTING) if (name in owner) tell(owner, name, spoil)
    }
    await prepare?.()
  }
  before(async () => {
    if (site) await freshServer(site)
    browser = await launch({ webgpu })
    await begin?.()
    if (when === 'once') await open()
  })
  if (when === 'each' || when === 'cleared')
    beforeEach(async () => {
      if (site) restore(server.faults, site.faults)
      await open()
    })
  after(async () => {
    await closePage?.()
    closePage = undefined
    await browser?.close()
    await server?.close()
    server = undefined
  })
}

/** Another page in place of this one. @param {import('playwright-core').BrowserContextOptions} [options] */
export async function freshPage(options, within = browser) {
  await closePage?.()
  closePage = undefined
  reusable = false
  ;({ page, errors, close: closePage } = await newPage(within, options))
}

/** Another server in place of this one. @param {import('./server.mjs').Site} [site] */
export async function freshServer(site = {}) {
  await server?.close()
  server = await serve({ ...site, faults: { ...site.faults }, pages: { ...site.pages } })
}

/** Has `spoil` called whenever a method is. @param {any} owner @param {string} name @param {() => void} spoil */
function tell(owner, name, spoil) {
  const method = owner[name]
  owner[name] = function (...args) {
    spoil()
    return method.apply(this, args)
  }
}

/** Whether the page is as one that has just been opened. */
async function clear() {
  if (!closePage || !reusable || page.isClosed() || page.context().pages().length !== 1) return false
  const { origin } = new URL(page.url())
  await page.evaluate(() => sessionStorage.clear()).catch(() => {}) // about:blank has none
  await page.goto('about:blank')
  const origins = new Set([origin, server && new URL(server.url).origin].filter(origin => /^http/.test(origin)))
  for (const origin of origins) await clearer.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' })
  await until(() => page.workers().length, count => count === 0)
  errors.length = 0
  return true
}

/** @param {object} to @param {object} [from] */
function restore(to, from) {
  for (const name of Object.keys(to)) Reflect.deleteProperty(to, name)
  Object.assign(to, from)
}
