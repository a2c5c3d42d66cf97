// A base of the visitor's own: the page says what its manifest says, in both languages, and nothing of digits; at the first paint where the
// build knows the models, and where they were copied in later.
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { FEW_LONG, freshPage, freshServer, LARGE, LETTERS, MANY, modelsOf, ONE, openLink, openModule, openPage, page, pick, rested, server, settled, setUp, until } from './support.mjs'
import { WWW } from './support/package.mjs'

setUp({ site: false, page: 'none' })

const { fillWords } = await import('../../xtask/bundle/words.mjs')
const { an, DIGITS, faceOf, nounOf, pickerOf, quote, wordsOf } = await import(pathToFileURL(join(WWW, 'words.js')).href)

/** All that is seen, read out or told of the page, but for the project's own name. */
const said = () =>
  page.evaluate(() => {
    const elements = [...document.querySelectorAll('body *:not(script, code)')].filter(element => !element.closest('[hidden], #notice'))
    const texts = elements.flatMap(element => [...element.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE).map(({ data }) => data))
    const attributes = elements.flatMap(element => ['aria-label', 'title', 'alt', 'placeholder', 'aria-valuetext'].map(name => element.getAttribute(name) ?? ''))
    const head = [document.title, document.querySelector('meta[name=description]').getAttribute('content')]
    return [...head, ...texts, ...attributes].join('\n').replaceAll(/the Digit Diffusion authors|由 Digit Diffusion/g, '')
  })
const assertNoDigits = async when => {
  const found = (await said()).split('\n').filter(line => /digit|数字|MNIST|\b7\b.*noise/i.test(line))
  assert.deepEqual(found, [], when)
}

/** A server of the built site with these models in place of the shipped ones, as they are when they are copied in. */
const copyIn = async base => freshServer({ pages: await modelsOf(base) })

/** Whatever can be unfolded is, and everything is drawn. */
async function exhaust(label) {
  if (label !== undefined) await pick(page, label)
  else {
    await page.click('#action')
    await settled(page)
  }
  for (const id of ['schedule', 'attention']) await page.click(`#${id} summary`)
  await page.waitForSelector('#stage[data-busy=false] #attention[data-maps=true]')
  if (label !== undefined) {
    await page.click('#many-digits')
    await settled(page)
  }
  await page.click('#many-seeds')
  await settled(page)
  await page.locator('#network').scrollIntoViewIfNeeded()
  await page.waitForSelector('#unet label')
  for (const input of await page.locator('#unet input').all()) {
    await input.check()
    await assertNoDigits(`the part ${await input.getAttribute('value')}`)
  }
}

for (const locale of ['en-US', 'zh-CN'])
  test(`letters: nothing is said of digits, ${locale}`, async () => {
    await copyIn(LETTERS)
    await freshPage({ locale, reducedMotion: 'reduce' })
    await openPage(page, server.url)
    await assertNoDigits('at first')
    assert.equal(await page.title(), LETTERS.title)
    assert.equal(await page.innerText('.brand'), LETTERS.title)
    assert.equal(await page.innerText('h1'), { 'en-US': 'Watch noise become a letter', 'zh-CN': '看噪声变成字母' }[locale])
    assert.equal(await page.innerText('#position'), { 'en-US': 'Ready. Pick a letter.', 'zh-CN': '准备好了。选一个字母吧。' }[locale])
    assert.equal(await page.locator('.preview, [data-digits]').count(), 0)
    await exhaust('G')
    await assertNoDigits('with everything open')
    await page.click('#language')
    await page.waitForSelector(`html[lang=${{ 'en-US': 'zh-Hans', 'zh-CN': 'en' }[locale]}]`)
    await assertNoDigits('in the other language')
  })

test('letters, in English: every sentence has the noun and its article', async () => {
  await copyIn(LETTERS)
  await freshPage({ reducedMotion: 'reduce' })
  await openPage(page, server.url)
  await pick(page, 'G')
  assert.equal(await page.textContent('#announcer'), 'Done: the letter G in 3 steps.')
  assert.equal(await page.getAttribute('#picture-base', 'aria-label'), 'Letter G at step 3 of 3, base model')
  assert.equal(await page.innerText('#many-digits'), 'All 26 letters')
  assert.match(await page.innerText('.lead'), /^Pick a letter, .* out of noise\.$/, 'no styles come with it, and none are promised')
  const download = page.waitForEvent('download')
  await page.click('#save-picture')
  assert.equal((await download).suggestedFilename(), 'letter-G-seed-2.png')
  await page.evaluate(() => (location.hash = 'digit=Ä&steps=3'))
  await page.locator('#notice:has-text("no class “Ä”")').waitFor()
})

test('one class: nothing to pick; Draw draws it', async () => {
  await copyIn(ONE)
  await freshPage({ reducedMotion: 'reduce' })
  await openLink(page, server.url, 'steps=3')
  assert.equal(await page.innerText('#position'), 'Ready. Press Draw.')
  assert.equal(await page.locator('.pick').isVisible(), false)
  assert.equal(await page.locator('#many-digits').isVisible(), false)
  assert.equal(await page.innerText('#many-seeds'), 'Ten seeds')
  assert.equal(await page.locator('#guidance').isVisible(), false, 'there is none')
  await exhaust()
  await assertNoDigits('drawn')
  assert.match(await page.getAttribute('#picture-base', 'aria-label'), /^Face at step 3 of 3/)
  await rested(page)
  await page.click('#tour')
  await until(() => page.textContent('#announcer'), text => /^Done: a face/.test(text))
  await page.click('#tour')
})

test('pictures of 64 x 64 in colour: whole pixels on the screen, smaller sheets, files of about the same size', async () => {
  await copyIn(LARGE)
  await freshPage({ viewport: { width: 390, height: 800 }, reducedMotion: 'reduce' })
  await openPage(page, server.url)
  await pick(page, 'G')
  const frame = await page.locator('#picture-base').evaluate((/** @type {HTMLCanvasElement} */ canvas) => [canvas.width, canvas.getBoundingClientRect().width])
  assert.deepEqual([frame[0], frame[1] % 64], [64, 0])
  assert.ok(frame[1] > 150)
  const download = page.waitForEvent('download')
  await page.click('#save-picture')
  const png = await readFile(await (await download).path())
  assert.equal(png.readUInt32BE(16), 9 * 64)
  assert.equal(png[25], 2, 'the file is in colour')
  const coloured = await page.locator('#picture-base').evaluate((/** @type {HTMLCanvasElement} */ canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, 64, 64)
    return data.filter((level, i) => i % 4 === 1 && level !== data[i - 1]).length
  })
  assert.ok(coloured > 2000, `${coloured} of 4096 pixels have colours`)
  assert.equal(await page.innerText('#many-digits'), 'The first 10 of 26 letters')
  await page.click('#many-digits')
  await settled(page)
  assert.equal(await page.locator('#sheet button').count(), 10)
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false)
})

test('the class says what the manifest says, and the element too', async () => {
  await copyIn(LETTERS)
  await freshPage()
  await page.goto(`${server.url}blank.html`)
  await openModule()
  const said = await page.evaluate(async () => {
    const model = await DigitDiffusion.load('models/base/', { device: 'cpu' })
    const unlisted = await DigitDiffusion.load('models/base/', { device: 'cpu', manifest: false })
    const element = document.createElement('digit-diffusion')
    const canvas = element.shadowRoot.querySelector('canvas')
    Object.assign(element, { label: 'G', seed: 1, steps: 2 })
    document.body.append(element)
    const idle = canvas.ariaLabel
    await new Promise(resolve => element.addEventListener('done', resolve))
    const answer = { title: model.title, noun: model.noun, without: [unlisted.title, unlisted.noun.one], idle, done: canvas.ariaLabel }
    return answer
  })
  assert.deepEqual(said, {
    title: LETTERS.title, noun: LETTERS.noun, without: [undefined, 'picture'], idle: 'A picture of G will be drawn here', done: 'The letter G, drawn from noise',
  })
})

describe('the build fills in the words of models that are not the shipped ones', () => {
  const escape = text => text.replace(/[&<>"]/g, mark => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[mark])
  /** index.html of a site that is built with these models, and the rest of that. */
  async function fill(base, change) {
    const folder = await mkdtemp(join(tmpdir(), 'digit-diffusion-words-'))
    const site = join(folder, 'site')
    await cp(WWW, site, { recursive: true, filter: path => !path.includes(`${WWW}/models/`) })
    for (const [path, bytes] of Object.entries(base ? await modelsOf(base) : {})) {
      await mkdir(dirname(join(site, path)), { recursive: true })
      await writeFile(join(site, path), bytes)
    }
    if (!base) await cp(join(WWW, 'models'), join(site, 'models'), { recursive: true })
    if (change) {
      const path = join(site, 'models/manifest.json')
      await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))))
    }
    await fillWords(site)
    const [html, app] = await Promise.all(['index.html', 'app.webmanifest'].map(path => readFile(join(site, path), 'utf8')))
    await rm(folder, { recursive: true })
    return { html, app }
  }

  test('the shipped ones change nothing but the choice of a base', async () => {
    const { html } = await fill(undefined, ({ bases: _, ...manifest }) => manifest)
    assert.equal(html, await readFile(join(WWW, 'index.html'), 'utf8'))
    assert.match((await fill()).html, /Pixels 28 × 28<[^]*Ink 64 × 64</)
  })

  test('another base of digits says nothing that is true of the shipped one alone', async () => {
    const { html, app } = await fill({ ...LETTERS, labels: [...'0123456789'], title: 'Handwritten digits', noun: undefined })
    assert.ok(html.includes('<title data-text="title">Handwritten digits</title>'))
    assert.ok(html.includes('property="og:title" content="Handwritten digits"'))
    assert.equal(JSON.parse(app).name, 'Handwritten digits')
    assert.doesNotMatch(html, /data-example|MNIST|example\.png|share\.png|drawn beforehand/)
  })

  test('the shipped base with other styles keeps its thanks, and shows no example of a style that is not there', async () => {
    const { html } = await fill(undefined, manifest => ({ ...manifest, adapters: manifest.adapters.filter(({ name }) => name !== 'outline') }))
    assert.doesNotMatch(html, /data-example|example\.png|drawn beforehand/)
    assert.match(html, /Trained on MNIST[^]*embed\.html/)
  })

  for (const [name, base] of Object.entries({ LETTERS, MANY, ONE, FEW_LONG }))
    test(`${name}: no word of digits before any script has run`, async () => {
      const { html, app } = await fill(base)
      const words = html.replace(/<script[^]*?<\/script>|the Digit Diffusion authors|\b(id|name|class|data-\w+|for)="[^"]*"/g, '')
      assert.deepEqual(words.split('\n').filter(line => /digit|MNIST|example\.png|share\.png/i.test(line)), [])
      assert.doesNotMatch(app, /digits/i)
      assert.ok(html.includes(`<title data-text="title">${escape(base.title)}</title>`))
      assert.ok(!html.includes('<i>&</i>'))
    })

  test('the page takes them from there: nothing changes when the model comes', async () => {
    const { html } = await fill(LETTERS)
    await freshServer({ pages: { ...(await modelsOf(LETTERS)), 'index.html': html } })
    await freshPage({ viewport: { width: 390, height: 800 } })
    await page.addInitScript(() => {
      window.seen = []
      addEventListener('DOMContentLoaded', () => {
        const texts = () => [document.title, document.querySelector('h1').textContent, document.querySelector('#digits').textContent].join(' | ')
        window.seen.push(texts())
        new MutationObserver(() => window.seen.push(texts())).observe(document.documentElement, { subtree: true, childList: true, characterData: true })
      })
    })
    await openPage(page, server.url)
    assert.deepEqual([...new Set(await page.evaluate(() => window.seen))], [`${LETTERS.title} | Watch noise become a letter | ${LETTERS.labels.join('')}`])
  })
})

test('nouns, articles, names and how they are picked', () => {
  assert.deepEqual(['a unit', 'an umbrella', 'a university', 'a euro', 'an hour', 'a house', 'a one-eyed cat', 'an 8', 'an 11', 'a 1', 'an 80', 'a 字母'], ['unit', 'umbrella', 'university', 'euro', 'hour', 'house', 'one-eyed cat', '8', '11', '1', '80', '字母'].map(an))
  const digits = [...'0123456789']
  assert.deepEqual(nounOf(undefined, digits), { one: 'digit', many: 'digits' })
  for (const noun of [undefined, null, 'letter', {}, { one: 'letter' }, { one: ' ', many: 'x' }, { one: 1, many: 2 }]) assert.equal(nounOf(noun, ['0', '1']).one, 'picture', JSON.stringify(noun))
  assert.deepEqual(nounOf({ one: ' big\nleaf ', many: 'big leaves' }, []), { one: 'big leaf', many: 'big leaves' })
  assert.deepEqual(wordsOf({ labels: digits, title: 'Digit Diffusion' }), { ...DIGITS })
  const kinds = [['x'], digits, LETTERS.labels, FEW_LONG.labels, MANY.labels, Array.from({ length: 41 }, (_, i) => String(i)), ['a'.repeat(100), 'b'.repeat(100)], Array.from({ length: 12 }, () => 'x'.repeat(100))]
  assert.deepEqual(kinds.map(pickerOf), ['none', 'keys', 'keys', 'chips', 'search', 'search', 'chips', 'search'])
  assert.deepEqual(['a', ' ', '\u200b', '', '⠀', '🌷'].map(faceOf), ['a', '“ ” 2', '“\u200b” 3', '“” 4', '“⠀” 5', '🌷'])
  assert.deepEqual(['7', 'oak', 'ש', 'אברהם'].map(quote), ['7', '“oak”', '\u2068ש\u2069', '“\u2068אברהם\u2069”'])
})
