// Workers that share the rows of a batch: the same pictures whatever their number, started when they pay, ended when idle, lost without
// harm.
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { errors, openModule, page, server, setUp, until } from './support.mjs'

/** In the worker, before it helps. @param {string} code */
const asHelper = code => `addEventListener('message', ({ data }) => { if (data.helps) { ${code} } })\n`
/** Of every worker, how much memory its engine has. */
const MEMORY = `{
  const { instantiate } = WebAssembly
  WebAssembly.instantiate = async (...args) => {
    const instance = await instantiate.apply(WebAssembly, args)
    self.memory = instance.exports.memory
    return instance
  }
}\n`
/** @param {string} name @param {unknown} value */
const navigatorSays = (name, value) => `Object.defineProperty(navigator, '${name}', { get: () => ${value} })\n`

setUp({
  page: 'cleared',
  async equip() {
    await page.addInitScript(() => {
      window.started = 0
      window.Worker = class extends Worker {
        /** @param {string} address @param {WorkerOptions} options */
        constructor(address, options) {
          window.started++
          if (window.started > window.allowed) throw new DOMException('no more', 'NotSupportedError')
          super(address, options)
        }
      }
    })
  },
  async prepare() {
    await openModule()
    await page.evaluate(() => {
      window.openWith = threads => DigitDiffusion.load('models/base/', { device: 'cpu', threads })
      /** All steps of a run, as text, and how many workers computed each. */
      window.draw = async (model, options) => {
        const drawn = { steps: [], threads: [] }
        for await (const step of model.sample({ label: 7, seed: 42, steps: 4, raw: true, ...options })) {
          drawn.steps.push(`${step.rawImage} ${step.rawX0}`)
          drawn.threads.push(step.threads)
        }
        return drawn
      }
      window.digest = async steps => [...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(String(steps))))].join()
    })
  },
})

/** A model as `model`, which has drawn until as many workers compute. */
async function gather(threads, workers = threads) {
  await page.evaluate(async threads => (window.model = await openWith(threads)), threads)
  await until(() => page.evaluate(async () => (await draw(model, { label: [1, 2, 3] }), model.threads)), count => count === workers)
}
const workers = () => page.workers().length
/** Draws until more than one worker has computed a step. */
const divided = options => until(() => page.evaluate(async options => Math.max(...(await draw(model, options)).threads), options), threads => threads > 1)

describe('the pictures are the same, bit for bit', () => {
  const CASES = {
    'one, with guidance throughout': { guidanceStart: 0, guidanceStop: 1 },
    'one, with guidance in the middle': { steps: 8 },
    'ten at once': { label: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
    'five, which do not divide evenly': { label: [5, 5, 1, 0, 9], seed: [1, 2, 3, 4, 5], sampler: 'ddpm', guidanceStart: 0 },
    'three without guidance': { label: [1, 2, 3], guidanceScale: 1 },
    'with adapters': { label: [7, 8], adapters: { outline: 0.7, dotted: -0.4 }, guidanceStart: 0 },
    'with what the pixels attend to': { label: [7, 8], attention: true, sampler: 'euler' },
  }
  /** A digest of each of the cases, drawn some times by `model`. @param {number} times @returns {Promise<Record<string, string>[]>} */
  const drawAll = times =>
    page.evaluate(
      async ([cases, times]) => {
        for (const name of ['outline', 'dotted']) await model.addAdapter(name)
        const all = Array.from({ length: times }, () => ({}))
        for (const [name, options] of Object.entries(cases)) for (const drawn of all) drawn[name] = await window.digest((await draw(model, options)).steps)
        return all
      },
      /** @type {const} */ ([CASES, times]),
    )
  /** By one worker: the same for all tests. @type {Record<string, string> | undefined} */
  let expected
  for (const threads of [2, 3]) {
    test(`by ${threads} workers as by one`, async () => {
      if (!expected) {
        await page.evaluate(async () => (window.model = await openWith(1)))
        ;[expected] = await drawAll(1)
        await page.evaluate(() => model.dispose())
        await until(workers, count => count === 0)
      }
      await gather(threads)
      assert.deepEqual(await drawAll(2), [expected, expected])
      await divided(CASES['one, with guidance throughout'])
      await divided(CASES['five, which do not divide evenly'])
      assert.equal(workers(), threads)
      assert.deepEqual(errors, [])
    })
  }

  test('runs side by side, each with its own adapters, and strengths that change under a run', async () => {
    await gather(2)
    const [found, expected] = await page.evaluate(async () => {
      const alone = await openWith(1)
      const all = []
      for (const model of [window.model, alone]) {
        await model.addAdapter('outline')
        const options = { label: [3, 4], guidanceStart: 0, steps: 6 }
        const runs = [{}, { outline: 1 }, { outline: 0.5 }].map(adapters => draw(model, { ...options, adapters }))
        const changed = model.sample({ ...options, label: 7, seed: 42, raw: true })
        await changed.next()
        await model.setAdapters({ outline: 1 })
        await changed.next()
        await model.removeAdapter('outline')
        const { value } = await changed.next()
        await changed.return()
        all.push([...(await Promise.all(runs)).map(({ steps }) => steps), [String(value.rawImage)]])
      }
      return all
    })
    assert.deepEqual(found, expected)
    assert.equal(new Set(found.map(String)).size, 4)
    await divided({ label: [1, 2] })
    assert.deepEqual(errors, [])
  })
})

describe('they are started when they pay', () => {
  test('not for the first picture; for the next one, or for a batch', async () => {
    server.faults['worker.js'] = { prepend: navigatorSays('hardwareConcurrency', 4) }
    const counts = await page.evaluate(async () => {
      window.model = await openWith('auto')
      const counts = []
      for (const options of [{}, {}]) {
        await draw(model, options)
        counts.push(window.started)
      }
      return counts
    })
    assert.deepEqual(counts, [1, 2], 'a guided picture has two rows')
    await page.evaluate(() => draw(model, { label: [1, 2, 3, 4, 5] }))
    assert.equal(await page.evaluate(() => window.started), 4, 'as many as there are cores')
    assert.equal(await page.evaluate(async () => (await draw(await openWith('auto'), { label: [1, 2, 3, 4], steps: 1 }), window.started)), 8)
    assert.deepEqual(errors, [])
  })

  test('never where there is one core, or where one is asked for', async () => {
    server.faults['worker.js'] = { prepend: navigatorSays('hardwareConcurrency', 1) }
    const started = await page.evaluate(async () => {
      for (const threads of /** @type {const} */ (['auto', 1])) {
        const model = await openWith(threads)
        for (const label of [7, 7, [1, 2, 3, 4, 5]]) await draw(model, { label })
      }
      return window.started
    })
    assert.equal(started, 2)
  })

  test('nothing is fetched twice but the script', async () => {
    server.requests.length = 0
    await gather(3)
    const twice = server.requests.filter((name, i) => server.requests.indexOf(name) !== i)
    assert.deepEqual(twice.filter(name => name !== 'worker.js'), [])
  })

  test('an element’s threads are its attribute', async () => {
    const [threads, both] = await page.evaluate(async () => {
      const make = (threads, seed) => Object.assign(document.body.appendChild(document.createElement('digit-diffusion')), { label: '3', device: 'cpu', seed, steps: 2, threads })
      const elements = [make(2, 1), make(2, 2), make(undefined, 3)]
      await Promise.all(elements.map(element => new Promise(resolve => element.addEventListener('done', resolve, { once: true }))))
      const models = await Promise.all(elements.map(element => element.model))
      return [elements.map(({ threads }) => threads), [models[0] === models[1], models[0] === models[2]]]
    })
    assert.deepEqual(threads, [2, 2, 'auto'])
    assert.deepEqual(both, [true, false])
  })
})

describe('they end', () => {
  test('when nothing has been asked of them for a while; and come again', async () => {
    const HURRY = `{ const { setTimeout } = self; self.setTimeout = (action, ms) => setTimeout(action, ms === 60_000 ? 500 : ms) }\n`
    server.faults['worker.js'] = { prepend: HURRY }
    await gather(2)
    await until(workers, count => count === 1)
    assert.equal(await page.evaluate(() => model.threads), 1)
    await until(() => page.evaluate(async () => (await draw(model, {}), model.threads)), threads => threads === 2)
    assert.deepEqual(errors, [])
  })

  test('with their model', async () => {
    await gather(3)
    await page.evaluate(() => model.dispose())
    await until(workers, count => count === 0)
    assert.equal(await page.evaluate(() => model.threads), 1)
  })

  test('not when a run is aborted: the next one is divided too', async () => {
    await gather(2)
    const names = await page.evaluate(async () => {
      const names = []
      for (let i = 0; i < 5; i++) {
        const controller = new AbortController()
        const run = model.sample({ label: [1, 2, 3, 4], steps: 50, signal: controller.signal })
        await run.next()
        const pending = run.next().catch(error => names.push(error.name))
        controller.abort()
        await pending
      }
      return names
    })
    assert.deepEqual(names, Array(5).fill('AbortError'))
    await divided({})
    assert.equal(workers(), 2)
  })
})

describe('one that fails costs nothing but time', () => {
  const OPTIONS = { label: [7, 1, 4], guidanceStart: 0, steps: 12 }
  /** The steps that one worker draws: the same for all tests. @type {string} */
  let expected
  beforeEach(async () => {
    expected ??= await page.evaluate(async options => {
      const alone = await openWith(1)
      const { steps } = await draw(alone, options)
      alone.dispose()
      window.started = 0
      return window.digest(steps)
    }, OPTIONS)
    await until(workers, count => count === 0)
  })
  /** Whether `model` draws these, while something happens to its helper after the first. */
  const drawn = async happens =>
    expected ===
    (await page.evaluate(
      async ([options, happens]) => {
        const steps = []
        for await (const { step, rawImage, rawX0 } of model.sample({ seed: 42, raw: true, ...options })) {
          steps.push(`${rawImage} ${rawX0}`)
          if (step === 1 && happens) await /** @type {any} */ (window)[happens]()
        }
        return window.digest(steps)
      },
      /** @type {const} */ ([OPTIONS, happens]),
    ))

  test('killed in the middle of a run', async () => {
    await gather(2)
    await page.exposeFunction('kill', () => page.workers()[1].evaluate(() => self.close()).catch(() => {}))
    assert.equal(await drawn('kill'), true)
    await until(workers, count => count === 1)
    await divided({ label: [1, 2, 3] })
    assert.deepEqual(errors, [])
  })

  test('one that falls silent', async () => {
    // After the two calls that start it, and its first rows.
    server.faults['worker.js'] = { prepend: asHelper(`let left = 4; const { postMessage } = MessagePort.prototype
      MessagePort.prototype.postMessage = function (...args) { if (left-- > 0) postMessage.apply(this, args) }`) }
    await gather(2)
    assert.equal(await drawn(), true)
    assert.equal(await drawn(), true)
    assert.deepEqual(errors, [])
  })

  test('one whose engine breaks; after three there are no more', async () => {
    server.faults['worker.js'] = { prepend: asHelper(`performance.now = () => { throw new WebAssembly.RuntimeError('unreachable') }`) }
    // Not until it is there: it may be gone again before anybody has looked.
    await page.evaluate(async () => (window.model = await openWith(2)))
    for (let i = 0; i < 6; i++) assert.equal(await drawn(), true)
    await until(workers, count => count === 1)
    const helpers = (await page.evaluate(() => window.started)) - 1
    assert.ok(helpers >= 1 && helpers <= 3, `${helpers} helpers were tried`)
    assert.equal(await page.evaluate(() => model.threads), 1)
  })

  test('one that gets no memory', async () => {
    server.faults['worker.js'] = { prepend: asHelper(`WebAssembly.instantiate = async () => { throw new RangeError('Out of memory') }`) }
    await page.evaluate(async () => (window.model = await openWith(2)))
    for (let i = 0; i < 5; i++) assert.equal(await drawn(), true)
    await until(workers, count => count === 1)
    assert.deepEqual(await page.evaluate(async () => (await draw(model, { label: [1, 2] })).threads), [1, 1, 1, 1])
    assert.deepEqual(errors, [])
  })

  test('where the browser starts no more', async () => {
    await page.evaluate(async () => {
      window.allowed = 1
      window.model = await openWith(4)
    })
    const threads = await page.evaluate(async () => {
      const threads = []
      for (let i = 0; i < 5; i++) threads.push(...(await draw(model, { label: [1, 2] })).threads)
      return threads
    })
    assert.deepEqual(new Set(threads), new Set([1]))
    assert.equal(workers(), 1)
    assert.deepEqual(errors, [])
  })
})

test('memory stays what it is, here and there', async () => {
  server.faults['worker.js'] = { prepend: MEMORY }
  await gather(3)
  const memory = () => Promise.all(page.workers().map(worker => worker.evaluate(() => /** @type {any} */ (self).memory.buffer.byteLength)))
  const many = times =>
    page.evaluate(async times => {
      for (let i = 0; i < times; i++) {
        const adapters = i % 2 ? { outline: i / times } : {}
        for (const label of [7, [1, 2, 3]]) for await (const step of model.sample({ label, seed: i, steps: 2, guidanceStart: 0, adapters })) void step
      }
    }, times)
  await page.evaluate(() => model.addAdapter('outline'))
  await many(10)
  let [before, after] = [[], await memory()]
  assert.equal(after.length, 3)
  // The first time that a helper is late, the worker takes room for its rows, too. What is lost grows round after round.
  for (let round = 0; round < 3 && !isDeepStrictEqual(after, before); round++) {
    before = after
    await many(60)
    after = await memory()
  }
  assert.deepEqual(after, before)
})
