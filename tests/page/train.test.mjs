// model.train: an adapter is trained in workers of its own; what it learns does not depend on their number; it can be watched, paused,
// broken off, gone on with, and lost without harm. What becomes of its files: export-adapter.test.mjs.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { drawings, errors, openModel, page, server, setUp, until } from './support.mjs'

/** The worker's clock runs fast: it tells after every step, and makes checkpoints and previews each time. */
const HURRY = `{ const now = performance.now.bind(performance); performance.now = () => 1000 * now() }\n`
const MEMORY = `{
  const { instantiate } = WebAssembly
  WebAssembly.instantiate = async (...args) => {
    const instance = await instantiate.apply(WebAssembly, args)
    self.memory = instance.exports.memory
    return instance
  }
}\n`

/** The worker knows when it has begun to help. */
const READY = `{
  const { postMessage } = MessagePort.prototype
  MessagePort.prototype.postMessage = function (message, ...rest) {
    postMessage.call(this, message, ...rest)
    if (message?.result) self.ready = true // it has answered
  }
}\n`

setUp({
  page: 'cleared',
  async prepare() {
    await openModel()
    await drawings()
  },
})
const teachers = () => page.workers().filter(worker => worker.url().endsWith('training.js'))

test('it tells how far it is, and ends with an adapter like any other', async () => {
  const { turns, adapters, norms, off, on } = await page.evaluate(async () => {
    const pictures = async adapters => String((await draw({ adapters })).x0.data)
    const turns = await teach(model, 'mine', { steps: 4, heldOut: undefined }) // each is validated
    const { adapters } = model
    const norms = (await model.adapterModules('mine')).map(({ updateNorm }) => updateNorm)
    return { turns, adapters, norms, off: await pictures({}), on: await pictures({ mine: 1 }) }
  })
  assert.deepEqual([turns[0].step, turns[0].total], [0, 4])
  const steps = turns.map(({ step }) => step)
  assert.deepEqual(steps, steps.toSorted((a, b) => a - b))
  const last = turns.at(-1)
  assert.equal(last.step, 4)
  assert.ok(last.loss > 0 && last.validationLoss > 0 && last.rate > 0 && last.secondsLeft === 0, JSON.stringify(last))
  assert.ok(last.checkpoint && !last.images)
  assert.deepEqual(adapters.map(({ name, kinds, rank, scale }) => ({ name, kinds, rank, scale })), [{ name: 'mine', kinds: ['LoRA'], rank: 8, scale: 0 }])
  assert.ok(norms.length > 5 && norms.every(norm => norm > 0))
  assert.notEqual(on, off)
  assert.deepEqual(errors, [])
})

test('the same is learnt by one worker and by several, from pixels and from grey values', async () => {
  const hashes = await page.evaluate(async () => {
    const all = []
    const { images, labels } = lessons(20)
    const greys = images.map(({ data }) => Uint8Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]))
    const blobs = await Promise.all(images.map(async image => {
      const canvas = new OffscreenCanvas(28, 28)
      canvas.getContext('2d').putImageData(image, 0, 0)
      return canvas.convertToBlob()
    }))
    for (const [i, options] of [{ threads: 1 }, { threads: 2 }, { images: greys, labels, threads: 2 }, { images: blobs, labels: labels.map(String) }, { seed: 1 }].entries()) {
      await teach(model, `mine ${i}`, options)
      all.push(await learnt(model, `mine ${i}`, { title: 'mine' }))
    }
    return all
  })
  assert.equal(new Set(hashes.slice(0, 4)).size, 1)
  assert.notEqual(hashes[4], hashes[0])
  assert.deepEqual(errors, [])
})

test('the model draws meanwhile; previews are drawn with what has been learnt', async () => {
  server.faults['training.js'] = { prepend: HURRY }
  const { images, drawn, base } = await page.evaluate(async () => {
    const drawn = []
    const previews = { label: [3, '7'], seed: [1, 2], steps: 2 }
    const turns = await teach(model, 'mine', { previews, steps: 10 }, async () => drawn.push(String((await draw({})).x0.data)))
    const images = turns.flatMap(({ images }) => (images ? [images] : []))
    const base = String((await draw({})).x0.data)
    return { images: images.map(all => all.map(({ width, data }) => [width, String(data)])), drawn, base }
  })
  assert.ok(images.length >= 3 && images.every(all => all.length === 2 && all[0][0] === 28), String(images.length))
  assert.notEqual(images[0][0][1], images.at(-1)[0][1])
  assert.deepEqual(new Set(drawn), new Set([base]))
  assert.deepEqual(await page.evaluate(() => model.adapters.map(({ name }) => name)), ['mine'])
  assert.deepEqual(errors, [])
})

test('the page’s own thread computes nothing of it', async () => {
  const { made, last } = await page.evaluate(async () => {
    const made = []
    for (const name of ['instantiate', 'instantiateStreaming', 'compile', 'compileStreaming', 'Module', 'Instance']) {
      WebAssembly[name] = new Proxy(WebAssembly[name], {
        apply: (real, self, args) => (made.push(name), Reflect.apply(real, self, args)),
        construct: (real, args) => (made.push(name), Reflect.construct(real, args)),
      })
    }
    const turns = await teach(model, 'mine', { previews: { label: [3], seed: [1], steps: 2 } })
    await model.exportAdapter('mine', { format: 'kohya' })
    return { made, last: turns.at(-1) }
  })
  assert.deepEqual(made, [])
  assert.equal(last.step, 6)
})

describe('it ends early', () => {
  test('leaving the loop keeps what is there; a signal throws it away; then the name is free', async () => {
    server.faults['training.js'] = { prepend: HURRY }
    const [kept, thrown, after, busy] = await page.evaluate(async () => {
      await teach(model, 'one', { steps: 400 }, ({ step }) => step < 2)
      const kept = model.adapters.map(({ name }) => name)
      const controller = new AbortController()
      const thrown = await failure(() => teach(model, 'two', { steps: 400, signal: controller.signal }, ({ step }) => void (step > 1 && controller.abort())))
      await teach(model, 'two', { steps: 2 })
      const first = model.train('three', lessons(20))
      await first.next()
      const busy = await failure(() => model.train('four', lessons(20)).next())
      await first.return()
      return [kept, thrown.name, model.adapters.map(({ name }) => name), busy.message]
    })
    assert.deepEqual([kept, thrown, after], [['one'], 'AbortError', ['one', 'two', 'three']])
    assert.match(busy, /being taught 'three'/)
    assert.deepEqual(errors, [])
  })

  test('nothing runs ahead of the loop by more than one turn', async () => {
    server.faults['training.js'] = { prepend: HURRY }
    const [before, after] = await page.evaluate(async () => {
      const run = model.train('mine', { ...lessons(20), steps: 400 })
      const steps = []
      for (let i = 0; i < 3; i++) steps.push((await run.next()).value.step)
      await new Promise(resolve => setTimeout(resolve, 1500))
      for (let i = 0; i < 2; i++) steps.push((await run.next()).value.step)
      await run.return()
      return [steps[2], steps[4]]
    })
    assert.equal(after - before, 2)
  })

  test('a checkpoint goes on exactly', async () => {
    server.faults['training.js'] = { prepend: HURRY }
    const [whole, resumed, first] = await page.evaluate(async () => {
      let checkpoint
      await teach(model, 'mine', {})
      await teach(model, 'half', {}, turn => {
        checkpoint = turn.checkpoint ?? checkpoint
        return turn.step < 3
      })
      const turns = await teach(model, 'rest', { resume: checkpoint })
      const title = { title: 'mine' }
      return [await learnt(model, 'mine', title), await learnt(model, 'rest', title), turns[0]]
    })
    assert.equal(resumed, whole)
    assert.ok(first.step >= 2 && first.total === 6, JSON.stringify(first))
    assert.deepEqual(errors, [])
  })

  test('one goes on from an adapter that is loaded', async () => {
    const [kinds, differs] = await page.evaluate(async () => {
      await model.addAdapter('outline')
      await teach(model, 'mine', { init: 'outline', steps: 2 })
      const modules = await Promise.all(['outline', 'mine'].map(async name => (await model.adapterModules(name)).map(({ path }) => path).join()))
      return [modules[0] === modules[1], (await learnt(model, 'outline')) !== (await learnt(model, 'mine'))]
    })
    assert.deepEqual([kinds, differs], [true, true])
  })
})

describe('workers that die', () => {
  test('one that helps: the run goes on, and learns the same', async () => {
    server.faults['training.js'] = { prepend: READY }
    await page.exposeFunction('helping', () => until(() => teachers()[1]?.evaluate(() => self.ready).catch(() => false), Boolean))
    await page.exposeFunction('kill', () => teachers()[1]?.evaluate(() => self.close()).catch(() => {}))
    const [alone, helped, killed] = await page.evaluate(async () => {
      await teach(model, 'alone', { steps: 20, threads: 1 })
      let killed = 0
      await teach(model, 'helped', { steps: 20, threads: 2 }, async ({ step, threads }) => {
        if (killed || !step) return
        if (threads !== 2) await window.helping() // nothing runs ahead of it meanwhile
        else if (!killed++) await window.kill()
      })
      const title = { title: 'mine' }
      return [await learnt(model, 'alone', title), await learnt(model, 'helped', title), killed]
    })
    assert.ok(killed, 'a helper was there')
    assert.equal(helped, alone)
    assert.deepEqual(errors, [])
  })

  test('the one that leads: an error, and the checkpoint goes on', async () => {
    server.faults['training.js'] = { prepend: HURRY }
    await page.exposeFunction('kill', () => teachers()[0]?.evaluate(() => setTimeout(() => { throw new Error('broken') })).catch(() => {}))
    const { failed, drawn, adapters } = await page.evaluate(async () => {
      let checkpoint
      const failed = await failure(() =>
        teach(model, 'mine', { steps: 50 }, async turn => {
          checkpoint = turn.checkpoint ?? checkpoint
          if (turn.step > 2) await window.kill()
        }),
      )
      const drawn = (await draw({})).step
      await teach(model, 'mine', { resume: checkpoint }, ({ step }) => step < 6)
      return { failed, drawn, adapters: model.adapters.map(({ name }) => name) }
    })
    assert.equal(failed.code, 'training')
    assert.match(failed.message, /^The training stopped unexpectedly \(.*broken.*\); begin it again from its last checkpoint\.$/)
    assert.deepEqual([drawn, adapters], [2, ['mine']])
  })

  test('a model that is disposed of takes them with it', async () => {
    const failed = await page.evaluate(async () => failure(() => teach(model, 'mine', { steps: 400 }, ({ step }) => void (step && model.dispose()))))
    assert.equal(failed.code, 'disposed')
    await until(() => page.workers().length, count => count === 0)
  })
})

test('while the page is hidden it waits, unless it is told otherwise', async () => {
  server.faults['training.js'] = { prepend: HURRY }
  const { asleep, woken, background } = await page.evaluate(async () => {
    let hidden = false
    Object.defineProperty(document, 'hidden', { get: () => hidden })
    const turn = value => {
      hidden = value
      document.dispatchEvent(new Event('visibilitychange'))
    }
    const run = model.train('mine', { ...lessons(20), steps: 400 })
    await run.next()
    turn(true)
    await run.next() // was on its way
    const next = run.next()
    const asleep = await Promise.race([next, new Promise(resolve => setTimeout(resolve, 1000, 'asleep'))])
    turn(false)
    const woken = (await next).value.step
    turn(true)
    await run.return()
    const background = await teach(model, 'other', { steps: 3, background: true })
    return { asleep, woken, background: background.at(-1).step }
  })
  assert.equal(asleep, 'asleep')
  assert.ok(woken > 0)
  assert.equal(background, 3)
  assert.deepEqual(errors, [])
})

test('what cannot be taught is refused with a sentence', async () => {
  const told = await page.evaluate(async () => {
    const { images, labels } = lessons(3)
    const told = {}
    const tell = async (name, options, model = window.model) => {
      try {
        await model.train('mine', options).next()
        told[name] = 'taken'
      } catch ({ name: kind, code, message }) {
        told[name] = `${typeof code === 'string' ? code : kind}: ${message}`
      }
    }
    const any = value => /** @type {any} */ (value)
    await tell('nothing', any(undefined))
    await tell('none', { images: [], labels: [] })
    await tell('lengths', { images, labels: [1] })
    await tell('label', { images, labels: [1, 2, 'x'] })
    await tell('size', { images: [new Uint8Array(5)], labels: [1] })
    await tell('picture', { images: ['seven.png'].map(any), labels: [1] })
    await tell('blank', { images: [new ImageData(100, 100)], labels: [1] })
    await tell('steps', { images, labels, steps: 0 })
    await tell('seed', { images, labels, seed: -1 })
    await tell('threads', { images, labels, threads: 0 })
    await tell('init', { images, labels, init: 'nobody' })
    await tell('targets', { images, labels, targets: ['nothing'] })
    await tell('resume', { images, labels, resume: new Uint8Array(9) })
    return told
  })
  const labels = Array.from({ length: 10 }, (_, i) => `'${i}'`).join(', ')
  assert.deepEqual(told, {
    nothing: 'TypeError: train() takes an object such as { images, labels }, not undefined.',
    none: 'TypeError: images and labels must be arrays of the same length, with one picture at least, not 0 and 0.',
    lengths: 'TypeError: images and labels must be arrays of the same length, with one picture at least, not 3 and 1.',
    label: `RangeError: label must be one of ${labels} or an index from 0 to 9, not 'x'.`,
    size: 'RangeError: images[0] must hold the 784 grey values of a picture, not 5.',
    picture: "TypeError: A picture is an ImageData, an ImageBitmap, a Blob, a canvas or an <img>, not 'seven.png'.",
    blank: 'picture: There is no ink in the picture that can be told from the ground; draw it stronger, or choose the part of the photograph that shows it.',
    steps: 'RangeError: steps must be a whole number of at least 1, not 0.',
    seed: `RangeError: seed must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, not -1.`,
    threads: "RangeError: threads must be 'auto' or a whole number of at least 1, not 0.".replace('RangeError', 'TypeError'),
    init: "RangeError: There is no adapter called 'nobody': none is loaded.",
    targets: 'training: Targets must be endings of paths of this base’s Linears and convolutions, such as to_v.'.replace('’', "'"),
    resume: told.resume,
  })
  assert.match(told.resume, /^unreadable: /)
  assert.deepEqual(errors, [])
})

test('memory stays what it is', async () => {
  server.faults['training.js'] = { prepend: MEMORY }
  const memory = () => Promise.all(teachers().map(worker => worker.evaluate(() => /** @type {any} */ (self).memory.buffer.byteLength)))
  const many = times =>
    page.evaluate(async times => {
      for (let i = 0; i < times; i++) {
        await teach(model, 'mine', { steps: 1, threads: 1 })
        await model.removeAdapter('mine')
      }
    }, times)
  await many(3)
  const before = await memory()
  await many(10)
  assert.equal(before.length, 1)
  assert.deepEqual(await memory(), before)
})
