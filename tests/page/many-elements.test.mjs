// Forty <digit-diffusion> on one page: one worker, one download, nothing drawn out of sight, and nothing left behind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors, FILES, page, server, setUp, until, watchElements } from './support.mjs'

// Counts in the worker: runs begun, at the same time, and over.
const COUNTING = `self.begun = 0; self.open = 0; self.most = 0
addEventListener('message', ({ data: { method } }) => {
  if (method === 'sample') { self.begun++; self.most = Math.max(self.most, ++self.open) }
  if (method === 'free') self.open--
})\n`
setUp({ site: { faults: { 'worker.js': { prepend: COUNTING } } }, page: 'cleared', equip: () => watchElements(page) })

const element = (_, i) => `<digit-diffusion id="e${i}" label="${i % 10}" seed="${i}" steps="2" device="cpu" threads="1"></digit-diffusion>`
async function show(style) {
  server.requests.length = 0
  server.pages['test.html'] = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Test</title>
<style>${style}</style><script type="module" src="digit-diffusion.js"></script><body>${Array.from({ length: 40 }, element).join('')}`
  await page.goto(`${server.url}test.html`)
}
const drawn = () => page.evaluate(() => [...document.querySelectorAll('[data-drawn]')].map(({ id }) => Number(id.slice(1))))
const waitFor = (...ids) => page.waitForFunction(ids => ids.every(id => document.querySelector(`#e${id}[data-drawn]`)), ids)
/** @param {'begun' | 'open' | 'most'} name @returns {Promise<number>} */
const counted = name => page.workers()[0].evaluate(name => /** @type {any} */ (self)[name], name)

test('all in sight: each is drawn once, four at a time, by one engine; the last to go takes it along', async () => {
  await show('digit-diffusion { --digit-diffusion-size: 40px }')
  await waitFor(...Array(40).keys())
  assert.equal(page.workers().length, 1)
  for (const file of ['worker.js', FILES.engine, FILES.weights]) assert.equal(server.requests.filter(name => name === file).length, 1, file)
  assert.deepEqual([await counted('begun'), await counted('most')], [40, 4])
  await until(() => counted('open'), open => open === 0)
  const pictures = await page.evaluate(() => new Set([...document.querySelectorAll('digit-diffusion')].map(({ dataset }) => dataset.drawn)).size)
  assert.equal(pictures, 40, 'each its own picture')
  const closed = page.workers()[0].waitForEvent('close')
  await page.evaluate(() => document.body.replaceChildren())
  await closed
  assert.deepEqual(errors, [])
})

test('out of sight they are not drawn: those that were scrolled past neither', async () => {
  await show('digit-diffusion { display: block; margin-bottom: 400px }')
  await waitFor(0, 1)
  await page.evaluate(() => document.querySelector('#e39').scrollIntoView())
  await waitFor(39)
  const ids = await drawn()
  assert.ok(ids.every(id => id < 2 || id > 37), `drawn: ${ids}`)
  assert.equal(await counted('begun'), ids.length)
  assert.equal(server.requests.filter(name => name === FILES.weights).length, 1)
  assert.deepEqual(errors, [])
})

test('one that leaves sight is stopped, and drawn when it comes back; one that draw() draws is not', async () => {
  await show('digit-diffusion { display: block; margin-bottom: 400px }')
  await waitFor(0, 1)
  await page.evaluate(async () => {
    const first = document.querySelector('#e0')
    first.steps = 900
    await new Promise(resolve => first.addEventListener('progress', resolve, { once: true }))
    delete first.dataset.drawn
    document.querySelector('#e20').scrollIntoView()
  })
  await waitFor(20)
  await until(() => counted('open'), open => open === 0)
  assert.equal((await drawn()).includes(0), false)
  await page.evaluate(() => {
    document.querySelector('#e0').steps = 2
    document.querySelector('#e30').draw()
  })
  await waitFor(30)
  assert.equal((await drawn()).includes(0), false)
  await page.evaluate(() => document.querySelector('#e0').scrollIntoView())
  await waitFor(0)
  assert.deepEqual(errors, [])
})
