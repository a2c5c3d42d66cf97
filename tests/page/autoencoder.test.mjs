// A base behind an autoencoder, for programs: which files are fetched, previews and the picture, helpers, what cannot be taught.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors, openModule, page, readTensors, server, setUp } from './support.mjs'
import { beside, latentBase, VAE } from './support/latent-bases.mjs'

/** @param {string} folder @param {Record<string, Buffer>} files */
const under = (folder, files) => Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`${folder}/${path}`, bytes]))
const LEVEL = 2 / 255 // of the picture's -1 to 1

setUp({
  page: 'once',
  site: { pages: { ...under('bare', await latentBase()), ...under('blind', await latentBase({ previews: false })), ...(await beside()) } },
  async prepare() {
    await openModule()
    await page.evaluate(() => {
      window.drawn = async (model, options) => {
        const steps = []
        for await (const step of model.sample({ raw: true, ...options })) steps.push(step)
        return steps
      }
    })
  },
})

test('a bare folder: the picture is the one that diffusers draws and decodes', async () => {
  const { read } = await readTensors(new URL('../fixtures/autoencoder/colour/run.safetensors', import.meta.url))
  const [noise, decoded] = [read('noise'), read('decoded')]
  const result = await page.evaluate(async noise => {
    const model = await DigitDiffusion.load('bare/', { device: 'cpu', threads: 1 })
    const options = { label: '2', steps: 6, sampler: /** @type {const} */ ('ddim'), guidanceScale: 1, latents: Float32Array.from(noise) }
    const steps = await window.drawn(model, options)
    const { image, x0, rawImage } = steps.at(-1)
    const facts = { autoencoder: model.autoencoder, channels: model.channels, noise: (await model.noise(1)).length, size: [image.width, image.height] }
    model.dispose()
    return { raw: [...rawImage], image: [...image.data], x0: [...x0.data], before: [...steps[0].rawX0], facts }
  }, noise)
  assert.deepEqual(result.facts, { autoencoder: true, channels: 3, noise: 256, size: [16, 16] })
  assert.equal(result.raw.length, decoded.length)
  const furthest = Math.max(...decoded.map((value, i) => Math.abs(value - result.raw[i])))
  assert.ok(furthest < LEVEL, `off by ${furthest}`)
  // The same in the levels of a canvas.
  const level = (/** @type {number} */ value) => Math.round((Math.max(-1, Math.min(1, value)) + 1) * 127.5)
  const off = decoded.map((value, i) => Math.abs(level(value) - result.image[(i % 256) * 4 + Math.floor(i / 256)]))
  assert.ok(Math.max(...off) <= 2, `off by ${Math.max(...off)} of 255`)
  assert.deepEqual(result.x0, result.image, 'DDIM ends at its guess')
  assert.equal(result.before.length, 768)
})

test('what comes before the last step is a preview by the linear map, or decoded where the base has none', async () => {
  const [map, decoded] = await page.evaluate(async () => {
    const results = []
    for (const folder of ['bare/', 'blind/']) {
      const model = await DigitDiffusion.load(folder, { device: 'cpu', threads: 1 })
      const steps = await window.drawn(model, { label: '1', seed: 3, steps: 4, sampler: 'ddim' })
      results.push(steps.map(({ rawX0 }) => [...rawX0]))
      model.dispose()
    }
    return results
  })
  assert.deepEqual(map.at(-1), decoded.at(-1))
  for (const i of [0, 1, 2]) assert.notDeepEqual(map[i], decoded[i])
  // Enlarged from 8 to 16 pixels: a quarter of the way from the first latent to the next, and as far again from the next.
  const [first, near, far] = map[0]
  assert.ok(Math.abs(far - near - 2 * (near - first)) < 1e-5 && near !== first)
})

test('guidance is what the base says, where nothing else is said', async () => {
  const { told, usual, same, other } = await page.evaluate(async () => {
    const [model, plain] = await Promise.all(['bare/', undefined].map(base => DigitDiffusion.load(base, { device: 'cpu', threads: 1 })))
    /** @param {object} more */
    const picture = async more => String((await window.drawn(model, { label: '1', seed: 3, steps: 4, ...more })).at(-1).rawImage)
    const [by, asked, less] = [await picture({}), await picture({ guidanceScale: 2.2 }), await picture({ guidanceScale: 1.6 })]
    const result = { told: model.guidanceScale, usual: plain.guidanceScale, same: by === asked, other: by === less }
    for (const one of [model, plain]) one.dispose()
    return result
  })
  assert.deepEqual({ told, usual, same, other }, { told: 2.2, usual: 1.6, same: true, other: false })
})

test('a batch, with helpers: each picture is that of one alone', async () => {
  const same = await page.evaluate(async () => {
    const [alone, shared] = await Promise.all([1, 2].map(threads => DigitDiffusion.load('bare/', { device: 'cpu', threads })))
    let most = 1
    const options = { steps: 3, label: ['0', '2'], seed: [5, 6] }
    for (let i = 0; i < 50 && most < 2; i++) for (const { threads } of await window.drawn(shared, options)) most = Math.max(most, threads)
    const last = (/** @type {any[]} */ steps) => steps.at(-1).image
    const [together, apart] = [last(await window.drawn(shared, options)), last(await window.drawn(alone, { ...options, label: '2', seed: 6 }))]
    for (const model of [alone, shared]) model.dispose()
    return { most, same: String(together[1].data) === String(apart.data), other: String(together[0].data) === String(apart.data) }
  })
  assert.deepEqual(same, { most: 2, same: true, other: false })
})

test('with a manifest its files are checked and counted; of other bases nothing of the kind is asked for', async () => {
  server.requests.length = 0
  const result = await page.evaluate(async () => {
    const events = []
    const model = await DigitDiffusion.load('models/ink/base/', { device: 'cpu', onprogress: event => events.push(event) })
    const inFolder = await DigitDiffusion.load('models/ink/', { device: 'cpu' })
    const facts = { size: model.imageSize, styles: model.catalog.map(({ name }) => name), same: model.baseHash === inFolder.baseHash, files: events.map(({ file }) => file) }
    const [{ image }] = (await window.drawn(model, { label: '4', seed: 1, steps: 2 })).slice(-1)
    for (const one of [model, inFolder]) one.dispose()
    const pixels = await DigitDiffusion.load('models/base/', { device: 'cpu' })
    const { autoencoder } = pixels
    pixels.dispose()
    return { ...facts, width: image.width, autoencoder }
  })
  assert.deepEqual({ ...result, files: 0 }, { size: 64, styles: ['wet'], same: true, files: 0, width: 64, autoencoder: false })
  for (const path of VAE) assert.ok(result.files.includes(`base/${path}`), path)
  assert.deepEqual(server.requests.filter(name => name?.startsWith('models/base/vae')), [])
  server.faults['models/ink/base/vae/diffusion_pytorch_model.safetensors'] = { flip: 5000 }
  const code = await page.evaluate(() => DigitDiffusion.load('models/ink/base/', { device: 'cpu' }).catch(({ code, file }) => `${code} ${file}`))
  delete server.faults['models/ink/base/vae/diffusion_pytorch_model.safetensors']
  assert.equal(code, 'mismatch base/vae/diffusion_pytorch_model.safetensors')
})

test('the element draws by it, too', async () => {
  const drawn = await page.evaluate(async () => {
    const element = document.createElement('digit-diffusion')
    element.setAttribute('base', 'models/ink/base/')
    Object.assign(element, { label: '4', seed: 1, steps: 2, device: 'cpu' })
    document.body.append(element)
    await new Promise((resolve, reject) => {
      element.addEventListener('done', resolve)
      element.addEventListener('error', event => reject(/** @type {ErrorEvent} */ (event).error))
    })
    const { width } = element.shadowRoot.querySelector('canvas')
    element.remove()
    return width
  })
  assert.equal(drawn, 64)
})

test('it cannot be taught here, which is said in a sentence', async () => {
  const error = await page.evaluate(async () => {
    const model = await DigitDiffusion.load('bare/', { device: 'cpu' })
    try {
      for await (const _ of model.train('mine', { images: [new Uint8Array(256)], labels: ['1'], steps: 1 }));
    } catch ({ code, message, details }) {
      return { code, message, kind: details.kind }
    } finally {
      model.dispose()
    }
  })
  assert.equal(error.kind, 'training-autoencoder')
  assert.equal(error.code, 'training')
  assert.match(error.message, /works behind an autoencoder/)
})

test('logged no error', () => assert.deepEqual(errors.filter(text => !/manifest\.json|404/.test(text)), []))
