// The site's scripts as modules: no circle between them, none that nothing loads, and each says where its tests are.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { importsOf, importsWithin, WWW } from './support/package.mjs'

const scripts = (await readdir(WWW, { recursive: true, withFileTypes: true }))
  .filter(entry => entry.isFile() && entry.name.endsWith('.js'))
  .map(entry => posix.join(entry.parentPath.slice(WWW.length).replaceAll('\\', '/'), entry.name).replace(/^\//, ''))
  .filter(path => !path.startsWith('engine/'))
const text = path => readFile(join(WWW, path), 'utf8')

test('no circle', async () => {
  const done = new Set()
  const visit = async (path, way) => {
    assert.ok(!way.includes(path), [...way, path].join(' → '))
    if (done.has(path) || path.startsWith('engine/')) return
    for (const imported of await importsWithin(path)) await visit(imported, [...way, path])
    done.add(path)
  }
  for (const path of scripts) await visit(path, [])
})

test('every module is loaded by something', async () => {
  const loaded = new Set()
  // By a page, as a worker, by import(), or as an example of embed.html.
  for (const path of ['page.js', 'early.js', 'embed.js', 'worker.js', 'training.js', 'sw.js', 'guard.js', 'texts/zh.js', 'texts/embed-zh.js', 'texts/network-zh.js', 'teach.js', 'texts/teach-zh.js', 'page/network-diagram.js', 'page/label-search.js']) await importsOf(path, loaded)
  assert.deepEqual(scripts.filter(path => !loaded.has(path) && !path.startsWith('embed/')), [])
})

test('each script names its tests', async () => {
  const tests = await readdir(fileURLToPath(new URL('.', import.meta.url)))
  for (const path of scripts.filter(path => !path.startsWith('embed/'))) {
    const named = /^\/\/ Tests: tests\/page\/(.+)$/m.exec(await text(path))?.[1].split(', ')
    assert.ok(named, `${path} has no line "// Tests: tests/page/…"`)
    for (const name of named) assert.ok(tests.includes(name), `${path}: there is no tests/page/${name}`)
  }
})
