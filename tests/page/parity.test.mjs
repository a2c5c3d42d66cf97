// The same digit, noise, steps, sampler and guidance give the same picture everywhere. The reference is diffusers' own
// run on the shipped weights (fixtures/shipped.safetensors), which the native tests hold the native engine to. Quantized weights, which are
// taken unless something else is asked for, give pictures close to them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors, FILES, largestDifference, openModule, page, readTensors, server, setUp } from './support.mjs'
import { latentBase } from './support/latent-bases.mjs'

/** Levels of 255 that a pixel may be off. */
const LEVELS = 2

/** Root mean square of what pixels of pictures from quantized weights may be off, in levels of 255. */
const QUANTIZED_LEVELS = 8

const level = value => Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5)

const fixture = await readTensors(new URL('../fixtures/shipped.safetensors', import.meta.url))
const about = JSON.parse(fixture.metadata.about)
setUp({ webgpu: true, page: 'once', prepare: openModule })

/**
 * The engine's builds: the file that must be fetched, and what stands before the worker's script.
 * @type {Record<string, { device: 'cpu' | 'webgpu', file: string, prepend?: string }>}
 */
const BUILDS = {
  cpu: { device: 'cpu', file: 'engine/engine-relaxed_bg.wasm' },
  'cpu without fused multiply-add': { device: 'cpu', file: 'engine/engine_bg.wasm', prepend: `addEventListener('message', ({ data }) => data.method === 'load' && (data.params.build = 'plain'))\n` },
  webgpu: { device: 'webgpu', file: 'engine/engine-relaxed_bg.wasm' },
}

for (const [build, { device, file, prepend }] of Object.entries(BUILDS)) {
  test(`${build}: pictures are those of diffusers on the shipped weights`, async t => {
    if (prepend) server.faults['worker.js'] = { prepend }
    const asked = server.requests.length
    await page.evaluate(async device => {
      window.model = await DigitDiffusion.load('models/base/', { device, quantized: false })
    }, device)
    delete server.faults['worker.js']
    assert.equal(await page.evaluate(() => model.backend), device)
    assert.ok(server.requests.slice(asked).includes(file), `${file} was fetched`)
    // SwiftShader takes seconds for a step: there, the base and one adapter.
    const names = fixture.names.filter(name => name.endsWith('.images')).map(name => name.slice(0, -'.images'.length))
    for (const name of device === 'cpu' ? names : ['base', names.find(name => name !== 'base')]) {
      const expected = fixture.read(`${name}.images`)
      const got = await page.evaluate(
        async ({ name, latents, steps, guidanceScale }) => {
          if (name !== 'base') await model.addAdapter(name)
          await model.setAdapters(name === 'base' ? {} : { [name]: 1 })
          let last
          const guidance = { guidanceScale, guidanceStart: 0, guidanceStop: 1, guidanceEta: 1 }
          const options = { label: ['3', '7'], seed: 0, steps, ...guidance, sampler: 'dpm++2m', raw: true, latents: new Float32Array(latents) }
          for await (const step of model.sample(options)) last = step
          return [...last.rawImage]
        },
        { name, latents: fixture.read('noise'), steps: about.num_inference_steps, guidanceScale: about.guidance_scale },
      )
      assert.equal(got.length, expected.length)
      const off = largestDifference(got, expected)
      const levels = Math.max(...got.map((value, i) => Math.abs(level(value) - level(expected[i]))))
      t.diagnostic(`${name}, ${build}: at most ${off.toExponential(1)} off, ${levels} of 255 levels`)
      assert.ok(levels <= LEVELS, `${name}, ${build} is ${levels} levels off`)
    }
    await page.evaluate(() => model.dispose())
    assert.deepEqual(errors, [])
  })
}

test('webgpu: a picture behind an autoencoder is decoded there, as diffusers decodes it; of the shipped base as on the CPU', async t => {
  const { read } = await readTensors(new URL('../fixtures/autoencoder/colour/run.safetensors', import.meta.url))
  for (const [path, bytes] of Object.entries(await latentBase())) server.pages[`bare/${path}`] = bytes
  const got = await page.evaluate(async noise => {
    const run = async (base, device, options) => {
      const model = await DigitDiffusion.load(base, { device, quantized: false })
      if (model.backend !== device) throw new Error(`on ${model.backend}`)
      let last
      for await (const step of model.sample({ raw: true, ...options })) last = step
      model.dispose()
      return [...last.rawImage]
    }
    const bare = { label: '2', steps: 6, sampler: 'ddim', guidanceScale: 1, latents: Float32Array.from(noise) }
    const ink = { label: ['3', '7'], seed: [1, 2], steps: 1, sampler: 'ddim', guidanceScale: 1 }
    // More than are decoded together.
    const many = { label: Array(17).fill('2'), seed: Array.from({ length: 17 }, (_, i) => i), steps: 1, sampler: 'ddim', guidanceScale: 1 }
    const both = [await run('bare/', 'webgpu', many), await run('bare/', 'cpu', many)]
    return { both, bare: await run('bare/', 'webgpu', bare), ink: await run('models/ink/base/', 'webgpu', ink), cpu: await run('models/ink/base/', 'cpu', ink) }
  }, read('noise'))
  const off = [largestDifference(got.bare, read('decoded')), largestDifference(got.ink, got.cpu), largestDifference(got.both[0], got.both[1])]
  t.diagnostic(`at most ${off.map(value => value.toExponential(1)).join(' and ')} off`)
  assert.ok(off.every(value => value < 1e-3), `${off} off`)
  assert.equal(got.ink.length, 2 * 3 * 64 * 64)
  assert.equal(got.both[0].length, 17 * 3 * 16 * 16)
  assert.deepEqual(errors, [])
})

test('quantized weights draw much the same pictures, are far smaller, and are known as what they were made from', async t => {
  const asked = server.requests.length
  const got = await page.evaluate(
    async ({ names, latents, steps, guidanceScale }) => {
      const model = await DigitDiffusion.load('models/base/', { device: 'cpu' })
      const guidance = { guidanceScale, guidanceStart: 0, guidanceStop: 1, guidanceEta: 1 }
      const options = { label: ['3', '7'], seed: 0, steps, ...guidance, sampler: /** @type {const} */ ('dpm++2m'), raw: true, latents: new Float32Array(latents) }
      const images = {}
      for (const name of names) {
        if (name !== 'base') await model.addAdapter(name)
        await model.setAdapters(name === 'base' ? {} : { [name]: 1 })
        let last
        for await (const step of model.sample(options)) last = step
        images[name] = [...last.rawImage]
      }
      const { baseHash } = model
      model.dispose()
      return { images, baseHash }
    },
    { names: ['base', 'outline'], latents: fixture.read('noise'), steps: about.num_inference_steps, guidanceScale: about.guidance_scale },
  )
  const weights = server.requests.slice(asked).filter(name => name.endsWith('.safetensors'))
  assert.deepEqual(weights, [FILES.weights, 'models/lora/outline/adapter_model.quantized.safetensors'])
  assert.equal(got.baseHash, `sha256-${about.sha256.base}`)
  for (const [name, image] of Object.entries(got.images)) {
    const expected = fixture.read(`${name}.images`)
    const off = Math.sqrt(image.reduce((sum, value, i) => sum + (level(value) - level(expected[i])) ** 2, 0) / image.length)
    t.diagnostic(`${name}, quantized: ${off.toFixed(2)} of 255 levels off`)
    assert.ok(off > 0 && off < QUANTIZED_LEVELS, `${name} is ${off} levels off`)
  }
})
