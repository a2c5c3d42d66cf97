// What a visitor finds before the model is there: an example, what it costs, where to read on, and what a shared link shows.
import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { drawExample, EXAMPLE } from './support/example.mjs'
import { DIST, errors, FILES, freshPage, page, pick, server, settled, setUp, stepsDrawn } from './support.mjs'

setUp()

const asked = name => server.requests.filter(request => request === name).length
const read = path => readFile(join(DIST, path))
/** Width and height of a PNG. @param {Buffer} png */
const size = png => [png.readUInt32BE(16), png.readUInt32BE(20)]

test('the example is there before the model, says what it is, and makes way for the first drawing', async () => {
  server.faults[FILES.weights] = { delay: 1500 }
  await page.goto(server.url)
  const example = page.locator('.base .preview')
  await example.waitFor()
  assert.ok(await example.evaluate((/** @type {HTMLImageElement} */ image) => image.decode().then(() => image.naturalWidth)))
  assert.match(await example.getAttribute('alt'), /7.*drawn beforehand/)
  assert.equal(await page.innerText('.base figcaption'), 'Base model drawn beforehand')
  assert.equal(await page.locator('.styled .preview').isVisible(), true)
  await settled(page)
  assert.equal(await stepsDrawn(page), 0)
  await pick(page, 3)
  assert.equal(await page.locator('.preview:visible').count(), 0)
  assert.equal(await page.innerText('.base figcaption'), 'Base model')
  assert.deepEqual(errors, [])
})

test('it runs once, from noise to digit; with reduced motion it stands still', async () => {
  const animation = () => page.locator('.base .preview').evaluate(image => getComputedStyle(image).animationName)
  await page.goto(server.url)
  assert.equal(await animation(), 'film')
  await freshPage({ reducedMotion: 'reduce' })
  await page.goto(server.url)
  assert.equal(await animation(), 'none')
})

test('it is what the model draws', async () => {
  await page.goto(`${server.url}blank.html`)
  const drawn = await drawExample(page)
  const shown = await page.evaluate(async () => {
    const image = new Image()
    image.src = 'pictures/example.png'
    await image.decode()
    const canvas = new OffscreenCanvas(image.width, image.height)
    const context = canvas.getContext('2d')
    context.drawImage(image, 0, 0)
    const grey = (x, y) => [...context.getImageData(28 * x, 28 * y, 28, 28).data].filter((_, i) => i % 4 === 0)
    return [0, 1].map(y => Array.from({ length: image.width / 28 }, (_, x) => grey(x, y)))
  })
  assert.equal(shown[0].length, EXAMPLE.steps)
  const difference = Math.max(...shown.flat().map((picture, i) => Math.max(...picture.map((grey, at) => Math.abs(grey - drawn.flat()[i][at])))))
  assert.ok(difference <= 3, `off by ${difference} of 255`) // relaxed SIMD rounds as each machine does
})

test('what the page says of its size is true', async () => {
  const [, said] = /(\d\.\d) MB/.exec(await page.goto(server.url).then(() => page.innerText('.intro')))
  const packed = await Promise.all(['index.html', 'style.css', 'page.js', 'worker.js', FILES.engine].map(async path => gzipSync(await read(path)).length))
  const { size: weights } = await stat(join(DIST, FILES.weights))
  const megabytes = (weights + packed.reduce((sum, bytes) => sum + bytes)) / 1e6
  assert.ok(Math.abs(Number(said) - megabytes) <= 0.1, `${said} MB said, ${megabytes.toFixed(2)} MB is what it is`)
})

test('who saves data is asked first; a digit picked is the answer', async () => {
  const before = asked(FILES.engine)
  await page.addInitScript(() => Object.defineProperty(navigator, 'connection', { value: { saveData: true } }))
  await page.goto(server.url)
  await settled(page)
  assert.equal(await page.innerText('#overlay'), 'Your browser saves data\n\nPick a digit to load the model: 1.3 MB.')
  await page.waitForTimeout(500)
  assert.equal(asked(FILES.engine), before)
  await page.click('#language')
  await page.waitForSelector('html[lang=zh-Hans]')
  await page.locator('#overlay:has-text("浏览器正在节省流量")').waitFor()
  await page.click('#digits [value="5"]')
  await page.locator('#strip input:enabled').nth(11).waitFor()
  assert.deepEqual(errors, [])
})

test('what a shared link and a home screen show exists', async () => {
  await page.goto(server.url)
  const image = await page.getAttribute('meta[property="og:image"]', 'content')
  assert.deepEqual(size(await read(image)), [1200, 630])
  assert.deepEqual(size(await read(await page.getAttribute('link[rel=apple-touch-icon]', 'href'))), [180, 180])
  const { icons } = JSON.parse(String(await read('app.webmanifest')))
  for (const { src, sizes, type } of icons) if (type === 'image/png') assert.deepEqual(size(await read(src)).join('x'), sizes, src)
  assert.deepEqual(icons.map(({ purpose }) => purpose), ['any', 'any', 'any', 'maskable'])
})

test('licence, model card, package and the page for embedding are a click away', async () => {
  await page.goto(server.url)
  const links = await page.locator('.footer a').evaluateAll(links => links.map((/** @type {HTMLAnchorElement} */ link) => link.href))
  assert.ok(links.length >= 5)
  for (const link of links) assert.equal((await fetch(link)).status, 200, link)
})
