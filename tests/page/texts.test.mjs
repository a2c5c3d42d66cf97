// index.html carries the words of texts/page.js, so that the first paint needs no script: they must not drift apart. Nor
// may the translation.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { WWW } from './support/package.mjs'
import { DIST } from './support.mjs'

const texts = name => import(pathToFileURL(join(WWW, `texts/${name}.js`)).href)

test('index.html says what texts/page.js says', async () => {
  const html = await readFile(join(DIST, 'index.html'), 'utf8')
  const { page, live } = await texts('page')
  const shown = [...html.matchAll(/data-text="(\w+)"[^>]*>([^<]*)</g)]
  const named = [...html.matchAll(/aria-label="([^"]*)"[^>]*data-label="(\w+)"/g)].map(([, text, key]) => ['', key, text])
  const pictured = [...html.matchAll(/alt="([^"]*)"[^>]*data-alt="(\w+)"/g)].map(([, text, key]) => ['', key, text])
  assert.ok(shown.length > 20 && pictured.length)
  for (const [, key, text] of [...shown, ...named, ...pictured]) assert.equal(text, page[key], key)
  const used = new Set([...shown, ...named, ...pictured].map(([, key]) => key))
  for (const key of ['draw', 'stop']) used.add(key)
  assert.deepEqual(Object.keys(page).filter(key => !used.has(key)), [], 'texts that nothing shows')
  assert.ok(html.includes(`<meta name="description" content="${live.description}">`))
})

test('the Chinese texts are all there, each taking what the English one takes', async () => {
  const [page, module, zh] = [await texts('page'), await texts('module'), await texts('zh')]
  const { DIGITS, forms, wordsOf } = await import(pathToFileURL(join(WWW, 'words.js')).href)
  const shape = value =>
    typeof value === 'function' ? value.length : typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([key, value]) => [key, shape(value)])) : 'text'
  const open = { styleTitles: null } // titles come from the manifest; a translation may know some
  assert.deepEqual(shape(zh.samplers), shape(page.samplers))
  const [network, networkInChinese] = [await texts('network'), await texts('network-zh')]
  const [teach, teachInChinese] = [await texts('teach'), await texts('teach-zh')]
  for (const words of [DIGITS, wordsOf({ labels: ['face'], adapters: [] }), wordsOf({ labels: Array.from('abc'), noun: { one: 'leaf', many: 'leaves' } })]) {
    const [english, chinese] = [page, zh].map(({ textsOf }) => textsOf(words, forms))
    assert.deepEqual(shape(chinese.page), shape(english.page))
    assert.deepEqual({ ...shape(chinese.live), ...open }, { ...shape(english.live), ...open })
    assert.deepEqual(shape(networkInChinese.networkOf(words)), shape(network.networkOf(words)))
    assert.deepEqual(shape(teachInChinese.teachOf(words, forms)), shape(teach.teachOf(words, forms)))
  }
  const { page: embed } = await texts('embed-zh')
  const html = await readFile(join(DIST, 'embed.html'), 'utf8')
  const named = [...html.matchAll(/data-text="(\w+)"/g)].map(([, key]) => key)
  assert.deepEqual(Object.keys(embed).filter(key => key !== 'description').sort(), named.sort(), 'embed.html')
  const refusals = await Promise.all(['engine', 'drawing', 'training'].map(async name => (await texts(name)).refusals))
  const engine = { refusals: Object.assign({}, ...refusals) }
  for (const [name, { [name]: english }] of Object.entries({ errors: module, refusals: engine, backend: module, noWebGpu: module }))
    assert.deepEqual(Object.keys(zh[name]).sort(), Object.keys(english).sort(), name)
})
