// A manifest that nobody has named: one that is not of the base is none, one that is broken says so.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { BLANK, openModule, page, setUp } from './support.mjs'

let answer
setUp({
  page: 'once',
  async prepare() {
    await page.route('**/models/manifest.json', route => (answer ? route.fulfill(answer) : route.fallback()))
    await openModule()
    await page.evaluate(() => {
      /** How many adapters are on offer (a manifest that counts has some), or what went wrong. */
      window.load = async options => {
        try {
          const model = await DigitDiffusion.load('models/base/', { device: 'cpu', ...options })
          const { length } = model.catalog
          model.dispose()
          return length
        } catch ({ code, message }) {
          return { code, message }
        }
      }
    })
  },
})
beforeEach(() => (answer = undefined))

const load = options => page.evaluate(options => load(options), options)
const NAMED = { manifest: 'models/manifest.json' }

test('one of this base counts, named or not', async () => {
  assert.ok((await load()) > 0)
  assert.ok((await load(NAMED)) > 0)
})

const json = value => ({ contentType: 'application/json', body: JSON.stringify(value) })
/** @typedef {[string, { status?: number, contentType?: string, body?: string }, string, RegExp]} Case */
/** @type {Case[]} */
const others = [
  ['a web app’s', json({ name: 'Digits', icons: [] }), 'manifest', /not of the format/],
  ['no object', json(null), 'manifest', /not of the format/],
  ['a page for everything', { contentType: 'text/html; charset=utf-8', body: BLANK }, 'manifest', /not JSON/],
  ['a refusal of what is not there', { status: 403 }, 'missing', /403/],
  ['gone', { status: 410 }, 'missing', /410/],
  ['not there', { status: 404 }, 'missing', /404/],
]
for (const [title, response, code, message] of others) {
  test(`${title}: the base is loaded unchecked, unless it was named`, async () => {
    answer = response
    assert.equal(await load(), 0)
    const error = await load(NAMED)
    assert.equal(error.code, code)
    assert.match(error.message, message)
  })
}

/** @type {Case[]} */
const broken = [
  ['JSON that is cut off', { contentType: 'application/json', body: '{"format": "digit-' }, 'manifest', /not JSON/],
  ['a later format', json({ format: 'digit-diffusion/2' }), 'manifest', /not of the format/],
  ['no base', json({ format: 'digit-diffusion/1' }), 'manifest', /lists no base/],
  ['a server in trouble', { status: 503 }, 'missing', /503/],
]
for (const [title, response, code, message] of broken) {
  test(`${title}: says so`, async () => {
    answer = response
    for (const options of [{}, NAMED]) {
      const error = await load(options)
      assert.equal(error.code, code)
      assert.match(error.message, message)
    }
  })
}
