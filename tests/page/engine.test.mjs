// The engine itself, without the worker: its defaults are those that JavaScript shows, and what it throws says what it is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CALLS, DEFAULTS } from '../../www/options.js'
import { errors, openModule, page, setUp } from './support.mjs'

const { device: _, threads: __, ...shown } = DEFAULTS
setUp({ page: 'once', prepare })
async function prepare() {
  await openModule()
  await page.evaluate(async () => {
    window.engine = await import(new URL('engine/engine.js', location.href).href)
    await engine.default({ module_or_path: new URL('engine/engine_bg.wasm', location.href) })
    const read = async path => (await fetch(`models/base/${path}`)).text()
    window.files = {
      info: await read('digit_diffusion.json'),
      unetConfig: await read('unet/config.json'),
      schedulerConfig: await read('scheduler/scheduler_config.json'),
      weights: new Uint8Array(await (await fetch('models/base/unet/diffusion_pytorch_model.safetensors')).arrayBuffer()),
    }
    window.failure = async action => {
      try {
        await action()
      } catch (error) {
        const { name, message, code, kind, fields } = error
        return { name, message, code, kind, fields, isError: error instanceof Error }
      }
    }
  })
}

test('its defaults are those of options.js', async () => {
  const own = await page.evaluate(() => engine.defaults())
  assert.deepEqual(Object.keys(own).sort(), Object.keys(shown).sort())
  // Some are 32-bit floats in Rust.
  const number = value => (typeof value === 'number' ? Math.fround(value) : value)
  for (const [name, value] of Object.entries(own)) assert.equal(number(value), number(shown[name]), name)
})

test('a run that leaves all options out is that of the class', async () => {
  const alike = await page.evaluate(async shown => {
    const model = await engine.Engine.load(files, 'cpu')
    const drawn = []
    for (const options of [{}, shown]) {
      const run = model.sample({ labels: ['7'], seeds: [42], raw: true, ...options })
      let last
      for (let step; (step = await run.next()); last = step);
      drawn.push(`${last.total} ${last.rawImage}`)
    }
    return drawn[0] === drawn[1]
  }, shown)
  assert.ok(alike)
})

test('a picture by the defaults takes as many calls of the network as the page says', async () => {
  const calls = await page.evaluate(async () => {
    const model = await engine.Engine.load(files, 'cpu')
    const count = async options => {
      const run = model.sample({ labels: ['7'], seeds: [42], ...options })
      let calls = 0
      for (let input; (input = run.input()); await run.next()) calls += input.labels.length
      return calls
    }
    return { guided: await count({}), plain: await count({ guidanceScale: 1 }) }
  })
  assert.deepEqual(calls, { ...CALLS })
})

test('what it throws has a code, a kind and fields, whatever its sentence', async () => {
  const told = await page.evaluate(async () => {
    const model = await engine.Engine.load(files, 'cpu')
    const asked = { labels: ['7'], seeds: [1] }
    return {
      json: await failure(() => engine.Engine.load({ ...files, info: '{' }, 'cpu')),
      config: await failure(() => engine.Engine.load({ ...files, unetConfig: files.unetConfig.replace('"silu"', '"gelu"') }, 'cpu')),
      weights: await failure(() => engine.Engine.load({ ...files, weights: files.weights.subarray(0, 999) }, 'cpu')),
      adapter: await failure(() => model.addAdapter('x', '', new Uint8Array(9))),
      steps: await failure(() => model.sample({ ...asked, steps: 1001, sampler: 'ddim' })),
      label: await failure(() => model.sample({ ...asked, labels: ['cat'] })),
      argument: await failure(() => model.sample({ ...asked, seeds: [0.5] })),
      misuse: await failure(() => model.decide({ cpu: 1, gpu: 2 })),
    }
  })
  const short = Object.fromEntries(Object.entries(told).map(([name, { code, kind }]) => [name, `${code} ${kind}`]))
  assert.deepEqual(short, {
    json: 'engine json',
    config: 'engine config-unsupported',
    weights: 'unreadable safetensors-length',
    adapter: 'unreadable safetensors',
    steps: 'engine steps',
    label: 'engine class-name',
    argument: 'engine argument',
    misuse: 'engine misuse',
  })
  for (const { isError, message } of Object.values(told)) assert.ok(isError && message.length > 0, message)
  assert.equal(told.argument.name, 'TypeError')
  assert.deepEqual(told.config.fields, { file: 'unet/config.json', key: 'act_fn', found: '"gelu"', accepted: '"silu"' })
  assert.deepEqual(told.steps.fields, { sampler: 'ddim', most: 1000, found: 1001 })
  assert.deepEqual(told.label.fields.known, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
})

test('the class passes code, kind and fields on, through the worker', async () => {
  const { code, message, details } = await page.evaluate(async () => {
    const model = await DigitDiffusion.load('models/base/', { device: 'cpu' })
    try {
      await model.sample({ label: 7, steps: 5000 }).next()
    } catch ({ code, message, details }) {
      return { code, message, details }
    } finally {
      model.dispose()
    }
  })
  assert.deepEqual([code, message], ['engine', 'Steps must be 1 to 999 for dpm++2m, not 5000.'])
  assert.deepEqual([details.kind, details.most, details.found], ['steps', 999, 5000])
  assert.deepEqual(errors, [])
})
