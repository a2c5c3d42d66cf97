// CPU or GPU: who decides, by what, and that both compute the same.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { errors, LARGE, largestDifference, modelsOf, openModule, page, server, setUp } from './support.mjs'
import { latentBase } from './support/latent-bases.mjs'

// To the worker, the emulated adapter is a real GPU; and it counts the devices that are opened.
const REAL = `GPUAdapter.prototype.__defineGetter__('info', () => ({ vendor: 'test', architecture: 'ampere', description: '' }));
{
  const { requestDevice } = GPUAdapter.prototype
  self.opened = 0
  GPUAdapter.prototype.requestDevice = function (...args) {
    self.opened++
    return requestDevice.apply(this, args)
  }
}\n`
// Kernels that do nothing: what a shader leaves that the browser refuses.
const BROKEN = `GPUComputePassEncoder.prototype.dispatchWorkgroups = () => {};\n`

const NETWORKS = ['tiny', 'uneven']
const IN_COLOUR = 'in-colour' // with 12 channels of latents
const BEHIND = 'behind-an-autoencoder'
const FOLDER = new URL('../fixtures/unet/', import.meta.url)

/** The base folders of the fixtures, as pages of the server. */
async function networks() {
  const pages = {}
  for (const network of NETWORKS)
    for (const path of await readdir(new URL(network, FOLDER), { recursive: true }))
      if (/\.json$|^unet.*\.safetensors$/.test(path)) pages[`${network}/${path}`] = await readFile(new URL(`${network}/${path}`, FOLDER))
  for (const [path, bytes] of Object.entries(await modelsOf({ ...LARGE, size: 16 })))
    if (path.startsWith('models/base/')) pages[path.replace('models/base', IN_COLOUR)] = bytes
  for (const [path, bytes] of Object.entries(await latentBase())) pages[`${BEHIND}/${path}`] = bytes
  return pages
}

setUp({
  webgpu: true,
  site: { pages: await networks() },
  async prepare() {
    await openModule()
    await page.evaluate(() => {
      window.draw = async (model, options) => {
        let last
        for await (const step of model.sample({ label: 7, seed: 1, steps: 1, raw: true, ...options })) last = step
        return [...last.rawImage]
      }
    })
  },
})

/** Loads a model, whose device is decided by itself, and waits for that; answers what was said and what is kept. */
const decide = () =>
  page.evaluate(async () => {
    const model = await DigitDiffusion.load('models/base/')
    const first = model.backend
    const backend = await model.settled
    const facts = { first, backend, now: model.backend, note: model.backendNote, kept: JSON.parse(localStorage.getItem('digit-diffusion')) }
    window.model?.dispose()
    window.model = model
    return facts
  })
const opened = () => page.workers().at(-1).evaluate(() => self.opened)

describe('where the device is not chosen', () => {
  test('an emulated GPU is left alone', async () => {
    const { first, backend, note, kept } = await decide()
    assert.equal(first, 'cpu')
    assert.equal(backend, 'cpu')
    assert.match(note, /^WebGPU is only emulated on this machine, .* computed on the CPU\.$/)
    assert.equal(kept, null)
    assert.deepEqual(errors, [])
  })

  test('a real one is timed beside the CPU; the slower is not taken, nor tried again at the next visit', async () => {
    server.faults['worker.js'] = { prepend: REAL }
    const { backend, note, kept } = await decide()
    assert.equal(backend, 'cpu', 'the emulator is slower than the CPU')
    assert.match(note, /computed on the CPU: a step takes [\d.]+ ms there, [\d.]+ ms on the GPU, with WebGPU\.$/)
    assert.ok(kept.timing.cpu > 0 && kept.timing.gpu > kept.timing.cpu, JSON.stringify(kept))
    assert.equal(await opened(), 1)
    const next = await decide()
    assert.equal(next.backend, 'cpu')
    assert.equal(next.note, note, 'from memory')
    assert.equal(await opened(), 0)
    assert.deepEqual(errors, [])
  })

  test('the faster one takes over behind a run that goes on; the pictures are the same', async () => {
    server.faults['worker.js'] = { prepend: REAL }
    const { kept } = await decide()
    await page.evaluate(kept => localStorage.setItem('digit-diffusion', JSON.stringify({ ...kept, timing: { cpu: 9, gpu: 2.5 } })), kept)
    const { first, before, backend, note, after } = await page.evaluate(async () => {
      const model = await DigitDiffusion.load('models/base/')
      const first = model.backend
      await model.addAdapter('outline')
      await model.setAdapters({ outline: 1 })
      const before = await draw(model)
      const backend = await model.settled
      return { first, before, backend, note: model.backendNote, after: await draw(model) }
    })
    assert.equal(first, 'cpu')
    assert.equal(backend, 'webgpu')
    assert.match(note, /on the GPU, with WebGPU: a step takes 2\.5 ms there, 9\.0 ms on the CPU\./)
    const off = largestDifference(before, after)
    assert.ok(off > 0 && off < 1e-4, `${off} apart: one on each device, with the adapter`)
    assert.deepEqual(errors, [])
  })

  test('one that computes wrongly is found out', async () => {
    server.faults['worker.js'] = { prepend: REAL + BROKEN }
    const { backend, note } = await decide()
    assert.equal(backend, 'cpu')
    assert.match(note, /^WebGPU does not compute this model correctly here .*computed on the CPU\.$/)
  })
})

test('chosen, one that computes wrongly is refused', async () => {
  server.faults['worker.js'] = { prepend: BROKEN }
  const message = await page.evaluate(() => DigitDiffusion.load('models/base/', { device: 'webgpu' }).catch(error => error.message))
  assert.match(message, /WebGPU does not compute this model correctly here/)
})

test('what the browser refuses is an error, and no picture', async () => {
  // Buffers for many pictures that cannot be had, as where memory is short.
  const SHORT = `{
  const { createBuffer } = GPUDevice.prototype
  GPUDevice.prototype.createBuffer = function (wanted) {
    return createBuffer.call(this, wanted.label === 'map' && wanted.size > 4e6 ? { ...wanted, usage: 0 } : wanted)
  }
}\n`
  server.faults['worker.js'] = { prepend: SHORT }
  const { message, drawn } = await page.evaluate(async () => {
    const model = await DigitDiffusion.load('models/base/', { device: 'webgpu' })
    const many = { label: Array(60).fill(3), guidance: 1 }
    const message = await draw(model, many).then(() => 'drawn', error => error.message)
    return { message, drawn: (await draw(model)).length }
  })
  assert.match(message, /^The device did not give its result back: Buffer usages must not be 0\.+$/)
  assert.equal(drawn, 28 * 28, 'fewer are drawn all the same')
})

for (const network of [...NETWORKS, IN_COLOUR, BEHIND]) {
  test(`the network ${network}: WebGPU draws what the CPU draws, one picture or several`, async () => {
    const pictures = await page.evaluate(async network => {
      const pictures = []
      for (const device of /** @type {const} */ (['cpu', 'webgpu'])) {
        const model = await DigitDiffusion.load(`${network}/`, { device })
        const label = model.labels[0]
        pictures.push([...(await draw(model, { label })), ...(await draw(model, { label: [label, 1], seed: [5, 6], sampler: 'ddim' }))])
        model.dispose()
      }
      return pictures
    }, network)
    const off = largestDifference(pictures[0], pictures[1])
    const most = network === BEHIND ? 1e-3 : 1e-4 // a decoder makes differences larger
    assert.ok(pictures[0].length > 0 && off > 0 && off < most, `${off} apart`)
    assert.deepEqual(errors, [])
  })
}
