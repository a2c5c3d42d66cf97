// The diagram of the network: it is the model's own, tells what each part does, which the style changes, and a step in pictures.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { WWW } from './support/package.mjs'
import { canvasPixels, choose, DIST, errors, openPage, page, pick, pixels, server, setUp, settled, toggleLora } from './support.mjs'

setUp({ page: 'cleared' })

const CONFIG = JSON.parse(await readFile(join(DIST, 'models/base/unet/config.json'), 'utf8'))
const { partOf, partsOf } = await import(pathToFileURL(join(WWW, 'page/network-parts.js')).href)

/** The names and shapes of a safetensors file. */
async function tensors(path) {
  const bytes = await readFile(join(DIST, path))
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE())))
  return tensors
}

async function openNetwork() {
  await page.locator('#network').scrollIntoViewIfNeeded()
  await page.waitForSelector('#unet label')
}

test('its parts are those of the weights, with the shapes that these have', async () => {
  const parts = partsOf(CONFIG)
  const weights = await tensors('models/base/unet/diffusion_pytorch_model.safetensors')
  const homeless = Object.keys(weights).filter(name => !partOf(parts, name.replace(/\.(weight|bias)$/, '')))
  assert.deepEqual(homeless, [])
  for (const { path, kind, from, to } of parts) {
    const shape = { convIn: 'weight', convOut: 'weight', resnet: 'conv1.weight', down: 'conv.weight', up: 'conv.weight', attention: 'proj_in.weight' }[kind]
    if (!shape) continue
    const [out, into] = weights[`${path}.${shape}`].shape
    assert.deepEqual([kind === 'attention' ? out : to.maps, from.maps], [out, into], path)
  }
  const [first, last] = [parts[2], parts.at(-1)]
  assert.equal(first.from.side, CONFIG.sample_size)
  assert.deepEqual(last.to, first.from)
})

test('other networks: more levels, blocks without attention, lists per level', () => {
  const parts = partsOf({
    ...CONFIG, sample_size: [28, 28], block_out_channels: [32, 64, 128], layers_per_block: [1, 2, 1], only_cross_attention: false,
    down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'], up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  })
  const of = path => parts.find(part => part.path === path)
  assert.equal(of('down_blocks.0.attentions.0'), undefined)
  assert.equal(of('up_blocks.2.attentions.0'), undefined)
  assert.ok(of('down_blocks.1.resnets.1') && of('up_blocks.1.resnets.2') && !of('up_blocks.0.resnets.2'))
  // diffusers: what comes in is what came before and what the way down kept, last in, first out.
  assert.deepEqual(['0.resnets.0', '0.resnets.1', '1.resnets.0', '1.resnets.2', '2.resnets.0', '2.resnets.1'].map(path => of(`up_blocks.${path}`).from.maps), [256, 192, 192, 96, 96, 64])
  assert.deepEqual(of('mid_block.resnets.0').to, { maps: 128, side: 7 })
  assert.equal(of('mid_block.attentions.0').looks, 'both')
})

test('it comes when the visitor comes near; every part tells what it does, by keyboard too', async () => {
  await page.goto(server.url)
  await settled(page)
  assert.equal(server.requests.includes('network.css'), false)
  await openPage(page, server.url)
  await openNetwork()
  assert.equal(await page.locator('#unet input').count(), partsOf(CONFIG).length)
  assert.match(await page.innerText('#part-name'), /^Attention/)
  await page.focus('#unet :checked')
  await page.keyboard.press('Home')
  const told = new Set()
  for (const { path } of partsOf(CONFIG)) {
    assert.equal(await page.innerText('#part-path'), path)
    assert.equal(await page.evaluate(() => document.activeElement.value), path)
    const about = await page.innerText('#part-about')
    assert.ok(about.length > 60 && !/undefined|NaN|null/.test(about), about)
    told.add(about)
    await page.keyboard.press('ArrowRight')
  }
  assert.ok(told.size >= 8)
  await page.click('#unet [value="up_blocks.0.resnets.0"]')
  assert.equal(await page.innerText('#part-shape'), '128 × 7 × 7 → 64 × 7 × 7')
  assert.match(await page.innerText('#part-about'), /64 come straight across/)
  await page.click('#unet [value="down_blocks.1.attentions.0"]')
  assert.match(await page.innerText('#part-about'), /49 places looks at all others, then at the 8 tokens/)
  await page.click('#unet [value="down_blocks.0.attentions.0"]')
  assert.match(await page.innerText('#part-about'), /196 places looks at the 8 tokens of the label, twice/)
  assert.deepEqual(errors, [])
})

test('LoRA on marks the parts that the style changes, and says how much', async () => {
  await openPage(page, server.url)
  await openNetwork()
  await pick(page, 7)
  assert.equal(await page.locator('#unet [data-changed=true]').count(), 0)
  assert.match(await page.innerText('#part-lora'), /Switch LoRA on/)
  await toggleLora(page)
  await page.waitForSelector('#unet [data-changed=true]')
  const adapter = Object.keys(await tensors('models/lora/outline/adapter_model.safetensors')).map(name => name.replace('base_model.model.', ''))
  const changed = await page.locator('#unet [data-changed=true] input').evaluateAll(inputs => inputs.map((/** @type {HTMLInputElement} */ input) => input.value))
  const expected = partsOf(CONFIG).map(({ path }) => path).filter(path => adapter.some(name => name.startsWith(`${path}.`)))
  assert.deepEqual(changed.sort(), expected.sort())
  const matrices = path => adapter.filter(name => name.startsWith(`${path}.`) && name.includes('lora_A')).length
  const path = await page.innerText('#part-path')
  assert.match(await page.innerText('#part-lora'), new RegExp(`^Outline changes ${matrices(path)} matrices here: .* largest change is (\\d+% of|[\\d.]+ times) W\\.$`))
  await page.click('#unet [value=conv_in]')
  assert.match(await page.innerText('#part-lora'), /^Outline changes 1 matrix here: /)
  await page.click('#unet [value=time_embedding]')
  assert.equal(await page.innerText('#part-lora'), 'Outline changes nothing here.')
  await choose(page, 'styles', 'thin')
  await page.locator('#part-lora:has-text("Thin changes nothing here.")').waitFor()
  await toggleLora(page)
  await page.waitForSelector('#unet:not(:has([data-changed=true]))')
})

test('a step in pictures: in, guess, out, of this run', async () => {
  await openPage(page, server.url)
  await openNetwork()
  assert.match(await page.innerText('#data-title'), /draw a digit/)
  await pick(page, 7)
  assert.equal(await page.innerText('#data-title'), 'Step 3 of 3, in pictures')
  assert.equal(await canvasPixels(page, 'data-out'), await pixels(page))
  const into = await canvasPixels(page, 'data-in')
  const captions = () => page.locator('.step-data figcaption').allInnerTexts()
  assert.match((await captions())[0], /^comes in, t\s=\s\d+$/)
  assert.match((await captions())[2], /^done, t\s=\s0$/)
  await page.click('#strip [value="2"]')
  assert.equal(await canvasPixels(page, 'data-out'), into)
  assert.match((await captions())[2], /^goes on, t\s=\s\d+$/)
  await page.click('#view [value=x0]')
  assert.equal(await canvasPixels(page, 'data-guess'), await pixels(page))
  await page.click('#strip [value="1"]')
  assert.equal(await page.locator('#data-in').isHidden(), true)
  assert.equal((await captions())[0], 'pure noise from the seed')
})

test('in Chinese, and back', async () => {
  await openPage(page, server.url)
  await openNetwork()
  await page.click('#language')
  await page.locator('#part-name:has-text("注意力")').waitFor()
  assert.match(await page.innerText('#part-about'), /词元/)
  assert.match(await page.locator('#unet input').nth(3).getAttribute('aria-label'), /^残差块，下行/)
  await page.click('#language')
  await page.locator('#part-name:has-text("Attention")').waitFor()
  assert.deepEqual(errors, [])
})

test('where it does not arrive, the rest works; the next visit to it tries again', async () => {
  server.faults['network.css'] = { status: 404 } // before the visit: the browser may scroll to where it was in the last
  await page.goto(server.url)
  await settled(page)
  server.requests.length = 0
  const refused = page.waitForEvent('response', response => response.url().endsWith('network.css'))
  await page.locator('#network').scrollIntoViewIfNeeded()
  await refused
  await pick(page, 7)
  // While it is looked at, nothing is asked for again.
  assert.equal(server.requests.filter(name => name === 'network.css').length, 1)
  delete server.faults['network.css']
  assert.equal(await page.locator('#unet label').count(), 0)
  // Away, until the page has seen that.
  await page.evaluate(() => {
    scrollTo(0, 0)
    return new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))))
  })
  await openNetwork()
  assert.equal(await page.innerText('#data-title'), 'Step 12 of 12, in pictures')
})
