// What the page asks the worker for: one request at a time, nothing ahead of the consumer; abort, and the end.
// What a dying worker does: failures.test.mjs; progress: class.test.mjs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors, FILES, openModel, page, server, setUp } from './support.mjs'

// Counts what the worker is asked for, so that a test sees what really ran.
const COUNT = `self.asked = { next: 0, free: 0 }; addEventListener('message', ({ data: { method } }) => { if (method in self.asked) self.asked[method]++ });\n`

setUp({ site: { faults: { 'worker.js': { prepend: COUNT } } }, page: 'once', prepare: openModel })
const asked = () => page.workers()[0].evaluate(() => ({ ...self.asked }))

test('sample: leaving the loop stops the run and frees it', async () => {
  const before = await asked()
  await page.evaluate(async () => {
    for await (const { step } of model.sample({ label: 7, seed: 42, steps: 50 })) if (step === 2) break
    await draw({})
  })
  const after = await asked()
  assert.equal(after.next - before.next, 2 + 3) // two of fifty; two and the end
  assert.equal(after.free - before.free, 2)
})

test('sample: nothing runs ahead of the consumer', async () => {
  const before = await asked()
  await page.evaluate(async () => {
    const run = model.sample({ label: 7, seed: 42, steps: 50 })
    await run.next()
    await new Promise(resolve => setTimeout(resolve, 300))
    await run.return()
  })
  assert.equal((await asked()).next - before.next, 1)
})

test('sample: a signal stops between two steps; the model stays', async () => {
  const before = await asked()
  const { error, steps } = await page.evaluate(async () => {
    const controller = new AbortController()
    let steps = 0
    const error = await failure(async () => {
      for await (const { step } of model.sample({ label: 7, seed: 42, steps: 50, signal: controller.signal })) {
        steps = step
        if (step === 2) controller.abort()
      }
    })
    return { error, steps }
  })
  assert.equal(error.name, 'AbortError')
  assert.equal(steps, 2)
  assert.ok((await asked()).next - before.next <= 3)
  assert.equal(await page.evaluate(async () => (await draw({})).step), 2)
})

test('sample: aborting during a step rejects at once, and with the signal’s reason', async () => {
  const result = await page.evaluate(async () => {
    const controller = new AbortController()
    const run = model.sample({ label: 7, steps: 50, signal: controller.signal })
    await run.next()
    const pending = failure(() => run.next())
    controller.abort(new RangeError('enough'))
    return { ...(await pending), next: await run.next() }
  })
  assert.deepEqual([result.name, result.message], ['RangeError', 'enough'])
  assert.equal(result.next.done, true)
})

test('two runs side by side do not disturb each other', async () => {
  const equal = await page.evaluate(async () => {
    const alone = [await draw({ label: 1 }), await draw({ label: 2 })]
    const together = await Promise.all([draw({ label: 1 }), draw({ label: 2 })])
    return alone.every(({ image }, i) => same(image, together[i].image))
  })
  assert.equal(equal, true)
})

test('a signal stops the download', async () => {
  server.faults[FILES.weights] = { delay: 60_000 }
  const error = await page.evaluate(() => failure(() => DigitDiffusion.load('models/base/', { signal: AbortSignal.timeout(300) })))
  delete server.faults[FILES.weights]
  assert.equal(error.name, 'TimeoutError')
})

test('after dispose() everything says so', async () => {
  const error = await page.evaluate(async () => {
    const other = await DigitDiffusion.load('models/base/', { device: 'cpu' })
    const run = other.sample({ label: 1, steps: 50 })
    await run.next()
    other.dispose()
    return failure(() => run.next())
  })
  assert.equal(error.code, 'disposed')
})

test('logged no error', () => assert.deepEqual(errors, []))
