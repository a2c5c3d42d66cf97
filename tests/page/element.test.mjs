// <digit-diffusion>: attributes, properties, events, and what several of them share. On pages of others: embedding.test.mjs.
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { FILES, launch, newPage, serve, watchElements } from './support.mjs'

const html = (body, script) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Test</title>
<style>.far { margin-top: 4000px }</style><script type="module" src="${script}"></script><body>${body}`
const DRAWN = 'digit-diffusion[data-drawn]'

let home, browser, page, errors, close
before(async () => {
  home = await serve({ headers: { 'access-control-allow-origin': '*' } })
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await home?.close()
})
beforeEach(async () => {
  ;({ page, errors, close } = await newPage(browser))
  await watchElements(page)
})
afterEach(() => close())

/** Opens a page with this body on the origin of `server`, with the module from `script`. */
async function show(server, body, script = 'digit-diffusion.js') {
  server.pages['test.html'] = html(body, script)
  await page.goto(`${server.url}test.html`)
}

test('draws by its attributes alone', async () => {
  await show(home, '<digit-diffusion label="7" seed="42" steps="3" device="cpu"></digit-diffusion>')
  await page.waitForSelector(DRAWN)
  const seen = await page.evaluate(() => seen)
  assert.equal(seen.at(-1), 'done')
  assert.equal(seen.filter(type => type === 'load').length, 1)
  assert.ok(seen.filter(type => type === 'progress').length >= 3)
  assert.match(await page.evaluate(() => document.querySelector('digit-diffusion').shadowRoot.querySelector('canvas').ariaLabel), /digit 7/)
  assert.deepEqual(errors, [])
})

test('a changed attribute draws anew; the same attributes give the same picture', async () => {
  await show(home, '<digit-diffusion label="7" seed="42" steps="2" device="cpu"></digit-diffusion>')
  await page.waitForSelector(DRAWN)
  const drawn = () => page.getAttribute('digit-diffusion', 'data-drawn')
  const change = async attributes => {
    await page.evaluate(attributes => {
      const element = document.querySelector('digit-diffusion')
      delete element.dataset.drawn
      Object.assign(element, attributes)
    }, attributes)
    await page.waitForSelector(DRAWN)
    return drawn()
  }
  const first = await drawn()
  const style = await page.evaluate(async () => (await document.querySelector('digit-diffusion').model).catalog[0].name)
  const styled = await change({ lora: style, loraScale: 0.8 })
  assert.notEqual(styled, first)
  assert.notEqual(await change({ label: '3' }), styled)
  assert.equal(await change({ label: '7', lora: null }), first)
  assert.deepEqual(errors, [])
})

test('several share one engine and one download', async () => {
  home.requests.length = 0
  await show(home, [1, 2, 3].map(label => `<digit-diffusion label="${label}" seed="1" steps="2" device="cpu"></digit-diffusion>`).join(''))
  await page.waitForFunction(selector => document.querySelectorAll(selector).length === 3, DRAWN)
  assert.equal(page.workers().length, 1)
  assert.equal(home.requests.filter(name => name === FILES.weights).length, 1)
})

test('loads nothing before it is in view, and lets go when it leaves the page', async () => {
  home.requests.length = 0
  await show(home, '<div class="far"><digit-diffusion label="7" steps="2" device="cpu"></digit-diffusion></div>')
  await page.waitForTimeout(500)
  assert.equal(home.requests.includes(FILES.engine), false)
  await page.evaluate(() => document.querySelector('digit-diffusion').scrollIntoView())
  await page.waitForSelector(DRAWN)
  await page.evaluate(() => document.querySelector('digit-diffusion').remove())
  for (let i = 0; i < 50 && page.workers().length; i++) await page.waitForTimeout(50)
  assert.equal(page.workers().length, 0)
})

test('says in its own place what went wrong', async () => {
  await show(home, '<digit-diffusion label="7" base="nowhere/" device="cpu"></digit-diffusion>')
  await page.waitForSelector('digit-diffusion[data-failed]')
  assert.match(await page.getAttribute('digit-diffusion', 'data-failed'), /missing/)
  assert.match(await page.evaluate(() => document.querySelector('digit-diffusion').shadowRoot.querySelector('[part=error]').innerText), /missing/)
})

test('embed.html: every example runs', async () => {
  await page.goto(`${home.url}embed.html`)
  for (const element of await page.locator('digit-diffusion').all()) {
    await element.scrollIntoViewIfNeeded()
    await element.and(page.locator('[data-drawn]')).waitFor()
  }
  await page.click('#next')
  await page.click('#start')
  await page.locator('#status:has-text("12 of 12")').waitFor()
  assert.match(await page.innerText('.here >> nth=0'), /^http.*digit-diffusion\.js$/)
  assert.deepEqual(errors, [])
})
