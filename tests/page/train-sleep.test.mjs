// model.train where the device sleeps or the browser freezes the page: it goes on, and nobody is taken for dead who slept as well. Who says
// nothing for long while all are awake is dead.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { drawings, errors, openModel, page, server, setUp, until } from './support.mjs'

/** The worker that leads does not hear of the next steps before release(). */
const HELD = `{
  const held = []
  const hold = event => event.data.method === 'next' && (event.stopImmediatePropagation(), held.push(event.data))
  addEventListener('message', hold)
  self.heard = () => held.length
  self.release = () => {
    removeEventListener('message', hold)
    for (const data of held) dispatchEvent(new MessageEvent('message', { data }))
  }
}\n`
/** The worker's clock is ahead by so many milliseconds. */
const AHEAD = `{ const now = performance.now.bind(performance); self.ahead = 0; performance.now = () => now() + self.ahead }\n`
const HOUR = 3_600_000

const teachers = () => page.workers().filter(worker => worker.url().endsWith('training.js'))
/** What is learnt in so many steps, undisturbed. */
const undisturbed = (steps = 6) => page.evaluate(async steps => {
  await teach(model, 'undisturbed', { steps })
  return learnt(model, 'undisturbed', { title: 'mine' })
}, steps)

describe('the page’s timers', () => {
  setUp({
    async prepare() {
      await page.clock.install()
      await openModel()
      await drawings()
    },
  })
  const begin = async () => {
    server.faults['training.js'] = { prepend: HELD }
    await page.evaluate(() => {
      window.taught = failure(() => teach(model, 'mine', {}))
    })
    await until(() => teachers()[0]?.evaluate(() => self.heard()).catch(() => 0), heard => heard === 1)
  }

  test('asleep, each is late once: the run goes on, and learns the same', async () => {
    await begin()
    for (let night = 0; night < 3; night++) await page.clock.fastForward(8 * HOUR)
    await teachers()[0].evaluate(() => self.release())
    const [failed, hash] = await page.evaluate(async () => [await window.taught, await learnt(model, 'mine', { title: 'mine' })])
    assert.equal(failed, undefined)
    delete server.faults['training.js']
    assert.equal(await undisturbed(), hash)
    assert.deepEqual(errors, [])
  })

  test('awake, a worker that says nothing for two minutes is dead; the next run starts another one', async () => {
    await begin()
    await page.clock.runFor(121_000)
    const { code, message } = await page.evaluate(() => window.taught)
    assert.equal(code, 'training')
    assert.match(message, /begin it again from its last checkpoint/)
    delete server.faults['training.js']
    assert.equal(await page.evaluate(async () => (await teach(model, 'mine', {})).at(-1).step), 6)
    assert.deepEqual(errors, [])
  })
})

describe('the rest', () => {
  setUp({
    async prepare() {
      await openModel()
      await drawings()
    },
  })

  test('a page that is frozen in the middle goes on when it thaws, and learns the same', async () => {
    const client = await page.context().newCDPSession(page)
    await page.exposeFunction('sleep', async () => {
      await client.send('Page.setWebLifecycleState', { state: 'frozen' })
      await new Promise(resolve => setTimeout(resolve, 3000))
      await client.send('Page.setWebLifecycleState', { state: 'active' })
    })
    const { hash, slept, turns } = await page.evaluate(async () => {
      let slept
      const turns = await teach(model, 'mine', { steps: 12 }, ({ step }) => {
        if (step) slept ??= window.sleep()
      })
      await slept
      return { hash: await learnt(model, 'mine', { title: 'mine' }), slept: Boolean(slept), turns: turns.map(({ step }) => step) }
    })
    assert.deepEqual([slept, turns.at(-1)], [true, 12])
    assert.equal(await undisturbed(12), hash)
    assert.deepEqual(errors, [])
  })

  test('workers whose clocks are hours ahead after the night: none is given up, the time left stays sensible', async () => {
    server.faults['training.js'] = { prepend: AHEAD }
    let started = 0
    page.on('worker', worker => worker.url().endsWith('training.js') && started++)
    await page.exposeFunction('sleep', hours => Promise.all(teachers().map(worker => worker.evaluate(ms => void (/** @type {any} */ (self).ahead += ms), hours * 3_600_000))))
    const { hash, turns, nights } = await page.evaluate(async () => {
      let nights = 0
      const turns = await teach(model, 'mine', { steps: 24, threads: 2 }, async ({ threads }) => {
        if (threads === 2 && nights++ < 4) await window.sleep(8)
      })
      return { hash: await learnt(model, 'mine', { title: 'mine' }), turns: turns.map(({ step, secondsLeft, threads }) => ({ step, secondsLeft, threads })), nights }
    })
    assert.ok(nights > 0, 'the device has slept')
    assert.deepEqual([turns.at(-1).threads, started], [2, 2])
    assert.ok(turns.every(({ secondsLeft = 0 }) => secondsLeft < HOUR / 1000), JSON.stringify(turns))
    delete server.faults['training.js']
    assert.equal(await undisturbed(24), hash)
    assert.deepEqual(errors, [])
  })
})
