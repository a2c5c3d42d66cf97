// A visitor's moves on the page, and what the page says.
/** @typedef {import('playwright-core').Page} Page */

/** Waits until nothing is under way. @param {Page} page */
export const settled = page => page.waitForSelector('#stage[data-busy=false]')

/**
 * Opens the page with few steps at full speed. SwiftShader takes seconds for a step, and twice as long with guidance: there, both
 * are kept small.
 * @param {Page} page
 * @param {string} url
 */
export async function openPage(page, url, { steps = 3, guidance = 2 } = {}) {
  await page.goto(url)
  await settled(page)
  await set(page, 'steps', steps)
  await set(page, 'guidance', guidance)
  if ((await page.locator('#pace').getAttribute('aria-checked')) === 'false') await page.click('#pace')
}

/** Opens the page at the settings of a link. @param {Page} page @param {string} url @param {string} hash */
export async function openLink(page, url, hash) {
  await page.goto('about:blank')
  await page.goto(`${url}#${hash}`)
  await settled(page)
}

/** The settings in the address bar. @param {Page} page @returns {Promise<Record<string, string>>} */
export const address = page => page.evaluate(() => Object.fromEntries(new URLSearchParams(location.hash.slice(1))))

/** Waits for as long as the address bar waits for quiet. @param {Page} page */
export const rested = page => page.waitForTimeout(450)

/** Moves a slider or fills a field, as a visitor's hand would. @param {Page} page @param {string} id @param {string | number} value */
export const set = (page, id, value) =>
  page.evaluate(
    ([id, value]) => {
      const input = /** @type {HTMLInputElement} */ (document.getElementById(id))
      input.value = value
      input.dispatchEvent(new Event('input', { bubbles: true }))
      input.dispatchEvent(new Event('change', { bubbles: true }))
    },
    [id, String(value)],
  )

/** @param {Page} page @param {string | number} digit */
export const pick = (page, digit) => choose(page, 'digits', digit)

/** @param {Page} page */
export async function toggleLora(page) {
  await page.click('#lora')
  await settled(page)
}

/** @param {Page} page @param {string} group @param {string | number} value */
export async function choose(page, group, value) {
  await page.click(`#${group} [value="${value}"]`)
  await settled(page)
}

/** @param {Page} page */
export const notice = page => page.locator('#notice:not([hidden])').innerText({ timeout: 60_000 })

/** @param {Page} page */
export const stepsDrawn = page => page.locator('#strip input:enabled').count()

/** Until the service worker has taken up its work, and has a copy. @param {Page} page */
export const copyKept = page => page.evaluate(async () => (await navigator.serviceWorker.ready).active.state)

/**
 * The service worker's ledger: the copy that is served, and the one that waits.
 * @param {Page} page
 * @returns {Promise<{ current: Copy | null, next: Copy | null } | undefined>}
 * @typedef {{ name: string, hashes: Record<string, string> }} Copy
 */
export const copies = page =>
  page.evaluate(async () => {
    const name = (await caches.keys()).find(name => name.endsWith('ledger'))
    const entry = name && (await (await caches.open(name)).match('copies'))
    return entry ? entry.json() : undefined
  })

/**
 * Marks every <digit-diffusion> of the page and its frames: data-drawn, its picture, or data-failed, its sentence. `seen` counts its
 * events.
 * @param {Page} page
 */
export const watchElements = page =>
  page.addInitScript(() => {
    window.seen = []
    for (const type of ['load', 'progress', 'done', 'error']) {
      document.addEventListener( // a load event never reaches the window
        type,
        event => {
          const element = /** @type {HTMLElement} */ (event.target)
          if (element.localName !== 'digit-diffusion') return
          window.seen.push(type)
          if (type === 'done') element.dataset.drawn = element.shadowRoot.querySelector('canvas').toDataURL()
          if (type === 'error') element.dataset.failed = /** @type {ErrorEvent} */ (event).message
        },
        true,
      )
    }
  })

/**
 * Asks until the answer is `wanted`, for as long as the slowest machine may need.
 * @template T
 * @param {() => T | Promise<T>} ask
 * @param {(answer: T) => unknown} wanted
 * @returns {Promise<T>}
 */
export async function until(ask, wanted) {
  const end = Date.now() + 240_000
  for (;;) {
    const answer = await ask()
    if (wanted(answer)) return answer
    if (Date.now() > end) throw new Error(`It never came to that; the last answer was ${JSON.stringify(answer)}.`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
