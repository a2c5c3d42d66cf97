// What a program does wrong is told at once, by the right type of error and in a sentence that names it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSampleOptions } from '../../www/options.js'
import { errors, openModel, page, setUp } from './support.mjs'

setUp({
  page: 'once',
  async prepare() {
    await openModel()
    await page.evaluate(() => model.addAdapter('outline'))
  },
})

/** @type {[string, object, string, RegExp][]} */
const cases = [
  ['label: 10', { label: 10 }, 'RangeError', /label must be one of '0'.*index from 0 to 9, not 10/],
  ["label: 'x'", { label: 'x' }, 'RangeError', /label.*'x'/],
  ['no label', {}, 'TypeError', /label.*undefined/],
  ['seed: -1', { label: 1, seed: -1 }, 'RangeError', /seed.*-1/],
  ["seed: '1'", { label: 1, seed: '1' }, 'TypeError', /seed.*'1'/],
  ['steps: 0', { label: 1, steps: 0 }, 'RangeError', /steps.*0/],
  ["sampler: 'magic'", { label: 1, sampler: 'magic' }, 'RangeError', /sampler.*'ddpm'.*'magic'/],
  ["timestepSpacing: 'even'", { label: 1, timestepSpacing: 'even' }, 'RangeError', /timestepSpacing.*'trailing', not 'even'/],
  ['guidanceScale: null', { label: 1, guidanceScale: null }, 'RangeError', /guidanceScale.*null/],
  ['eta: 2', { label: 1, eta: 2 }, 'RangeError', /eta.*2/],
  ['unequal batch', { label: [1, 2], seed: [1, 2, 3] }, 'RangeError', /2 and 3/],
  ['latents: [1]', { label: 1, latents: [1] }, 'TypeError', /Float32Array/],
  ['adapters: { nobody }', { label: 1, adapters: { nobody: 1 } }, 'RangeError', /'nobody'/],
]
for (const [title, options, name, message] of cases) {
  test(title, async () => {
    const error = await page.evaluate(options => failure(() => model.sample(options)), options)
    assert.equal(error?.name, name)
    assert.match(error.message, message)
  })
}

test('more steps than the model was trained with', async () => {
  const error = await page.evaluate(() => failure(async () => {
      for await (const step of model.sample({ label: 7, steps: 100_000 })) return step
    }))
  assert.match(error.message, /steps/i)
})

test('setAdapters, addAdapter, device, threads', async () => {
  const told = await page.evaluate(async () => [
    await failure(() => model.setAdapters({ nobody: 1 })),
    await failure(() => model.setAdapters({ [model.adapters[0].name]: NaN })),
    await failure(() => model.setAdapters(null)),
    await failure(() => model.addAdapter('')),
    await failure(() => model.addAdapter(model.adapters[0].name)),
    await failure(() => model.addAdapter('unlisted')),
    await failure(() => model.addAdapter('number', 5)),
    await failure(() => model.removeAdapter('nobody')),
    await failure(() => DigitDiffusion.load('models/base/', { device: /** @type {any} */ ('tpu') })),
    await failure(() => DigitDiffusion.load('models/base/', { threads: 0 })),
    await failure(() => DigitDiffusion.load('models/base/', { threads: /** @type {any} */ ('many') })),
  ])
  const names = ['RangeError', 'TypeError', 'TypeError', 'TypeError', 'RangeError', 'RangeError', 'TypeError', 'RangeError', 'TypeError', 'TypeError', 'TypeError']
  assert.deepEqual(told.map(error => error?.name), names)
})

test('noise', async () => {
  const told = await page.evaluate(async () => [
    await failure(() => model.noise(/** @type {any} */ ('1'))),
    await failure(() => model.noise(-1)),
    await failure(() => model.noise(1, /** @type {any} */ ({ share: 0.5 }))),
    await failure(() => model.noise(1, /** @type {any} */ ({ to: 2 }))),
    await failure(() => model.noise(1, { to: 2, share: 1.5 })),
  ])
  assert.deepEqual(told.map(error => error?.name), ['TypeError', 'RangeError', 'TypeError', 'RangeError', 'RangeError'])
  assert.match(told[4].message, /share.*0 to 1, not 1\.5/)
})

test('a class is found by its name in any Unicode form, the very same one first', () => {
  const labels = ['a', 'e\u0301', '\u00e9', 'o\u0308']
  const index = label => readSampleOptions({ label, seed: 1 }, { labels, latents: 784 }).request.labels[0]
  assert.deepEqual(['e\u0301', '\u00e9', '\u00f6', 'a'].map(index), [1, 2, 3, 0])
  assert.throws(() => index('e'), RangeError)
})

test('logged no error', () => assert.deepEqual(errors, []))
