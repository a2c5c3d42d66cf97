// How a suite begins and ends: setUp() serves the site and launches the browser, and opens a page for each test or one for all.
// `server`, `browser`, `page` and `errors` are live bindings: those of the test that runs.
import { after, before, beforeEach } from 'node:test'
import { launch, newPage } from './browser.mjs'
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

/**
 * For all tests of the file, or of the describe() that it is called in.
 * @param {{ site?: import('./server.mjs').Site | false, webgpu?: boolean, page?: 'each' | 'once' | 'none',
 *   options?: import('playwright-core').BrowserContextOptions, begin?: () => unknown, prepare?: () => unknown }} [suite] no
 *   `site`: the tests serve their own. `begin` runs once, when there is a browser. `page` is opened for each test, whose server then
 *   has the faults of `site` again, or once for all; `prepare` follows it
 */
export function setUp({ site = {}, webgpu = false, page: when = 'each', options, begin, prepare } = {}) {
  const open = async () => {
    await freshPage(options)
    await prepare?.()
  }
  before(async () => {
    if (site) await freshServer(site)
    browser = await launch({ webgpu })
    await begin?.()
    if (when === 'once') await open()
  })
  if (when === 'each')
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
  ;({ page, errors, close: closePage } = await newPage(within, options))
}

/** Another server in place of this one. @param {import('./server.mjs').Site} [site] */
export async function freshServer(site = {}) {
  await server?.close()
  server = await serve({ ...site, faults: { ...site.faults }, pages: { ...site.pages } })
}

/** @param {object} to @param {object} [from] */
function restore(to, from) {
  for (const name of Object.keys(to)) Reflect.deleteProperty(to, name)
  Object.assign(to, from)
}
