// A connection that breaks off: the download goes on where it was, or from the start, and what comes of it is checked all the same.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FILES, freshServer, openModule, page, server, settled, setUp } from './support.mjs'

setUp({ site: false })

/** Serves the site, and loads a model from it. @returns what was reported, and the error, if there was one */
async function load(options) {
  await freshServer(options)
  await openModule()
  return page.evaluate(async () => {
    const events = []
    try {
      const model = await DigitDiffusion.load(undefined, { device: 'cpu', onprogress: event => events.push(event) })
      const { name } = model.catalog[0]
      await model.addAdapter(name)
      model.dispose()
      return { events }
    } catch ({ code, file }) {
      return { events, code, file }
    }
  })
}
const retries = ({ events }) => [...new Set(events.map(({ retry }) => retry).filter(Boolean))]
const partsOf = name => server.parts.filter(part => part.name === name).map(({ range }) => range)
const times = name => server.requests.filter(asked => asked === name).length

describe('from a server that gives parts', () => {
  test('it goes on where it broke off, twice, and says so', async () => {
    const told = await load({ ranges: true, faults: { [FILES.weights]: { cut: 50_000, times: 2 } } })
    assert.equal(told.code, undefined)
    assert.deepEqual(partsOf(FILES.weights), ['bytes=50000-', 'bytes=100000-'])
    assert.deepEqual(retries(told), [1, 2])
    const { loaded, total } = told.events.filter(({ phase }) => phase === 'download').at(-1)
    assert.equal(loaded, total)
  })

  test('the engine too, while it is compiled', async () => {
    const told = await load({ ranges: true, faults: { [FILES.engine]: { cut: 100_000, times: 1 } } })
    assert.equal(told.code, undefined)
    assert.deepEqual(partsOf(FILES.engine), ['bytes=100000-'])
  })

  test('a style too', async () => {
    const file = 'models/lora/outline/adapter_model.quantized.safetensors'
    assert.equal((await load({ ranges: true, faults: { [file]: { cut: 3000, times: 1 } } })).code, undefined)
    assert.deepEqual(partsOf(file), ['bytes=3000-'])
  })

  test('a file that was replaced meanwhile comes anew, and whole', async () => {
    const told = await load({ ranges: true, faults: { [FILES.weights]: { cut: 50_000, times: 1, flip: 60_000, flips: 1 } } })
    assert.equal(told.code, undefined)
    assert.deepEqual(partsOf(FILES.weights), ['bytes=50000-'])
    assert.equal(times(FILES.weights), 2)
  })

  test('parts of a damaged file are found out', async () => {
    const told = await load({ ranges: true, faults: { [FILES.weights]: { cut: 50_000, times: 1, flip: 60_000 } } })
    assert.equal(told.code, 'mismatch')
  })
})

describe('from a server that gives no parts', () => {
  test('it begins anew', async () => {
    const told = await load({ faults: { [FILES.weights]: { cut: 50_000, times: 2 } } })
    assert.equal(told.code, undefined)
    assert.equal(times(FILES.weights), 3)
    assert.deepEqual(partsOf(FILES.weights), [])
    assert.deepEqual(retries(told), [1, 2])
  })

  test('the engine: what is there already is passed over, if the server says that the file is the same', async () => {
    const told = await load({ headers: { etag: '"one"' }, faults: { [FILES.engine]: { cut: 100_000, times: 1 } } })
    assert.equal(told.code, undefined)
    assert.equal(times(FILES.engine), 2)
  })

  test('the engine: halves of what may be two versions are not put together', async () => {
    const told = await load({ faults: { [FILES.engine]: { cut: 100_000, times: 1 } } })
    assert.deepEqual([told.code, told.file], ['network', FILES.engine])
  })

  test('after three more tries it says so', async () => {
    const told = await load({ faults: { [FILES.weights]: { cut: 50_000 } } })
    assert.deepEqual([told.code, told.file], ['network', 'base/unet/diffusion_pytorch_model.quantized.safetensors'])
    assert.equal(times(FILES.weights), 4)
    assert.deepEqual(retries(told), [1, 2, 3])
  })
})

test('the page shows and announces it', async () => {
  await freshServer({ ranges: true, faults: { [FILES.weights]: { cut: 50_000, times: 1 } } })
  await page.addInitScript(() => {
    window.announced = []
    addEventListener('DOMContentLoaded', () => {
      const announcer = document.getElementById('announcer')
      new MutationObserver(() => window.announced.push([announcer.textContent, document.getElementById('overlay-detail').textContent])).observe(announcer, { childList: true })
    })
  })
  await page.goto(server.url)
  await settled(page)
  const said = 'The connection broke off. Taking it up again, try 1 of 3'
  assert.equal((await page.evaluate(() => window.announced)).filter(([announced]) => announced === said).length, 1)
  assert.equal(await page.locator('#notice').isHidden(), true)
  assert.equal(await page.textContent('#chip'), 'CPU')
})
