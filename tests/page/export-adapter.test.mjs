// model.exportAdapter: files of any adapter that is loaded, which are read again and draw the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawings, errors, openModel, page, setUp } from './support.mjs'

setUp({
  page: 'once',
  async prepare() {
    await openModel()
    await drawings()
    await page.evaluate(async () => {
      await teach(model, 'mine', { steps: 4 })
      await model.addAdapter('outline')
    })
  },
})

for (const name of ['mine', 'outline']) {
  test(`${name}: PEFT’s file and kohya’s are read again, and draw the same`, async () => {
    const { pictures, names, title, config } = await page.evaluate(async name => {
      const picture = async one => String((await draw({ adapters: { [one]: 1 } })).x0.data)
      const pictures = [await picture(name)]
      const names = []
      let title
      for (const format of ['peft', 'kohya']) {
        const file = await model.exportAdapter(name, { format, title: 'My hand' })
        names.push(file.name)
        await model.addAdapter(format, file)
        pictures.push(await picture(format))
        await model.removeAdapter(format)
        const view = new DataView(await file.arrayBuffer())
        const header = new TextDecoder().decode(new Uint8Array(view.buffer, 8, Number(view.getBigUint64(0, true))))
        title = [title, JSON.parse(header).__metadata__['modelspec.title']].flat()
      }
      const config = JSON.parse(await (await model.exportAdapter(name, { format: 'peft-config' })).text())
      return { pictures, names, title: title.slice(1), config }
    }, name)
    assert.equal(new Set(pictures).size, 1)
    assert.deepEqual(names, [`${name}.safetensors`, `${name}.safetensors`])
    assert.deepEqual(title, ['My hand', 'My hand'])
    assert.equal(config.peft_type, 'LORA')
    assert.deepEqual(errors, [])
  })
}

test('what is not there, or no format, is refused with a sentence', async () => {
  const told = await page.evaluate(async () => [
    await failure(() => model.exportAdapter('nobody')),
    await failure(() => model.exportAdapter('mine', { format: /** @type {any} */ ('onnx') })),
  ])
  assert.deepEqual(told.map(({ name, message }) => `${name}: ${message}`), [
    "RangeError: There is no adapter called 'nobody': loaded are 'mine', 'outline'.",
    "RangeError: format must be one of 'peft', 'peft-config', 'kohya', not 'onnx'.",
  ])
})
