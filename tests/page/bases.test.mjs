// The choice of a base on the page: another size, in colour, behind an autoencoder; its styles, links and files; and the way back.
import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { address, APPEARANCES, checkAxe, choose, collisions, errors, FILES, freshPage, freshServer, notice, openLink, openPage, page, pick, rested, server, set, settled, setUp, stepsDrawn, toggleLora, until } from './support.mjs'
import { beside } from './support/latent-bases.mjs'
import { WWW } from './support/package.mjs'

const { fillWords } = await import('../../xtask/bundle/words.mjs')
const PAGES = await beside()
const INK = 'models/ink/base/unet/diffusion_pytorch_model.safetensors'

setUp({ site: { pages: PAGES }, page: 'cleared', options: { reducedMotion: 'reduce' } })

const choice = () => page.locator('#bases input:checked').getAttribute('value')
const size = (id = 'picture-base') => page.locator(`#${id}`).evaluate((/** @type {HTMLCanvasElement} */ canvas) => canvas.width)
const scaling = () => page.locator('#picture-base').evaluate(canvas => getComputedStyle(canvas).imageRendering)
const guidance = () => page.innerText('#guidance-value')
const styles = () => page.locator('#styles label').allInnerTexts()
/** Chooses a base, and waits until it draws. @param {string} name @param {number} pixels */
async function move(name, pixels) {
  await choose(page, 'bases', name)
  await until(() => size(), width => width === pixels)
  await settled(page)
}

/** What the build makes of the page for this manifest. @param {Buffer} manifest */
async function built(manifest) {
  const dist = await mkdtemp(join(tmpdir(), 'digits-'))
  try {
    await cp(WWW, dist, { recursive: true })
    await writeFile(join(dist, 'models/manifest.json'), manifest)
    await fillWords(dist)
    return { 'models/manifest.json': manifest, 'index.html': await readFile(join(dist, 'index.html'), 'utf8') }
  } finally {
    await rm(dist, { recursive: true })
  }
}

test('none is offered where the manifest lists none', async () => {
  const { bases: _, ...alone } = JSON.parse(String(PAGES['models/manifest.json']))
  await freshServer({ pages: await built(Buffer.from(JSON.stringify(alone))) })
  await freshPage()
  try {
    await openPage(page, server.url)
    assert.equal(await page.locator('#bases-row').isVisible(), false)
  } finally {
    await freshServer({ pages: PAGES })
    await freshPage({ reducedMotion: 'reduce' })
  }
})

test('another is chosen: its pictures, its styles, no Turbo, nothing to teach; and the first one again', async () => {
  await openPage(page, server.url, { guidance: 1.6 })
  assert.deepEqual(await page.locator('#bases label').allInnerTexts(), ['Pixels 28 × 28', 'Ink 64 × 64'])
  await until(() => page.innerText('#bases-hint'), text => /^Ink 64 × 64 loads 0\.4 MB, once\.$/.test(text))
  await pick(page, 4)
  assert.deepEqual([await size(), await scaling()], [28, 'pixelated'])
  const shipped = await styles()
  const before = server.requests.length
  await move('ink', 64)
  assert.deepEqual([await scaling(), await guidance()], ['auto', '2.20'])
  assert.ok(server.requests.slice(before).includes(INK))
  assert.deepEqual(server.requests.slice(0, before).filter(name => name?.startsWith('models/ink')), [], 'nothing of it before')
  assert.deepEqual(await styles(), ['Wet'])
  assert.equal(await page.locator('#turbo-row').isVisible(), false)
  assert.equal(await page.locator('#teach-open').isVisible(), false)
  assert.equal(await page.locator('#teach-jump').isVisible(), false)
  assert.match(await page.innerText('#teach-not'), /cannot be taught to such a base/)
  await rested(page)
  assert.equal((await address(page)).base, 'ink')
  assert.equal(await stepsDrawn(page), 3)
  await move('base', 28)
  assert.deepEqual([await scaling(), await guidance()], ['pixelated', '1.60'])
  assert.deepEqual(await styles(), shipped)
  assert.equal(await page.locator('#turbo-row').isVisible(), true)
  assert.equal(await page.locator('#teach-open').isVisible(), true)
  await rested(page)
  assert.match((await address(page)).base, /^[0-9a-f]{12}$/)
  await set(page, 'guidance', 3)
  await move('ink', 64)
  assert.equal(await guidance(), '3.00', 'one that was chosen stays')
  assert.deepEqual(errors, [])
})

test('guidance is the base’s until somebody has chosen another, before a base has come, too', async () => {
  server.faults[FILES.weights] = { delay: 1500 }
  await page.goto(server.url)
  await set(page, 'guidance', 3)
  await page.locator('#chip').waitFor({ state: 'visible' })
  assert.equal(await guidance(), '3.00')
  delete server.faults[FILES.weights]
  await page.evaluate(() => void (location.hash = 'digit=3&seed=5&steps=2&guidance=1.6'))
  await until(guidance, said => said === '1.60')
  await settled(page)
  await move('ink', 64)
  assert.equal(await guidance(), '2.20')
  await openLink(page, server.url, 'digit=4&seed=3&steps=2&guidance=1.6&base=ink')
  assert.equal(await guidance(), '1.60')
})

test('in colour and large: with LoRA, wiped, as a difference, as maps, in the diagram, on a sheet, saved', async () => {
  // A service worker would fetch the page's own base for later visits.
  await freshPage({ reducedMotion: 'reduce', serviceWorkers: 'block' })
  server.requests.length = 0
  await openLink(page, server.url, 'digit=4&seed=3&steps=3&sampler=ddim&lora=on&styles=wet:1&base=ink')
  assert.deepEqual([await choice(), await guidance()], ['ink', '2.20'])
  assert.deepEqual([await size(), await size('picture-lora')], [64, 64])
  assert.deepEqual(server.requests.filter(name => name?.startsWith('models/base/')), [], 'the other base is not fetched')
  for (const kind of ['wipe', 'difference']) {
    await choose(page, 'compare', kind)
    assert.equal(await page.locator('#stage').getAttribute('data-compare'), kind)
  }
  const coloured = (/** @type {string} */ id) =>
    page.locator(`#${id}`).evaluate((/** @type {HTMLCanvasElement} */ canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      return data.filter((level, i) => i % 4 === 1 && level !== data[i - 1]).length
    })
  assert.ok((await coloured('picture-base')) > 2000)
  await choose(page, 'compare', 'side')
  await page.click('#attention summary')
  await page.waitForSelector('#stage[data-busy=false] #attention[data-maps=true]')
  await page.locator('#network').scrollIntoViewIfNeeded()
  await page.waitForSelector('#unet label')
  await page.check('#unet [value=conv_in]')
  assert.match(await page.innerText('#part-about'), /autoencoder stands before.*4 numbers.*2 × 2.*64 × 64 pixels are 32 × 32/)
  await page.click('#many-seeds')
  await settled(page)
  assert.equal(await page.locator('#sheet canvas').first().evaluate((/** @type {HTMLCanvasElement} */ canvas) => canvas.width), 64)
  const download = page.waitForEvent('download')
  await page.click('#save-picture')
  const file = await (await download).path()
  const png = await readFile(file)
  assert.deepEqual([png.readUInt32BE(16), png[25]], [9 * 64, 2])
  const animation = page.waitForEvent('download')
  await page.click('#save-film')
  assert.equal((await readFile(await (await animation).path())).readUInt32BE(16), 4 * 64)
  // The picture brings its base back.
  await openPage(page, server.url)
  await page.setInputFiles('#files', file)
  await until(() => size(), width => width === 64)
  await settled(page)
  assert.equal(await choice(), 'ink')
  assert.deepEqual(await styles(), ['Wet'])
  assert.equal(await page.getAttribute('#lora', 'aria-checked'), 'true')
  assert.deepEqual(errors, [])
})

test('one that does not come: the one before stays and draws, and it is said', async () => {
  await openPage(page, server.url)
  await pick(page, 4)
  server.faults[INK] = { status: 500 }
  await page.click('#bases [value=ink]')
  assert.match(await notice(page), /^Still with Pixels 28 × 28\s/)
  await settled(page)
  assert.deepEqual([await choice(), await size()], ['base', 28])
  await pick(page, 5)
  assert.equal(await size(), 28)
  delete server.faults[INK]
  await move('ink', 64)
  errors.length = 0 // the browser's own, about the 500
})

test('stopped on the way, it is the one before', async () => {
  await openPage(page, server.url)
  await pick(page, 4)
  server.faults[INK] = { delay: 60_000 }
  await page.click('#bases [value=ink]')
  await page.waitForSelector('#stage[data-busy=true]')
  assert.equal(await page.innerText('#action'), 'Stop')
  await page.click('#action')
  await settled(page)
  assert.deepEqual([await choice(), await size()], ['base', 28])
  delete server.faults[INK]
})

test('a link with a hash is of the page’s own base, one with a name that is not known says so', async () => {
  await openPage(page, server.url)
  await pick(page, 4)
  await rested(page)
  const { base } = await address(page)
  await move('ink', 64)
  await page.evaluate(base => void (location.hash = `digit=3&seed=5&steps=2&base=${base}`), base)
  await until(() => size(), width => width === 28)
  await settled(page)
  assert.equal(await choice(), 'base')
  assert.equal(await page.locator('#notice').isVisible(), false)
  await openLink(page, server.url, 'digit=3&seed=5&steps=2&base=oil')
  assert.match(await notice(page), /no base model “oil” here/)
  assert.deepEqual([await choice(), await size()], ['base', 28])
})

test('the build holds the place of the choice: nothing moves when it is known', async () => {
  const pages = await built(PAGES['models/manifest.json'])
  assert.ok(pages['index.html'].includes('id="bases-row">'))
  await freshServer({ pages: { ...PAGES, ...pages } })
  await freshPage({ viewport: { width: 1280, height: 800 } })
  await page.addInitScript(() => {
    window.shifts = []
    new PerformanceObserver(list => {
      for (const { sources } of /** @type {any[]} */ (list.getEntries())) window.shifts.push(...sources.map(({ node }) => node?.id || node?.className || node?.textContent))
    }).observe({ type: 'layout-shift', buffered: true })
  })
  await page.goto(server.url)
  await settled(page)
  assert.deepEqual(await page.locator('#bases label').allInnerTexts(), ['Pixels 28 × 28', 'Ink 64 × 64'])
  assert.equal(await choice(), 'base')
  assert.deepEqual((await page.evaluate(() => window.shifts)).filter(node => node !== 'overlay'), [])
  await set(page, 'steps', 3)
  await pick(page, 4)
  await move('ink', 64)
})

for (const [state, options] of APPEARANCES)
  test(`axe-core finds nothing, and nothing sticks out or lies over another: ${state}`, async () => {
    await freshServer({ pages: PAGES })
    await freshPage({ reducedMotion: 'reduce', ...options })
    await openLink(page, server.url, 'digit=4&seed=3&steps=2&base=ink')
    await checkAxe(page, state)
    assert.deepEqual(await collisions(), { found: [], wide: false })
  })

test('in Chinese', async () => {
  await freshServer({ pages: PAGES })
  await freshPage({ locale: 'zh-CN', reducedMotion: 'reduce' })
  await openPage(page, server.url)
  assert.deepEqual(await page.locator('#bases label').allInnerTexts(), ['像素 28 × 28', '墨迹 64 × 64'])
  await pick(page, 4)
  await toggleLora(page)
  await move('ink', 64)
  await page.click('#language')
  await page.waitForSelector('html[lang=en]')
  assert.deepEqual(await page.locator('#bases label').allInnerTexts(), ['Pixels 28 × 28', 'Ink 64 × 64'])
})
