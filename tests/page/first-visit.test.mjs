// What a first visit asks for: few files, the model at once, and nothing twice, though the page, its worker and the service worker need it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copies, copyKept, errors, FILES, freshServer, page, pick, server, settled, setUp, until } from './support.mjs'

setUp({ site: false })

const LINK = '#digit=7&seed=2&steps=3'
const LARGE = [FILES.weights, FILES.engine, FILES.manifest]

/** Without the icon, which Chromium asks for as often as it likes. */
const asked = () => server.requests.filter(name => name !== 'favicon.svg')

/** How often each file was asked for that was so more than once. */
function repeated() {
  /** @type {Record<string, number>} */
  const times = {}
  for (const name of asked()) times[name] = (times[name] ?? 0) + 1
  return Object.fromEntries(Object.entries(times).filter(([, count]) => count > 1))
}

test('a digit is drawn after at most 15 requests', async () => {
  await freshServer()
  await page.goto(server.url + LINK)
  await settled(page)
  assert.deepEqual(repeated(), {})
  assert.ok(asked().length < 15, `${asked().join(', ')}, and the icon`)
  assert.deepEqual(errors, [])
})

test('the model is asked for while the page’s scripts and style are on their way', async () => {
  await freshServer({ faults: Object.fromEntries(['page.js', 'style.css', 'guard.js'].map(name => [name, { delay: 3000 }])) })
  page.goto(server.url).catch(() => {}) // the test ends before
  await until(() => LARGE.every(name => server.requests.includes(name)), Boolean)
  assert.ok(!server.requests.includes('worker.js'), 'the page has not begun')
  await settled(page)
  assert.deepEqual(repeated(), {})
})

/** What hosts say of how long a file is good, and of its version. @type {Record<string, import('./support.mjs').Site>} */
const HOSTS = {
  'with validators': { ranges: true, headers: { 'cache-control': 'no-cache' } },
  'without validators': { headers: { 'cache-control': 'no-cache' } },
  'that says nothing of caching': { headers: { 'cache-control': '' } },
}
for (const [host, site] of Object.entries(HOSTS)) {
  test(`from a host ${host}, nothing is downloaded twice, though the service worker keeps it all`, async () => {
    await freshServer(site)
    await page.goto(server.url + LINK)
    await settled(page)
    await copyKept(page)
    await until(() => copies(page), found => found?.current)
    assert.deepEqual(repeated(), {})
    assert.deepEqual(await page.evaluate(async () => (await caches.keys()).filter(name => name.includes('visit'))), [])
  })
}

test('from a host that forbids to store anything, what is large comes once', async () => {
  await freshServer({ headers: { 'cache-control': 'no-store' } })
  await page.goto(server.url + LINK)
  await settled(page)
  await copyKept(page)
  await until(() => copies(page), found => found?.current)
  const twice = repeated()
  for (const name of Object.keys(twice)) assert.doesNotMatch(name, /^(models|engine)\//)
  assert.ok(Object.values(twice).every(times => times === 2), JSON.stringify(twice))
})

test('who saves data downloads the model when a digit is picked', async () => {
  await freshServer()
  await page.addInitScript(() => Object.defineProperty(navigator, 'connection', { value: { saveData: true } }))
  await page.goto(server.url)
  await page.waitForSelector('html[data-started]')
  await settled(page)
  await page.waitForTimeout(1000)
  assert.ok(!LARGE.some(name => server.requests.includes(name)), server.requests.join(', '))
  await pick(page, 4)
  assert.deepEqual(repeated(), {})
})

test('a download that was begun early and fails is tried again by the worker', async () => {
  await freshServer({ faults: { [FILES.weights]: { cut: 50_000, times: 1 } } })
  await page.goto(server.url + LINK)
  await settled(page)
  assert.equal(await page.locator('#notice').isHidden(), true)
  assert.deepEqual(repeated(), { [FILES.weights]: 2 })
})

test('without what begins the downloads early, the page does it all by itself', async () => {
  await freshServer({ faults: { 'early.js': { status: 404 } } })
  await page.goto(server.url + LINK)
  await settled(page)
  for (const id of ['#notice', '#broken', '#outdated']) assert.equal(await page.locator(id).isHidden(), true)
  assert.deepEqual(repeated(), {})
})
