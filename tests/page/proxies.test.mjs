// A model behind a framework's proxy, which has no private fields.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openModel, page, setUp } from './support.mjs'

setUp({ page: 'once', prepare: openModel })

test('works through a proxy of a proxy that wraps all it gives', async () => {
  const seen = await page.evaluate(async () => {
    const wrap = value => {
      // As Vue has it: by toString, plain objects and arrays are watched, and no others.
      const plain = typeof value === 'object' && value !== null && /^.object (Object|Array).$/.test(Object.prototype.toString.call(value))
      return plain ? new Proxy(value, { get: (target, key, receiver) => wrap(Reflect.get(target, key, receiver)) }) : value
    }
    const deep = new Proxy(new Proxy(model, {}), { get: (target, key, receiver) => wrap(Reflect.get(target, key, receiver)) })
    await deep.addAdapter('outline')
    await deep.setAdapters(wrap({ outline: 0.5 }))
    let picture
    for await (const { image } of deep.sample(wrap({ label: 7, seed: 42, steps: 2 }))) picture = image
    const facts = [deep.backend, deep.labels.length, deep.imageSize, deep.adapters.length, deep.catalog.length > 0, (await deep.adapterModules('outline')).length > 0, await deep.settled, typeof deep.backendNote, deep.alphasCumprod.length > 1, deep instanceof DigitDiffusion]
    const same = String(picture.data) === String((await draw({ adapters: { outline: 0.5 } })).image.data)
    await deep.removeAdapter('outline')
    deep.dispose()
    return { facts, same, left: await failure(() => model.addAdapter('outline')), watched: wrap(model) !== model }
  })
  assert.deepEqual(seen.facts, ['cpu', 10, 28, 1, true, true, 'cpu', 'string', true, true])
  assert.equal(seen.same, true)
  assert.equal(seen.left.code, 'disposed')
  assert.equal(seen.watched, false, 'it does not look like a plain object')
})

test('a manifest behind a proxy is taken', async () => {
  const labels = await page.evaluate(async () => {
    const manifest = await (await fetch('models/manifest.json')).json()
    const model = await DigitDiffusion.load('models/base/', { device: 'cpu', manifest: new Proxy(manifest, {}) })
    const { length } = model.labels
    model.dispose()
    return length
  })
  assert.equal(labels, 10)
})
