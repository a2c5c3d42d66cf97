// The share link: it holds every setting, and opening it gives the same pictures.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { address, choose, copies, copyKept, DIST, errors, freshPage, launch, newPage, notice, openLink, openPage, page, pick, pixels, rested, server, set, settled, setUp, stepsDrawn, toggleLora, until } from './support.mjs'

const { adapters } = JSON.parse(await readFile(`${DIST}/models/manifest.json`, 'utf8'))
setUp({ page: 'cleared' })
const open = hash => openLink(page, server.url, hash)

test('holds every setting; opening it gives the same pictures', async () => {
  await openPage(page, server.url)
  await page.selectOption('#sampler', 'ddim')
  await set(page, 'seed', 77)
  await pick(page, 4)
  await toggleLora(page)
  await set(page, 'strength-0', 0.6)
  await settled(page)
  const drawn = [await pixels(page), await pixels(page, 'lora')]
  await rested(page)
  const { base, ...settings } = await address(page)
  assert.deepEqual(settings, { digit: '4', seed: '77', sampler: 'ddim', steps: '3', guidance: '2', lora: 'on', styles: 'outline:0.6' })
  assert.match(base, /^[0-9a-f]{12}$/)

  const link = page.url()
  await freshPage()
  await page.goto(link)
  await settled(page)
  assert.deepEqual([await pixels(page), await pixels(page, 'lora')], drawn)
  assert.equal(await page.inputValue('#seed'), '77')
  assert.equal(await page.inputValue('#strength-0'), '0.6')
  assert.equal(await page.locator('#notice').isHidden(), true)
  assert.deepEqual(errors, [])
})

test('a mix comes back too', async () => {
  await open('digit=3&seed=5&steps=2&lora=on&styles=outline:0.4,seven-segment:-0.3')
  const drawn = await pixels(page, 'lora')
  assert.equal(await page.locator('#strengths input').count(), adapters.filter(({ turbo }) => !turbo).length)
  assert.equal(await page.innerText('#lora-note'), 'Outline 0.4 + Seven-segment −0.3')
  await rested(page)
  assert.equal((await address(page)).styles, 'outline:0.4,seven-segment:-0.3')
  await page.reload()
  await settled(page)
  assert.equal(await pixels(page, 'lora'), drawn)
})

test('changes without history and without requests', async () => {
  await openPage(page, server.url)
  await pick(page, 1)
  await rested(page)
  await copyKept(page) // the service worker's requests are no answer to a change
  await until(() => copies(page), found => found?.current)
  const asked = () => server.requests.filter(name => name !== 'favicon.svg') // that one is the browser's own affair
  const [before, requests] = [await page.evaluate(() => history.length), asked()]
  await page.evaluate(() => {
    window.replaced = 0
    const replace = history.replaceState
    history.replaceState = function (...args) {
      window.replaced++
      return replace.apply(this, args)
    }
  })
  for (const seed of [3, 4, 5, 6]) await set(page, 'seed', seed)
  await settled(page)
  await rested(page)
  assert.equal((await address(page)).seed, '6')
  assert.equal(await page.evaluate(() => history.length), before)
  assert.ok((await page.evaluate(() => window.replaced)) <= 2)
  assert.deepEqual(asked(), requests)
})

test('another link pasted into the address bar is drawn; a place on the page is not taken for one', async () => {
  await open('digit=3&seed=5&steps=2')
  const first = await pixels(page)
  await page.evaluate(() => (location.hash = 'digit=8&seed=5&steps=2'))
  await page.waitForSelector('#digits [value="8"]:checked')
  await settled(page)
  assert.notEqual(await pixels(page), first)
  await page.click('#chip')
  await rested(page)
  assert.equal((await address(page)).digit, '8')
})

test('a link pasted while the last change has yet to reach the address bar is not written over', async () => {
  await open('digit=3&seed=5&steps=2')
  await rested(page)
  await set(page, 'seed', 6)
  await page.evaluate(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => (location.hash = 'digit=8&seed=5&steps=2')
    port2.postMessage('')
    for (const due = performance.now() + 500; performance.now() < due; ); // so the change's turn comes between the paste and its event
  })
  await page.waitForSelector('#digits [value="8"]:checked')
  await settled(page)
  await rested(page)
  assert.deepEqual([(await address(page)).digit, (await address(page)).seed], ['8', '5'])
})

test('another base is named calmly, and the digit is drawn all the same', async () => {
  await open('digit=3&seed=5&steps=2&base=0123456789ab')
  assert.match(await notice(page), /Made for another base model\s+.*another base model than the one here/)
  assert.equal(await stepsDrawn(page), 2)
  await page.click('#notice button')
  assert.equal(await page.locator('#notice').isHidden(), true)
})

test('what it asks for in vain is named', async () => {
  await open('digit=3&steps=999&sampler=magic&seed=-1&lora=on&styles=nobody:1&utm_source=x')
  const said = await notice(page)
  for (const part of [/“steps=999”/, /“sampler=magic”/, /“seed=-1”/, /no style “nobody”/]) assert.match(said, part)
  assert.doesNotMatch(said, /utm/)
  assert.equal(await stepsDrawn(page), 12)
})

test('gives the same pictures on WebGPU too', async () => {
  const gpu = await launch({ webgpu: true })
  const drawn = []
  for (const _ of ['drawn', 'opened']) {
    const { page } = await newPage(gpu)
    await page.goto(`${server.url}#digit=3&seed=5&steps=1&guidance=1`)
    await settled(page)
    await choose(page, 'device', 'webgpu')
    assert.equal(await page.innerText('#chip'), 'WebGPU')
    drawn.push(await pixels(page))
  }
  await gpu.close()
  assert.equal(drawn[0], drawn[1])
})

test('is copied, and that is confirmed', async () => {
  await freshPage({ permissions: ['clipboard-read', 'clipboard-write'] })
  await open('digit=3&seed=5&steps=2')
  await page.click('#copy-link')
  await page.locator('#copy-link:has-text("Copied")').waitFor() // the clipboard answers when it likes
  assert.equal(await page.textContent('#announcer'), 'The link was copied.')
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /#digit=3&seed=5&sampler=dpm%2B%2B2m&steps=2&/)
  await page.locator('#copy-link:has-text("Copy link")').waitFor()
})

test('an address that a script has changed is kept up to date all the same', async () => {
  await openPage(page, server.url)
  await pick(page, 7)
  await rested(page)
  await page.evaluate(() => history.replaceState(null, '', `?x${location.hash}`))
  await set(page, 'seed', 31)
  await settled(page)
  await page.waitForFunction(() => /[#&]seed=31(&|$)/.test(location.hash), undefined, { timeout: 10_000 })
  assert.equal(await page.evaluate(() => location.search), '?x')
})
