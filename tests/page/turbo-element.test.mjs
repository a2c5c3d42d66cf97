// <digit-diffusion turbo>: by the first adapter that the manifest lists, by the one of so many steps, or by a name; with a style, too.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errors, page, server, setUp, turboPages, watchElements } from './support.mjs'

const pages = await turboPages(4, 2)
setUp({ site: { pages }, page: 'cleared', equip: () => watchElements(page) })

/** Opens a page with these elements, each with an id, and waits until all are drawn or have failed. @param {Record<string, string>} elements attributes by id */
async function show(elements) {
  const body = Object.entries(elements).map(([id, attributes]) => `<digit-diffusion id="${id}" label="7" seed="42" device="cpu" ${attributes}></digit-diffusion>`).join('')
  server.pages['test.html'] = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Test</title><script type="module" src="digit-diffusion.js"></script><body>${body}`
  await page.goto(`${server.url}test.html`)
  await page.waitForFunction(count => document.querySelectorAll(':is([data-drawn], [data-failed])').length === count, Object.keys(elements).length)
  return page.evaluate(() => Object.fromEntries([...document.querySelectorAll('digit-diffusion')].map(element => [element.id, element.dataset.failed ?? element.dataset.drawn])))
}

test('draws with the steps of its adapter; what is set stands', async () => {
  await page.addInitScript(() => {
    window.totals = {}
    document.addEventListener('progress', (/** @type {any} */ { target, detail }) => detail.phase === 'sample' && (window.totals[target.id] = detail.total), true)
  })
  const drawn = await show({
    alone: 'turbo', four: 'turbo="4"', two: 'turbo="2"', name: 'turbo="turbo-2"', address: 'turbo="models/lora/turbo-2/"',
    off: '', styled: 'turbo lora="outline" lora-scale="0.8"', nothing: 'turbo lora="outline" lora-scale="0"', steps: 'turbo="2" steps="3"', lora: 'lora="turbo-4"',
  })
  assert.deepEqual(await page.evaluate(() => window.totals), { alone: 4, four: 4, two: 2, name: 2, address: 2, off: 12, styled: 4, nothing: 4, steps: 3, lora: 4 })
  assert.equal(drawn.alone, drawn.four)
  assert.equal(drawn.two, drawn.name)
  assert.equal(drawn.two, drawn.address)
  assert.equal(drawn.alone, drawn.nothing)
  assert.equal(drawn.alone, drawn.lora)
  assert.equal(new Set([drawn.alone, drawn.two, drawn.off, drawn.styled, drawn.steps]).size, 5)
  assert.deepEqual(errors, [])
})

test('attribute and property are in step, as of a switch that may also say which', async () => {
  await show({ one: '' })
  const seen = await page.evaluate(() => {
    const element = document.querySelector('digit-diffusion')
    const set = value => ((element.turbo = value), [element.getAttribute('turbo'), element.turbo])
    const written = value => (element.setAttribute('turbo', value), element.turbo)
    return { start: element.turbo, set: [true, 4, 'turbo-2', false, true, null, 2, undefined, true, ''].map(set), written: ['', 'true', '2', 'x', 'false'].map(written) }
  })
  assert.deepEqual(seen, {
    start: false,
    set: [['', true], ['4', 4], ['turbo-2', 'turbo-2'], [null, false], ['', true], [null, false], ['2', 2], [null, false], ['', true], [null, false]],
    written: [true, true, 2, 'x', false],
  })
})

describe('what cannot be', () => {
  test('is said in a sentence', async () => {
    const said = await show({ steps: 'turbo="3"', style: 'turbo="outline"' })
    assert.deepEqual(said, {
      steps: 'turbo="3": the manifest lists adapters that draw in 4 or 2 steps alone.',
      style: 'The adapter "outline" was not taught to draw in few steps: name it as lora instead of turbo.',
    })
  })

  test('where the manifest lists none, too', async () => {
    server.pages['models/manifest.json'] = (await turboPages())['models/manifest.json']
    assert.match((await show({ alone: 'turbo' })).alone, /the manifest lists no adapter that was taught to draw in few steps/)
    server.pages['models/manifest.json'] = pages['models/manifest.json']
  })
})
