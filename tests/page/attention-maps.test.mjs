// What the pixels attend to: for programs, step by step, and as maps on the page.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choose, errors, openModule, openPage, page, pick, pixels, server, set, settled, setUp, toggleLora } from './support.mjs'

// Tells the page of every run that is asked for.
const TELL = `addEventListener('message', ({ data: { method, params } }) => { if (method === 'sample') (self.asked ??= []).push(params.request.attention) });\n`

setUp({ webgpu: true, site: { faults: { 'worker.js': { prepend: TELL } } } })

/** What the worker was asked for since the last call: for every run, with attention or without. */
const asked = page => page.workers()[0].evaluate(() => (self.asked ?? []).splice(0))

test('step.attention: eight maps whose sum is one at every pixel, on both backends the same', async t => {
  await openModule()
  const run = device =>
    page.evaluate(async device => {
      const model = await DigitDiffusion.load(undefined, { device })
      const steps = []
      for await (const { attention, image } of model.sample({ label: 7, seed: 2, steps: 2, guidanceScale: 1, attention: true })) {
        steps.push({ ...attention, weights: [...attention.weights], image: [...image.data] })
      }
      const plain = []
      for await (const step of model.sample({ label: 7, seed: 2, steps: 2, guidanceScale: 1 })) plain.push({ has: 'attention' in step, image: [...step.image.data] })
      const { backend } = model
      model.dispose()
      return { backend, steps, plain }
    }, device)
  const cpu = await run('cpu')
  assert.equal(cpu.steps.length, 2)
  for (const [i, { tokens, height, width, weights, image }] of cpu.steps.entries()) {
    assert.deepEqual([tokens, height, width, weights.length], [8, 14, 14, 8 * 14 * 14])
    for (let pixel = 0; pixel < height * width; pixel++) {
      const shares = Array.from({ length: tokens }, (_, token) => weights[token * height * width + pixel])
      assert.ok(shares.every(share => share >= 0 && share <= 1), `pixel ${pixel}`)
      assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-4, `pixel ${pixel}`)
    }
    assert.ok(Math.max(...weights) > Math.min(...weights))
    assert.deepEqual(cpu.plain[i], { has: false, image }, 'the picture is the same without')
  }
  assert.notDeepEqual(cpu.steps[0].weights, cpu.steps[1].weights)

  const gpu = await run('webgpu')
  assert.equal(gpu.backend, 'webgpu')
  const off = Math.max(...gpu.steps.flatMap(({ weights }, i) => weights.map((value, at) => Math.abs(value - cpu.steps[i].weights[at]))))
  t.diagnostic(`the maps of the two backends are at most ${off.toExponential(1)} apart`)
  assert.ok(off <= 1e-3, `${off}`)
  assert.deepEqual(errors, [])
})

test('step.attention: of a batch, each picture has its own', async () => {
  await openModule()
  const { batch, alone } = await page.evaluate(async () => {
    const model = await DigitDiffusion.load(undefined, { device: 'cpu' })
    const maps = async options => {
      for await (const { attention } of /** @type {any} */ (model.sample({ steps: 2, attention: true, ...options }))) return attention
    }
    const batch = (await maps({ label: ['3', '8'], seed: [5, 6] })).map(({ weights }) => [...weights])
    const alone = [...(await maps({ label: '8', seed: 6 })).weights]
    model.dispose()
    return { batch, alone }
  })
  assert.deepEqual(batch.map(({ length }) => length), [8 * 14 * 14, 8 * 14 * 14])
  assert.ok(Math.max(...alone.map((value, i) => Math.abs(value - batch[1][i]))) < 1e-4)
  assert.notDeepEqual(batch[0], batch[1])
})

/** The maps on the page, as pixels: of each tile, and of the large one. */
const tiles = page =>
  page.locator('#attention canvas').evaluateAll(canvases =>
    canvases.map(canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data].join()),
  )
const mapped = page => page.waitForSelector('#stage[data-busy=false] #attention[data-maps=true]')

test('on the page: none while folded, then a map for each token, at the chosen step', async () => {
  await openPage(page, server.url)
  assert.equal(await page.locator('#attention').isHidden(), true)
  await pick(page, 7)
  assert.deepEqual(await asked(page), [false])
  const drawn = await pixels(page)
  await page.click('#strip [value="2"]')

  await page.click('#attention summary')
  await mapped(page)
  assert.deepEqual(await asked(page), [true], 'the run once more, with maps')
  assert.equal(await page.textContent('#announcer'), 'The maps are here.')
  assert.equal(await page.isChecked('#strip [value="2"]'), true, 'the chosen step stays')
  assert.equal(await page.textContent('#attention-of'), 'Step 2 of 3, base model')
  const [large, ...second] = await tiles(page)
  assert.equal(second.length, 8)
  assert.equal(new Set(second).size, 8, 'no two are alike')
  assert.equal(large, second[0])
  assert.match(await page.textContent('#attention-reading'), /^Token 1: from \d+\.\d% to \d+\.\d%$/)
  assert.match(await page.getAttribute('#attention-large', 'aria-label'), /^What the places listen to: digit 7, step 2 of 3\. Token 1: from /)

  assert.match(await page.getAttribute('#attention-tokens [value="8"]', 'aria-label'), /^Token 8: from /)

  // By keyboard, as in every group of the page.
  await page.focus('#attention-tokens :checked')
  await page.keyboard.press('ArrowRight')
  assert.match(await page.textContent('#attention-reading'), /^Token 2: /)
  assert.equal((await tiles(page))[0], second[1])
  await page.keyboard.press('8')
  assert.equal((await tiles(page))[0], second[7])
  await page.keyboard.press('Tab') // one stop for the tab key
  assert.equal(await page.locator('#attention-tokens :focus').count(), 0)

  await page.click('#strip [value="3"]')
  assert.equal(await pixels(page), drawn, 'the picture is the one that was there')
  assert.equal(await page.textContent('#attention-of'), 'Step 3 of 3, base model')
  const third = await tiles(page)
  assert.equal(third[0], third[8], 'the chosen token stays')
  assert.ok(third.slice(1).every((tile, i) => tile !== second[i]))
  await choose(page, 'view', 'x0')
  await page.click('#strip [value="2"]')
  assert.notDeepEqual((await tiles(page)).slice(1), second, 'under the maps is the picture on show')

  // Open, later runs bring them along; folded, nothing is asked for.
  await pick(page, 3)
  await mapped(page)
  assert.deepEqual(await asked(page), [true])
  await page.click('#attention summary')
  await pick(page, 4)
  assert.deepEqual(await asked(page), [false])
  assert.deepEqual(errors, [])
})

test('on the page: with LoRA they are those of the styled picture', async () => {
  await openPage(page, server.url)
  await pick(page, 7)
  await page.click('#attention summary')
  await mapped(page)
  const base = await tiles(page)
  await asked(page)
  await toggleLora(page)
  await mapped(page)
  assert.deepEqual(await asked(page), [true], 'the base’s run is still there')
  assert.equal(await page.textContent('#attention-of'), 'Step 3 of 3, with LoRA')
  const styled = await tiles(page)
  assert.notDeepEqual(styled, base)

  // A strength that moves takes them along.
  await set(page, 'strength-0', -0.5)
  await settled(page)
  await mapped(page)
  assert.notDeepEqual(await tiles(page), styled)
  assert.ok((await asked(page)).every(Boolean))

  // Unfolded in the middle of a run: they come when it is over.
  await page.click('#attention summary')
  await set(page, 'steps', 12)
  await asked(page)
  await page.click('#attention summary')
  await page.waitForFunction(() => document.getElementById('attention-of').textContent === 'Step 12 of 12, with LoRA')
  await mapped(page)
  assert.deepEqual(errors, [])
})

test('on the page: a run that was stopped says that it has no maps', async () => {
  await openPage(page, server.url, { steps: 60 })
  await page.click('#pace') // each step stays for a moment again
  // Stopped in the page itself, after the first step: a test under load could come too late.
  await page.evaluate(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('#strip input:enabled')) return
      observer.disconnect()
      document.getElementById('action').click()
    }).observe(document.getElementById('strip'), { subtree: true, childList: true, attributes: true })
  })
  await page.click('#digits [value="5"]')
  await settled(page)
  await page.click('#attention summary')
  await page.waitForSelector('#attention[data-maps=false]')
  assert.equal(await page.textContent('#attention-reading'), 'No maps of this step yet.')
  assert.deepEqual(await asked(page), [false])
})
