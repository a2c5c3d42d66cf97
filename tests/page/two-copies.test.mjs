// Two releases of the module on one page: the first has the tag, both draw, and instanceof holds across them.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { DIST, errors, page, server, setUp, until } from './support.mjs'

setUp()
const RELEASE = /\d+\.\d+\.\d+\+[0-9a-f]{8}/g

test('two releases live beside each other', async () => {
  for (const file of ['digit-diffusion.js', 'worker.js']) {
    const script = await readFile(join(DIST, file), 'utf8')
    assert.match(script, RELEASE)
    server.pages[`other/${file}`] = script.replace(RELEASE, '9.9.9+00000000')
  }
  for (const file of ['engine/engine_bg.wasm', 'engine/engine-relaxed_bg.wasm']) server.pages[`other/${file}`] = await readFile(join(DIST, file))
  await page.goto(`${server.url}blank.html`)
  const seen = await page.evaluate(async () => {
    const [one, other] = [
      await import(new URL('digit-diffusion.js', location.href).href),
      await import(new URL('other/digit-diffusion.js', location.href).href),
    ]
    const element = Object.assign(document.createElement('digit-diffusion'), { label: '7', seed: 42, steps: 2, device: 'cpu', base: 'models/base/' })
    const done = new Promise(resolve => element.addEventListener('done', resolve))
    document.body.append(element)
    const { detail: { image } } = await done
    const model = await other.DigitDiffusion.load('models/base/', { device: 'cpu' })
    let last
    for await (const step of model.sample({ label: 7, seed: 42, steps: 2 })) last = step
    const error = await one.DigitDiffusion.load('nowhere/').catch(error => error)
    const nothing = /** @type {any} */ (null)
    class Own extends /** @type {any} */ (one.DigitDiffusionError) {}
    return {
      different: one.DigitDiffusion !== other.DigitDiffusion,
      same: String(image.data) === String(last.image.data),
      first: element.constructor === one.DigitDiffusionElement,
      across: [
        element instanceof other.DigitDiffusionElement,
        model instanceof one.DigitDiffusion,
        (await element.model) instanceof other.DigitDiffusion,
        error instanceof other.DigitDiffusionError,
        new (/** @type {any} */ (Own))('disposed') instanceof Own,
      ],
      not: [error instanceof Own, new Error('') instanceof one.DigitDiffusionError, nothing instanceof one.DigitDiffusion, {} instanceof one.DigitDiffusion, document.body instanceof one.DigitDiffusionElement],
    }
  })
  assert.deepEqual(seen, { different: true, same: true, first: true, across: Array(5).fill(true), not: Array(5).fill(false) })
  await until(() => page.workers().length, workers => workers === 2) // that of the model that was not found is gone
  assert.deepEqual(errors.filter(error => !error.includes('404')), [])
})
