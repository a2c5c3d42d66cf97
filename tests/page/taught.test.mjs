// A browser learns what the native trainer learns: of the same drawings and seed the same adapter, but for rounding. In other engines:
// engines.test.mjs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors, page, server, setUp } from './support.mjs'
import { EVERY_STEP, learnsAsTheTrainer } from './support/taught.mjs'

setUp({ page: 'cleared' })

/** The module's builds, by what stands before the worker's script. */
const BUILDS = {
  'relaxed SIMD': { file: 'engine/training-relaxed_bg.wasm', prepend: '' },
  'without fused multiply-add': { file: 'engine/training_bg.wasm', prepend: `addEventListener('message', ({ data }) => data.method === 'load' && (data.params.build = 'plain'))\n` },
}
for (const [build, { file, prepend }] of Object.entries(BUILDS)) {
  test(`${build}: adapter, losses and pictures are the trainer’s`, async t => {
    server.faults['training.js'] = { prepend: prepend + EVERY_STEP }
    await page.goto(`${server.url}blank.html`)
    server.requests.length = 0
    t.diagnostic(await learnsAsTheTrainer(page))
    assert.ok(server.requests.includes(file), `${file} was fetched`)
    assert.deepEqual(errors, [])
  })
}
