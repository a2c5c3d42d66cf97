// A newer version comes as a whole, to a window that has just been opened or reloaded, and under none that is open.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { copies, copyKept, DIST, errors, FILES, freshPage, freshServer, launch, page, server, settled, setUp, until } from './support.mjs'

setUp({ site: false, prepare: () => freshServer({ prefix: '/any/where/at all/' }) })

const kept = () => copyKept(page)
const ledger = () => copies(page)

/** A newer version of the page, which says so. */
const release = version => (server.faults['page.js'] = { prepend: `document.documentElement.dataset.version = '${version}';\n` })
/** One that needs a file which the service workers before it have never heard of; its list has the hashes, as the build's has. */
async function releaseWithFile(version) {
  const read = (/** @type {string} */ name) => readFile(`${DIST}/${name}`, 'utf8')
  const hash = (/** @type {string} */ text) => createHash('sha256').update(text).digest('hex')
  const prepend = "import './page/new.js';\n"
  const added = `document.documentElement.dataset.version = '${version}'`
  const listed = `'page.js': '${hash(prepend + (await read('page.js')))}',\n  'page/new.js': '${hash(added)}',`
  server.pages['sw.js'] = (await read('sw.js')).replace(/'page\.js': '\w+',/, listed)
  server.pages['page/new.js'] = added
  server.faults['page.js'] = { prepend }
}
const version = () => page.evaluate(() => document.documentElement.dataset.version)
/** Reloads until that version is shown: a slow reload leaves what is newer to the next one. */
async function reloadTo(wanted) {
  for (let reloads = 0; reloads < 4 && (await version()) !== wanted; reloads++) {
    if (reloads) await page.waitForTimeout(5000)
    await page.reload()
    await settled(page)
  }
  assert.equal(await version(), wanted)
}

/** Has whatever would write the ledger wait, until what comes back is called. */
async function holdLedger() {
  await page.evaluate(() => {
    const name = `digit-diffusion ${new URL('.', location.href).pathname} ` // the service worker's lock
    return new Promise(held => {
      const hold = () =>
        new Promise(release => {
          window.letGo = release
          held(undefined)
        })
      navigator.locks.request(name, hold)
    })
  })
  return () => page.evaluate(() => window.letGo())
}
/** Another window: a look for news follows, though what is to be shown waits for the ledger. */
async function beVisited() {
  const other = await page.context().newPage()
  other.goto(server.url).catch(() => {}) // the test may end first
}
/** The caches of copies that the ledger does not know yet. */
const unlisted = async () => {
  const { current, next } = await ledger()
  const names = await page.evaluate(() => caches.keys())
  return names.filter(name => !/ledger$/.test(name) && ![current.name, next?.name].includes(name))
}
/** How many files of a copy are kept, and how many it has by the ledger. */
async function held({ name, hashes }) {
  const has = await page.evaluate(async name => (await caches.has(name)) && (await (await caches.open(name)).keys()).length, name)
  return [has, Object.keys(hashes).length]
}

test('a new version comes as a whole: with a reload, or with the next visit', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  release('two')
  await reloadTo('two')

  release('three')
  const other = await page.context().newPage() // a second window: neither may change under it
  await other.goto(server.url)
  await page.reload()
  await settled(page)
  assert.equal(await version(), 'two')
  await until(ledger, ({ next }) => next)
  await other.close()
  await page.goto('about:blank')
  await page.waitForTimeout(300)
  await page.goto(server.url)
  await settled(page)
  assert.equal(await version(), 'three')
  assert.deepEqual(errors, [])
})

/** @type {[string, () => Promise<unknown>][]} */
const ways = [
  ['a visit', () => page.goto(server.url)],
  ['a reload', () => page.reload()],
]
for (const [coming, come] of ways) {
  test(`a release that adds a file, met by ${coming}, is kept as a whole and can be opened offline`, async () => {
    await page.goto(server.url)
    await settled(page)
    await kept()
    await page.reload() // so that the service worker of now has its hand in it
    await settled(page)
    await page.waitForTimeout(5000) // its look after that visit
    await releaseWithFile('two')
    if (coming === 'a visit') await page.goto('about:blank')
    server.requests.length = 0
    await come()
    await settled(page)
    await until(ledger, ({ current, next }) => (next ?? current).hashes['page/new.js'])
    assert.ok(!server.requests.includes(FILES.engine), 'what the release before had is not fetched again')
    await page.waitForTimeout(6000)
    const { current, next } = await ledger()
    assert.ok((next ?? current).hashes['page/new.js'])
    await page.goto('about:blank')
    await page.context().setOffline(true)
    await page.waitForTimeout(300)
    await page.goto(server.url)
    await settled(page)
    assert.equal(await version(), 'two')
    assert.deepEqual(errors, [])
  })
}

test('after a release with another service worker, reloads of an only window go on bringing newer versions', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  await releaseWithFile('two')
  await page.reload()
  await settled(page)
  await until(ledger, ({ current, next }) => (next ?? current).hashes['page/new.js'])
  release('three')
  await page.waitForTimeout(5000)
  await reloadTo('three')
})

test('no window changes under a visitor because another, which has no service worker yet, is reloaded', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  const before = (await ledger()).current.name
  const other = await page.context().newPage()
  await other.goto(server.url)
  await settled(other)
  release('two')
  await page.reload()
  await settled(page)
  await until(ledger, ({ current, next }) => next || current.name !== before)
  assert.doesNotMatch(await other.evaluate(async () => (await fetch('page.js')).text()), /'two'/)
  await other.close()
  await page.waitForTimeout(300)
  await page.reload()
  await settled(page)
  assert.equal(await version(), 'two')
})

test('a page that comes back from the browser’s memory begins anew if its copy has been replaced meanwhile', async t => {
  const remembering = await launch({ remembers: true })
  t.after(() => remembering.close())
  server.headers['cache-control'] = 'no-cache' // what is not to be stored is not remembered either
  await freshPage({}, remembering)
  const goAway = () => page.goto(`${server.url.replace('127.0.0.1', 'localhost')}favicon.svg`)
  await page.goto(server.url)
  await settled(page)
  await kept()
  await page.goto('about:blank')
  await page.goto(server.url)
  await settled(page)
  await goAway()
  await page.goBack({ waitUntil: 'commit' })
  await page.waitForTimeout(2000)
  const how = await page.evaluate(() => /** @type {any} */ (performance.getEntriesByType('navigation')[0]).type)
  assert.notEqual(how, 'reload') // nothing is new

  await goAway()
  release('two')
  const other = await page.context().newPage()
  const ask = () => other.evaluate(() => document.documentElement.dataset.version)
  for (let visits = 0; visits < 5 && (await ask()) !== 'two'; visits++) {
    await other.goto('about:blank')
    await other.waitForTimeout(5000)
    await other.goto(server.url)
    await settled(other)
  }
  assert.equal(await ask(), 'two')
  await page.goBack({ waitUntil: 'commit' })
  await until(() => version().catch(() => undefined), version => version === 'two') // not while it is loaded anew
})

test('an older and a newer service worker that copy at the same time do not spoil each other’s copy', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  const letGo = await holdLedger()
  release('two')
  await beVisited()
  await until(unlisted, names => names.length)
  await releaseWithFile('three')
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration()
    await registration.update()
    window.newer = registration.installing
  })
  await page.waitForTimeout(5000) // were they not to wait for each other, both copies would be put together by now
  await letGo()
  const state = await until(() => page.evaluate(() => window.newer.state), state => state !== 'installing')
  assert.notEqual(state, 'redundant')
  const { next } = await ledger()
  assert.ok(next.hashes['page/new.js'])
  const [has, wants] = await held(next)
  assert.equal(has, wants)
})

test('a copy that is cleared away before it is whole is never served', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  const letGo = await holdLedger()
  release('two')
  await beVisited()
  const [name] = await until(unlisted, names => names.length)
  await page.waitForTimeout(1000)
  await page.evaluate(name => caches.delete(name), name)
  await letGo()
  await page.waitForTimeout(1000)
  assert.equal((await ledger()).next, null)
})

test('models that are no longer kept are fetched anew for the next copy', async () => {
  await page.goto(server.url)
  await settled(page)
  await kept()
  const { current } = await ledger()
  await page.evaluate(async name => {
    const cache = await caches.open(name)
    for (const { url } of await cache.keys()) if (url.endsWith('.safetensors')) await cache.delete(url)
  }, current.name)
  release('two')
  await page.reload()
  const { next, current: now } = await until(ledger, ({ current: { name }, next }) => next || name !== current.name)
  const [has, wants] = await held(next ?? now)
  assert.equal(has, wants)
})
