// The browser, and pages in it.
// Environment: CHROME, a Chromium or Chrome.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const CHROME = process.env.CHROME ?? '/usr/bin/chromium'

/**
 * Headless Chromium; WebGPU runs on SwiftShader, the emulator inside Chromium, and is absent without it. `remembers` leaves on what
 * Playwright switches off: pages that were left stay in the browser's memory, and come back from it.
 */
export const launch = ({ webgpu = false, remembers = false, args = [] } = {}) =>
  chromium.launch({
    executablePath: CHROME,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
      ...(webgpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : []),
    ],
    ignoreDefaultArgs: remembers ? ['--disable-back-forward-cache'] : [],
  })

/**
 * A page in a browser of its own, whose font size is set to `pixels`; the usual one is 16.
 * @param {number} pixels
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function newPageWithFont(pixels, options) {
  const profile = await mkdtemp(join(tmpdir(), 'digit-diffusion-profile-'))
  await mkdir(join(profile, 'Default'))
  await writeFile(join(profile, 'Default/Preferences'), JSON.stringify({ webkit: { webprefs: { default_font_size: pixels } } }))
  const context = await chromium.launchPersistentContext(profile, { executablePath: CHROME, args: ['--headless=new', '--no-sandbox'], ...options })
  const close = async () => {
    await context.close()
    await rm(profile, { recursive: true, force: true })
  }
  return { page: await context.newPage(), close }
}

/**
 * A fresh page, and the errors that its console shows.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function newPage(browser, options) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(300_000)
  /** @type {string[]} */
  const errors = []
  page.on('console', message => message.type() === 'error' && errors.push(message.text()))
  page.on('pageerror', error => errors.push(String(error)))
  return { page, errors, close: () => context.close() }
}
