// A second visit without a network, from one whole copy; a damaged one is never kept. What becomes of newer versions: service-worker-releases.test.mjs.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { copies, copyKept, DIST, errors, FILES, freshServer, page, pick, pixels, serve, server, settled, setUp, until } from './support.mjs'

setUp({ site: false, prepare: () => freshServer({ prefix: '/any/where/at all/' }) })

/** What is fetched only when somebody teaches. */
const TEACHING = ['engine/training-relaxed_bg.wasm', 'engine/training_bg.wasm', 'training.js']
const kept = () => copyKept(page)
const ledger = () => copies(page)

test('with the network cut: the page, the model and the styles, and the same pictures', async () => {
  await page.goto(`${server.url}#digit=7&seed=2&steps=3&lora=on&styles=outline:1`)
  await settled(page)
  const drawn = [await pixels(page), await pixels(page, 'lora')]
  await kept()
  await page.context().setOffline(true)
  await server.close()
  server.requests.length = 0
  await page.goto('about:blank')
  await page.goto(`${server.url}?from=elsewhere#digit=7&seed=2&steps=3&lora=on&styles=outline:1`)
  await settled(page)
  assert.deepEqual([await pixels(page), await pixels(page, 'lora')], drawn)
  await page.click('#styles [value="seven-segment"]') // was not looked at online
  await settled(page)
  assert.notEqual(await pixels(page, 'lora'), drawn[1])
  await page.reload()
  await settled(page)
  assert.equal(await pixels(page), drawn[0])
  await page.goto(`${server.url}embed.html`)
  assert.match(await page.innerText('h1'), /your own page/)
  assert.deepEqual(server.requests, [])
  assert.deepEqual(errors, [])
})

/** Which of the site's files are kept; and all that it has but `unwanted`. */
async function keptFiles(unwanted) {
  await page.goto(server.url)
  await settled(page)
  await kept()
  const { current } = await ledger()
  const files = (await readdir(DIST, { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => `${entry.parentPath}/${entry.name}`.slice(DIST.length).replace(/^\//, '').replace(/^index\.html$/, ''))
  const notServed = /\.d\.ts$|\.md$|\.map$|\.py$|model_index\.json$|^engine\/.+\.js$|^sw\.js$|^package\.json$|^LICENSE-/
  const { base, adapters, bases } = JSON.parse(await readFile(join(DIST, FILES.manifest), 'utf8'))
  const replaced = [base, ...adapters].flatMap(({ path, files }) => Object.values(files).map(({ in_place_of: other }) => `models/${path}${other}`))
  // Other bases are fetched when they are chosen, and not kept.
  const isOther = (/** @type {string} */ file) => bases.some((/** @type {{ path: string }} */ { path }) => file.startsWith(`models/${path}`))
  const wanted = files.filter(file => !isOther(file) && !notServed.test(file) && !unwanted.includes(file) && !replaced.includes(file))
  return [Object.keys(current.hashes).sort(), wanted.sort()]
}

test('everything is kept that this browser may ask for: of the engine’s builds, its own', async () => {
  const [has, wants] = await keptFiles(['engine/engine_bg.wasm', ...TEACHING])
  assert.deepEqual(has, wants)
})

test('what teaching takes is kept when somebody has taught; after the next release, too', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  const prepare = () =>
    page.evaluate(async () => {
      const { DigitDiffusion } = await import(new URL('digit-diffusion.js', location.href).href)
      const model = await DigitDiffusion.load('models/base/', { device: 'cpu' })
      const context = Object.assign(document.createElement('canvas'), { width: 100, height: 100 }).getContext('2d')
      context.fillRect(40, 10, 12, 80)
      const { images } = await model.prepareDrawing(context.canvas)
      model.dispose()
      return images.length
    })
  const has = async () => {
    const { current } = await ledger()
    return TEACHING.filter(path => path in current.hashes)
  }
  const TAKEN = TEACHING.filter(path => path !== 'engine/training_bg.wasm')
  await page.reload() // from here on the service worker serves
  await settled(page)
  assert.deepEqual(await has(), [])
  assert.equal(await prepare(), 1)
  await until(has, kept => kept.length === TAKEN.length)
  assert.deepEqual(await has(), TAKEN)

  await page.context().setOffline(true)
  assert.equal(await prepare(), 1)
  await page.context().setOffline(false)

  server.faults['embed.css'] = { prepend: '/* newer */' }
  const { current } = await ledger()
  await page.reload()
  await until(async () => (await ledger()).current, now => now.name !== current.name)
  assert.deepEqual(await has(), TAKEN)
  assert.deepEqual(errors, [])
})

test('what is damaged on the server is never kept', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  const { current } = await ledger()
  /** @type {[string, import('./support/server.mjs').Fault][]} */
  const damages = [
    ['models/lora/outline/adapter_model.quantized.safetensors', { flip: 500 }],
    [FILES.engine, { keep: 5000 }],
    ['embed.js', { status: 500 }],
  ]
  for (const [file, fault] of damages) {
    server.faults[file] = fault
    // The models are taken for what they were as long as the manifest says so; a new manifest makes them be fetched.
    server.faults[FILES.manifest] = { prepend: ' ' }
    await page.reload()
    await settled(page)
    await page.waitForTimeout(500)
    const now = await ledger()
    assert.deepEqual(now.current.hashes['page.js'], current.hashes['page.js'])
    for (const copy of [now.current, now.next]) {
      if (file !== 'models/lora/outline/adapter_model.quantized.safetensors') continue
      if (copy) assert.equal(copy.hashes[file], current.hashes[file])
    }
    if (!file.startsWith('models')) assert.equal(now.next, null)
    await pick(page, 3)
    delete server.faults[file]
    delete server.faults[FILES.manifest]
  }
})

test('a first visit that meets a damaged file keeps nothing, and a later one keeps all', async () => {
  server.faults['models/lora/outline/adapter_model.quantized.safetensors'] = { flip: 500 }
  await page.goto(server.url)
  await settled(page)
  await page.waitForTimeout(5000)
  assert.equal(await ledger(), undefined)
  delete server.faults['models/lora/outline/adapter_model.quantized.safetensors']
  await page.reload()
  await settled(page)
  await kept()
  assert.ok((await ledger()).current)
})

test('where the site has gone, nothing of it stays in the way', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  server.faults['sw.js'] = { status: 404 }
  server.pages['index.html'] = '<!doctype html><link rel="icon" href="data:,"><h1>Another site</h1>'
  await page.reload()
  assert.equal(await page.innerText('h1'), 'Another site')
  await until(() => page.evaluate(() => caches.keys()), names => !names.length)
  await page.reload()
  assert.equal(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0)
})

test('in a frame on another site nothing is kept', async () => {
  const away = await serve({ pages: { 'frame.html': `<!doctype html><link rel="icon" href="data:,"><iframe src="${server.url}"></iframe>` } })
  await page.goto(`${away.url}frame.html`)
  const frame = page.frames()[1]
  await frame.waitForSelector('#stage[data-busy=false]')
  await page.waitForTimeout(4000)
  assert.equal(await frame.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0)
  await away.close()
})

test('can be installed', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  const devtools = await page.context().newCDPSession(page)
  const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors')
  // Playwright's contexts are incognito ones.
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'), [])
  assert.deepEqual((await devtools.send('Page.getAppManifest')).errors, [])
})
