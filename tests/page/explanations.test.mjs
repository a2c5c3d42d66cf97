// What the page explains beside a drawing: the noise schedule, and what a style changes.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { importsOf, WWW } from './support/package.mjs'
import { choose, errors, openPage, page, pick, server, set, settled, setUp, toggleLora } from './support.mjs'

setUp({ page: 'cleared' })

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
  await page.click('#strip [value="1"]')
  const first = await place()
  assert.ok(first[0] < last[0] && first[1] > last[1], 'the first step is further left, and lower')
  await page.click('#strip [value="3"]')
  const timestep = Number(/t = (\d+)/.exec(await page.innerText('#position'))[1])
  assert.deepEqual(await place(), curve[timestep])
  const share = Math.round(alphas[timestep] * 100)
  assert.equal(await plot.getAttribute('aria-label'), `Step 3 of 5 is at t = ${timestep}, with ${share}% of the picture’s energy left`)
  assert.deepEqual(errors, [])
})

test('what a style changes: a cell for each of its matrices, coloured by the size of its update', async () => {
  await openPage(page, server.url, { steps: 1 })
  await pick(page, 7)
  assert.equal(await page.locator('#changes').isHidden(), true)
  await toggleLora(page)
  await page.click('#changes summary')
  await page.waitForSelector('#changes-map tbody tr')

  const { modules, adapter, mistake } = await withModel(page, async model => {
    const adapter = await model.addAdapter('outline')
    const modules = await model.adapterModules('outline')
    const mistake = await model.adapterModules('nobody').catch(String)
    return { modules, adapter, mistake }
  })
  assert.match(mistake, /^RangeError: .*nobody/)
  assert.equal(modules.length, adapter.modules)
  for (const { path, rank, updateNorm, relativeNorm } of modules) {
    assert.ok(path && rank === adapter.rank && updateNorm > 0 && relativeNorm > 0, path)
  }

  const table = page.locator('#changes-map')
  assert.deepEqual(await table.locator('th[scope=row]').allTextContents(), ['Down 1', 'Down 2', 'Middle 1', 'Middle 2', 'Up 1.1', 'Up 1.2', 'Up 2.1', 'Up 2.2', 'Rest'])
  assert.deepEqual(await table.locator('th[scope=colgroup]').allTextContents(), ['Picture', 'Label', 'Places', 'ResNet', 'Rest'])
  assert.deepEqual(await table.locator('th[scope=col]').allTextContents(), ['out', 'out', 'out', 'conv 1', 'conv 2', 'first conv', 'last conv'])
  const cells = await table.locator('td[title]').evaluateAll(cells =>
    cells.map((/** @type {HTMLElement} */ cell) => ({ path: cell.getAttribute('title'), text: cell.textContent, heat: Number(cell.style.getPropertyValue('--heat')) })),
  )
  const top = Math.max(...modules.map(({ relativeNorm }) => relativeNorm))
  // A share of W, or times W where it is larger.
  const share = beside => (beside < 1 ? `${(beside * 100).toFixed(1)}% of W` : `${beside.toFixed(1)} times W`)
  assert.ok(modules.some(({ relativeNorm }) => relativeNorm >= 1) && modules.some(({ relativeNorm }) => relativeNorm < 1))
  const expected = modules.map(({ path, relativeNorm }) => ({ path, text: share(relativeNorm), heat: relativeNorm / top }))
  const byPath = (a, b) => (a.path < b.path ? -1 : 1)
  const rounded = list => list.map(({ heat, ...cell }) => ({ ...cell, heat: heat.toFixed(4) })).sort(byPath)
  assert.deepEqual(rounded(cells), rounded(expected))

  // One stop for the tab key, on the largest; arrows walk from there, and every cell has its numbers.
  assert.equal(await table.locator('td[tabindex="0"]').count(), 1)
  const reading = () => page.textContent('#changes-reading')
  assert.match(await reading(), new RegExp(`: ${share(top)} · LoRA, rank ${adapter.rank} · norm `))
  await table.locator('td[tabindex="0"]').focus()
  for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'Home', 'ArrowDown', 'ArrowRight']) await page.keyboard.press(key)
  assert.match(await reading(), /^Down 2 · Label out: /)
  assert.match(await page.evaluate(() => document.activeElement.title), /^down_blocks\.1\..*attn2\.to_out\.0$/)
  await page.hover('#changes-map tbody tr:nth-child(3) td[title$=conv2]')
  assert.match(await reading(), /^Middle 1 · ResNet conv 2: /)
  await page.hover('#changes summary')
  assert.match(await reading(), /^Down 2 · Label out: /)

  // Another style, a mix, none.
  assert.equal(await page.textContent('#changes-of'), 'Outline')
  await choose(page, 'styles', 'seven-segment')
  await page.waitForFunction(() => document.getElementById('changes-of').textContent === 'Seven-segment')
  assert.notDeepEqual(await table.locator('td[title]').allTextContents(), cells.map(({ text }) => text))
  await choose(page, 'styles', '*')
  await set(page, 'strength-1', 0.4) // the style that the mix began with
  await settled(page)
  await set(page, 'strength-0', -0.9)
  await settled(page)
  await page.waitForFunction(() => document.getElementById('changes-of').textContent === 'Outline, the strongest of the mix')
  await toggleLora(page)
  assert.equal(await page.locator('#changes').isHidden(), true)
  assert.deepEqual(errors, [])
})

test('what a style changes: adapters of other layers have their places too', async () => {
  // By itself, from the sources: the site has it in page.js.
  for (const path of await importsOf('page/style-changes.js')) server.pages[path] = await readFile(join(WWW, path))
  await openPage(page, server.url)
  await page.evaluate(async () => {
    const { StyleChanges } = await import(new URL('page/style-changes.js', location.href).href)
    const module = path => ({ path, kind: 'LoRA', rank: 2, updateNorm: 1, relativeNorm: 0.5 })
    const paths = ['time_embedding.linear_1', 'mid_block.resnets.1.time_emb_proj', 'mid_block.attentions.0.proj_in', 'mid_block.resnets.0.time_emb_proj']
    const model = { adapterModules: async () => paths.map(module) }
    document.getElementById('changes').open = true
    new StyleChanges({ title: name => name }).show(model, { own: 1 })
  })
  await page.waitForSelector('#changes-map tbody tr')
  const rows = await page.locator('#changes-map tr').evaluateAll(rows => rows.map((/** @type {HTMLTableRowElement} */ row) => [...row.cells].map(cell => cell.textContent)))
  assert.deepEqual(rows, [
    ['', 'ResNet', 'Rest'],
    ['', 'time', 'in', 'time 1'],
    ['Middle 1', '50.0% of W', '50.0% of W', 'not changed'],
    ['Middle 2', '50.0% of W', 'not changed', 'not changed'],
    ['Rest', 'not changed', 'not changed', '50.0% of W'],
  ])
})
