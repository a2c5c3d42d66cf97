// index.html carries the words of texts/page.js, so that the first paint needs no script: they must not drift apart.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { DIST } from './support.mjs'

test('index.html says what texts/page.js says', async () => {
  const html = await readFile(join(DIST, 'index.html'), 'utf8')
  const { page } = await import(pathToFileURL(join(DIST, 'texts/page.js')))
  const shown = [...html.matchAll(/data-text="(\w+)"[^>]*>([^<]*)</g)]
  const named = [...html.matchAll(/aria-label="([^"]*)"[^>]*data-label="(\w+)"/g)].map(([, text, key]) => [, key, text])
  assert.ok(shown.length > 20)
  for (const [, key, text] of [...shown, ...named]) assert.equal(text, page[key], key)
  const used = new Set([...shown, ...named].map(([, key]) => key))
  for (const key of ['draw', 'stop']) used.add(key)
  assert.deepEqual(Object.keys(page).filter(key => !used.has(key)), [], 'texts that nothing shows')
})
