// The DigitDiffusion class, as a program uses it. Stopping and disposing: worker-protocol.test.mjs; mistakes: class-arguments.test.mjs.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errors, FILES, openModel, page, server, setUp } from './support.mjs'

setUp({ webgpu: true, page: 'once', prepare: openModel })
test('load: says what it loaded, and how far the download was', async () => {
  const { facts, events } = await page.evaluate(() => {
    const { backend, labels, imageSize, baseHash, adapters, catalog } = model
    return { facts: { backend, labels, imageSize, baseHash, adapters, catalog }, events }
  })
  assert.equal(facts.backend, 'cpu')
  assert.deepEqual(facts.labels, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
  assert.equal(facts.imageSize, 28)
  assert.match(facts.baseHash, /^sha256-[0-9a-f]{64}$/)
  assert.deepEqual(facts.adapters, [])
  assert.ok(facts.catalog.length >= 1)
  const downloads = events.filter(({ phase }) => phase === 'download')
  assert.ok(downloads.length > 1)
  for (const [i, { loaded }] of downloads.entries()) if (i) assert.ok(loaded >= downloads[i - 1].loaded)
  const { loaded, total } = downloads.at(-1)
  assert.equal(loaded, total)
  assert.equal(events.at(-1).phase, 'start')
})

test('sample: yields steps of ImageData', async () => {
  const steps = await page.evaluate(async () => {
    const steps = []
    for await (const step of model.sample({ label: '7', seed: 1, steps: 3 })) {
      steps.push({ ...step, image: step.image instanceof ImageData && step.image.width, x0: step.x0 instanceof ImageData && step.x0.height })
    }
    return steps
  })
  assert.deepEqual(steps.map(({ step }) => step), [1, 2, 3])
  for (const { total, image, x0, ms } of steps) {
    assert.deepEqual([total, image, x0], [3, 28, 28])
    assert.ok(ms >= 0)
  }
  assert.ok(steps[0].timestep > steps[2].timestep)
})

test('sample: a name and an index are the same label; a seed is a picture', async () => {
  const [byName, byIndex, other] = await page.evaluate(async () => {
    const pictures = [await draw({ label: '7' }), await draw({ label: 7 }), await draw({ seed: 43 })]
    return pictures.map(({ image }) => String(image.data))
  })
  assert.equal(byName, byIndex)
  assert.notEqual(byName, other)
})

test('sample: a batch of labels and seeds', async () => {
  const result = await page.evaluate(async () => {
    const batch = await draw({ label: ['3', 8], seed: [5, 6], raw: true })
    const seeds = await draw({ label: 3, seed: [5, 6] })
    const alone = await draw({ label: 8, seed: 6 })
    const worst = Math.max(...alone.image.data.map((value, i) => Math.abs(value - batch.image[1].data[i])))
    return { images: batch.image.length, x0s: batch.x0.length, raw: batch.rawImage.length, seeds: seeds.image.length, worst }
  })
  assert.deepEqual({ ...result, worst: 0 }, { images: 2, x0s: 2, raw: 2 * 784, seeds: 2, worst: 0 })
  assert.ok(result.worst <= 2, `a picture differs by ${result.worst} levels in a batch and alone`)
})

test('sample: latents stand in for the seed, raw adds the floats', async () => {
  const result = await page.evaluate(async () => {
    const latents = Float32Array.from({ length: 784 }, (_, i) => Math.sin(i * 12.9898) * 1.4)
    const [one, again] = [await draw({ latents, raw: true, sampler: 'ddim' }), await draw({ latents: latents.slice(), seed: 9, raw: true, sampler: 'ddim' })]
    return {
      same: same(one.rawImage, again.rawImage),
      kind: one.rawX0.constructor.name,
      length: one.rawX0.length,
      finite: one.rawImage.every(Number.isFinite),
      untouched: latents.length,
      without: 'rawImage' in (await draw({})),
    }
  })
  assert.deepEqual(result, { same: true, kind: 'Float32Array', length: 784, finite: true, untouched: 784, without: false })
})

test('noise: what a seed begins with, as latents; between two of them lies an arc', async () => {
  const result = await page.evaluate(async () => {
    const [one, other] = [await model.noise(42), await model.noise(7)]
    const way = share => model.noise(42, { to: 7, share })
    const length = values => Math.hypot(...values)
    const half = await way(0.5)
    return {
      kind: one.constructor.name,
      values: one.length,
      same: same((await draw({ seed: 42 })).image, (await draw({ seed: 42, latents: one })).image),
      fresh: same((await draw({ seed: 42, sampler: 'ddpm' })).image, (await draw({ seed: 42, sampler: 'ddpm', latents: one })).image),
      ends: [same(await way(0), one), same(await way(1), other)],
      half: length(half) / length(one),
      straight: length(one.map((value, i) => (value + other[i]) / 2)) / length(one),
    }
  })
  const { half, straight, ...rest } = result
  assert.deepEqual(rest, { kind: 'Float32Array', values: 784, same: true, fresh: true, ends: [true, true] })
  assert.ok(Math.abs(half - 1) < 0.05 && straight < 0.8, JSON.stringify({ half, straight }))
})

describe('adapters', () => {
  test('added by name or address; set, negative, off again bit for bit', async () => {
    const result = await page.evaluate(async () => {
      const [first] = model.catalog
      const base = await draw({ raw: true })
      const added = await model.addAdapter(first.name, first.url)
      const unset = await draw({ raw: true })
      await model.setAdapters({ [first.name]: 1 })
      const full = await draw({ raw: true })
      const listed = model.adapters
      await model.setAdapters({ [first.name]: -0.5 })
      const negative = await draw({ raw: true })
      await model.setAdapters({})
      const off = await draw({ raw: true })
      const once = await draw({ raw: true, adapters: { [first.name]: 1 } })
      return {
        added,
        listed,
        unset: same(base.rawImage, unset.rawImage),
        full: same(base.rawImage, full.rawImage),
        negative: same(full.rawImage, negative.rawImage) || same(base.rawImage, negative.rawImage),
        off: same(base.rawImage, off.rawImage),
        once: same(full.rawImage, once.rawImage),
      }
    })
    const { added, listed, ...same } = result
    assert.ok(added.rank > 0 && added.modules > 0)
    assert.deepEqual(listed, [{ ...added, scale: 1 }])
    assert.deepEqual(same, { unset: true, full: false, negative: false, off: true, once: true })
  })

  test('a run keeps the strengths it began with, whatever is set meanwhile', async () => {
    const equal = await page.evaluate(async () => {
      const { name } = model.adapters[0]
      const base = await draw({ steps: 4 })
      const run = model.sample({ label: 7, seed: 42, steps: 4 })
      let last = (await run.next()).value
      await model.setAdapters({ [name]: 1 })
      await draw({})
      for await (const step of run) last = step
      await model.setAdapters({})
      return same(base.image, last.image)
    })
    assert.equal(equal, true)
  })

  test('from files: with their configuration, and as a pair', async () => {
    const result = await page.evaluate(async () => {
      const { name, url } = model.catalog[0]
      const fetched = async file => new File([await (await fetch(url + file)).blob()], file)
      const [config, weights] = await Promise.all([fetched('adapter_config.json'), fetched('adapter_model.quantized.safetensors')]) // what the catalog's is
      await model.addAdapter('given', weights, { config: JSON.parse(await config.text()) })
      await model.addAdapter('pair', [config, weights])
      const pictures = []
      for (const adapter of [name, 'given', 'pair']) pictures.push((await draw({ adapters: { [adapter]: 0.7 } })).image)
      const both = (await draw({ adapters: { given: 0.35, pair: 0.35 } })).image
      const worst = Math.max(...both.data.map((value, i) => Math.abs(value - pictures[0].data[i])))
      await model.removeAdapter('given')
      await model.removeAdapter('pair')
      return { equal: same(pictures[0], pictures[1]) && same(pictures[0], pictures[2]), worst, left: model.adapters.length }
    })
    assert.deepEqual({ ...result, worst: 0 }, { equal: true, worst: 0, left: 1 })
    assert.ok(result.worst <= 2, `half and half differs by ${result.worst} levels from one at full`)
  })

  test('a file that is no adapter is refused in a sentence, and the model stays', async () => {
    const error = await page.evaluate(() => failure(() => model.addAdapter('bad', new Blob(['nonsense']))))
    assert.ok(error.message.length > 20)
    assert.notEqual(error.code, 'crashed')
    assert.equal(await page.evaluate(async () => (await draw({})).step), 2)
  })

  test('adding can be aborted, and done again', async () => {
    const name = await page.evaluate(() => model.adapters[0].name)
    server.faults[`models/lora/${name}/adapter_model.quantized.safetensors`] = { delay: 1500 }
    const result = await page.evaluate(async name => {
      await model.removeAdapter(name)
      const controller = new AbortController()
      const pending = failure(() => model.addAdapter(name, undefined, { signal: controller.signal }))
      setTimeout(() => controller.abort(), 200)
      const error = await pending
      return { error: error.name, again: (await model.addAdapter(name)).name }
    }, name)
    delete server.faults[`models/lora/${name}/adapter_model.quantized.safetensors`]
    assert.deepEqual(result, { error: 'AbortError', again: name })
  })
})

describe('loading', () => {
  test('errors are typed', async () => {
    server.faults[FILES.weights] = { status: 404 }
    const error = await page.evaluate(() => failure(() => DigitDiffusion.load('models/base/')))
    delete server.faults[FILES.weights]
    assert.equal(error.name, 'DigitDiffusionError')
    assert.equal(error.code, 'missing')
    assert.equal(error.file, 'base/unet/diffusion_pytorch_model.quantized.safetensors')
  })

  test('without a manifest it loads unchecked; with a given one it checks', async () => {
    const result = await page.evaluate(async () => {
      const manifest = await (await fetch('models/manifest.json')).json()
      const free = await DigitDiffusion.load('models/base', { device: 'cpu', manifest: false })
      const given = await DigitDiffusion.load('models/base', { device: 'cpu', manifest })
      const answer = { free: free.catalog.length, given: given.catalog.length === model.catalog.length }
      for (const one of [free, given]) one.dispose()
      manifest.base.files['unet/config.json'].sha256 = '0'.repeat(64)
      return { ...answer, wrong: (await failure(() => DigitDiffusion.load('models/base', { manifest }))).code }
    })
    assert.deepEqual(result, { free: 0, given: true, wrong: 'mismatch' })
  })

})

test('logged no error but the ones provoked', () => assert.deepEqual(errors.filter(error => !/404/.test(error)), []))
