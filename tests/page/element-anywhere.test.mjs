// <digit-diffusion> draws or tells, whatever a browser lacks, a page allows, or wherever it is put.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { browser, errors, freshPage, launch, page, server, setUp, watchElements } from './support.mjs'

const TAG = '<digit-diffusion label="7" seed="42" steps="2" device="cpu"></digit-diffusion>'
const html = body => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Test</title><script type="module" src="digit-diffusion.js"></script><body>${body}`
const DRAWN = 'digit-diffusion[data-drawn]'
const FAILED = 'digit-diffusion[data-failed]'

setUp({ page: 'cleared', equip: () => watchElements(page) })
async function show(body) {
  server.pages['test.html'] = html(body)
  await page.goto(`${server.url}test.html`)
}
const styled = () => page.evaluate(() => {
  const element = document.querySelector('digit-diffusion')
  return [getComputedStyle(element).width, getComputedStyle(element.shadowRoot.querySelector('canvas')).display]
})

describe('a browser', () => {
  const LACKS = {
    IntersectionObserver: () => Reflect.deleteProperty(window, 'IntersectionObserver'),
    'constructed style sheets': () => Object.defineProperty(window, 'CSSStyleSheet', { value: class { constructor() { throw new TypeError('Illegal constructor') } } }),
    adoptedStyleSheets: () => Reflect.deleteProperty(ShadowRoot.prototype, 'adoptedStyleSheets'),
  }
  for (const [what, remove] of Object.entries(LACKS)) {
    test(`without ${what}`, async () => {
      await page.addInitScript(remove)
      await show(TAG)
      await page.waitForSelector(DRAWN)
      assert.deepEqual(await styled(), ['280px', 'block'])
      assert.deepEqual(errors, [])
    })
  }

  test('without a canvas to draw on says so, and so does an address that is none', async () => {
    await page.addInitScript(() => (HTMLCanvasElement.prototype.getContext = () => null))
    await show(TAG)
    await page.waitForSelector(FAILED)
    assert.match(await page.evaluate(() => document.querySelector('digit-diffusion').shadowRoot.querySelector('[part=error]').innerText), /2D canvas/)
    await freshPage()
    await watchElements(page)
    await show('<digit-diffusion label="7" base="http://["></digit-diffusion>')
    await page.waitForSelector(FAILED)
    assert.match(await page.getAttribute('digit-diffusion', 'data-failed'), /'http:\/\/\[' is not an address/)
  })
})

test('a page that allows no style and no markup from scripts: it draws or tells', async () => {
  server.headers['content-security-policy'] = "style-src 'none'; require-trusted-types-for 'script'"
  await page.addInitScript(() => Reflect.deleteProperty(ShadowRoot.prototype, 'adoptedStyleSheets'))
  await show(TAG)
  await page.waitForSelector(`${DRAWN}, ${FAILED}`)
  delete server.headers['content-security-policy']
})

describe('hidden, it waits, and is drawn when it is shown', () => {
  /** @type {Record<string, [string, () => void]>} */
  const PLACES = {
    'in closed details': [`<details><summary>Open</summary>${TAG}</details>`, () => void (document.querySelector('details').open = true)],
    'with display: none': [`<div id="box" style="display: none">${TAG}</div>`, () => void (document.querySelector('#box').style.display = '')],
  }
  for (const [where, [body, open]] of Object.entries(PLACES)) {
    test(where, async () => {
      await show(body)
      await page.waitForFunction(() => customElements.get('digit-diffusion'))
      await page.evaluate(() => new Promise(told => new IntersectionObserver(told).observe(document.querySelector('digit-diffusion'))))
      assert.equal(await page.evaluate(() => document.querySelector('digit-diffusion').model), null)
      await page.evaluate(open)
      await page.waitForSelector(DRAWN)
    })
  }
})

test('without a box of its own (display: contents)', async () => {
  await show(`<style>digit-diffusion { display: contents }</style>${TAG}`)
  await page.waitForSelector(DRAWN, { state: 'attached' })
})

test('moved into a frame and back, it keeps its style and draws', async () => {
  await show(`${TAG}<iframe srcdoc="<!doctype html><title>Frame</title><body>" width="400" height="400"></iframe>`)
  await page.waitForSelector(DRAWN)
  const widths = await page.evaluate(async () => {
    const element = document.querySelector('digit-diffusion')
    const { body } = document.querySelector('iframe').contentDocument
    const found = []
    for (const place of [body, document.body]) {
      const done = new Promise(resolve => element.addEventListener('done', resolve, { once: true }))
      place.append(element)
      element.label = element.label === '7' ? '3' : '7'
      await done
      found.push(element.ownerDocument.defaultView.getComputedStyle(element).width)
    }
    return found
  })
  assert.deepEqual(widths, ['280px', '280px'])
  assert.deepEqual(errors, [])
})

test('on a page that the browser kept and restores, it goes on', async t => {
  const remembering = await launch({ remembers: true })
  t.after(() => remembering.close())
  server.headers['cache-control'] = 'no-cache' // what must not be stored is not kept either
  await freshPage({}, remembering)
  await watchElements(page)
  await show(TAG)
  await page.waitForSelector(DRAWN)
  await page.evaluate(() => addEventListener('pageshow', ({ persisted }) => (window.restored = persisted)))
  await page.goto(`${server.url.replace('127.0.0.1', 'localhost')}favicon.svg`)
  await page.goBack({ waitUntil: 'commit' })
  await page.waitForTimeout(1000)
  assert.equal(await page.evaluate(() => window.restored), true)
  await page.evaluate(() => {
    const element = document.querySelector('digit-diffusion')
    delete element.dataset.drawn
    element.label = '3'
  })
  await page.waitForSelector(DRAWN)
  delete server.headers['cache-control']
  await freshPage({}, browser)
})

describe('a listener that comes late', () => {
  const heard = register =>
    page.evaluate(async register => {
      const element = document.querySelector('digit-diffusion')
      const told = []
      new Function('element', 'tell', register)(element, event => told.push([event.type, event.target === element, event.currentTarget === element]))
      await new Promise(resolve => setTimeout(resolve, 50))
      return told
    }, register)
  const DONE = ['done', true, true]

  test('hears of the picture and the model that nobody heard of, once', async () => {
    await show(TAG)
    await page.waitForSelector(DRAWN)
    assert.deepEqual(await heard('element.addEventListener("done", tell)'), [DONE])
    assert.deepEqual(await heard('element.addEventListener("done", tell); element.ondone = tell'), [])
    assert.deepEqual(await heard('element.addEventListener("load", { handleEvent: tell }, { once: true })'), [['load', true, true]])
  })

  test('taken away and put back at once, as frameworks do in development, it hears of it', async () => {
    await show(TAG)
    await page.waitForSelector(DRAWN)
    assert.deepEqual(await heard('element.ondone = () => {}; element.ondone = null; element.ondone = tell'), [DONE])
  })

  test('does not hear of a picture that is no longer there, nor one that has been heard of', async () => {
    await show(TAG)
    await page.waitForSelector(DRAWN)
    assert.deepEqual((await heard('element.addEventListener("done", tell); element.cancel()')), [])
    await show(TAG)
    await page.evaluate(async () => {
      const element = document.querySelector('digit-diffusion')
      await new Promise(resolve => (element.ondone = resolve))
    })
    assert.deepEqual(await heard('element.addEventListener("done", tell)'), [])
  })
})
