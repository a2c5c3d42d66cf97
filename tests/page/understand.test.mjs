// What the page explains beside a drawing: the noise schedule, and what a style changes.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, newPage, openPage, pick, serve } from './support.mjs'

let server, browser
before(async () => {
  server = await serve()
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.close()
})

/** `work` in the page, with a model of its own beside the page's. */
const withModel = (page, work) =>
  page.evaluate(
    `(async () => {
      const { DigitDiffusion } = await import('./digit-diffusion.js')
      const model = await DigitDiffusion.load(undefined, { device: 'cpu' })
      return (${work})(model).finally(() => model.dispose())
    })()`,
  )

test('the noise: the model’s schedule as a curve, a dot for every step, the current one marked and read out', async () => {
  const { page, errors, close } = await newPage(browser)
  await openPage(page, server.url, { steps: 5 })
  await pick(page, 7)
  const alphas = await withModel(page, async model => {
    model.alphasCumprod[0] = 0 // a copy: the next one is whole
    return [...model.alphasCumprod]
  })
  assert.ok(alphas[0] > 0.99 && alphas[0] <= 1)
  assert.ok(alphas.at(-1) >= 0 && alphas.at(-1) < 0.01)
  for (const [t, share] of alphas.entries()) if (t) assert.ok(share < alphas[t - 1], `t = ${t}`)

  await page.click('#schedule summary')
  await page.locator('#schedule-plot .here').waitFor()
  const plot = page.locator('#schedule-plot')
  const place = async () => [Number(await plot.locator('.here').getAttribute('cx')), Number(await plot.locator('.here').getAttribute('cy'))]
  const curve = (await plot.locator('.path').getAttribute('points')).split(' ').map(point => point.split(',').map(Number))
  assert.equal(curve.length, alphas.length)
  for (const [t, [x, y]] of curve.entries()) if (t) assert.ok(x < curve[t - 1][0] && y > curve[t - 1][1], `t = ${t}`)

  assert.equal(await plot.locator('.visit').count(), 5)
  const last = await place()
  await page.click('#strip [data-value="1"]')
  const first = await place()
  assert.ok(first[0] < last[0] && first[1] > last[1], 'the first step is further left, and lower')
  await page.click('#strip [data-value="3"]')
  const timestep = Number(/t = (\d+)/.exec(await page.innerText('#position'))[1])
  assert.deepEqual(await place(), curve[timestep])
  const share = Math.round(alphas[timestep] * 100)
  assert.equal(await plot.getAttribute('aria-label'), `Step 3 of 5 is at t = ${timestep}, with ${share}% of the picture’s energy left`)
  assert.deepEqual(errors, [])
  await close()
})
