// Files of two releases side by side: a worker of another one than its module, and two copies of the package on one page.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { DIST, errors, openModule, page, server, setUp, watchElements } from './support.mjs'

const RELEASE = /\d+\.\d+\.\d+\+[0-9a-f]{8}/g
setUp()

test('a worker of another release is found out before anything is loaded', async () => {
  const worker = await readFile(join(DIST, 'worker.js'), 'utf8')
  server.pages['worker.js'] = worker.replace(RELEASE, '0.0.9+00000000')
  await openModule()
  const error = await page.evaluate(() => DigitDiffusion.load('models/base/').catch(/** @returns {any} */ ({ code, message, details }) => ({ code, message, details })))
  delete server.pages['worker.js']
  assert.equal(error.code, 'release')
  assert.match(error.message, /another release \(0\.0\.9\+00000000\).*Reload/)
  assert.match(error.details.module, new RegExp(`^${RELEASE.source}$`))
  assert.equal(server.requests.some(name => name.startsWith('models/') || name.endsWith('.wasm')), false)
})

test('two copies of different releases on one page: the first has the element, each class its own worker', async () => {
  for (const name of ['digit-diffusion.js', 'worker.js']) {
    server.pages[`other/${name}`] = (await readFile(join(DIST, name), 'utf8')).replace(RELEASE, '9.9.9+99999999')
  }
  for (const name of ['engine/engine-relaxed_bg.wasm', 'engine/engine_bg.wasm']) server.pages[`other/${name}`] = await readFile(join(DIST, name))
  await watchElements(page)
  await openModule()
  const result = await page.evaluate(async () => {
    const other = await import(new URL('other/digit-diffusion.js', location.href).href)
    const draw = async ({ DigitDiffusion }) => {
      const model = await DigitDiffusion.load('models/base/', { device: 'cpu' })
      let last
      for await (const step of model.sample({ label: 7, seed: 42, steps: 2 })) last = step
      model.dispose()
      return String(last.image.data)
    }
    const element = document.createElement('digit-diffusion')
    Object.assign(element, { label: '7', seed: 42, steps: 2, device: 'cpu' })
    document.body.append(element)
    const [one, two] = [await draw(/** @type {any} */ (window)), await draw(other)]
    return { same: one === two, first: element instanceof window.DigitDiffusionElement, second: element instanceof other.DigitDiffusionElement }
  })
  assert.deepEqual(result, { same: true, first: true, second: false })
  await page.waitForSelector('digit-diffusion[data-drawn]')
  assert.ok(server.requests.includes('other/worker.js') && server.requests.includes('worker.js'))
  assert.deepEqual(errors, [])
})
