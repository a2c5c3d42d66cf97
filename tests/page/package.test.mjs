// dist/ is an npm package: what is in it, how it is found, and how much of it a page loads. What the build makes of the sources.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { importsOf, npm } from './support/package.mjs'
import { DIST } from './support.mjs'

const MODULE_BYTES = 15 * 1024
const WORKER_BYTES = 20 * 1024 // with every sentence that the engine may refuse something with
const SCRIPTS = ['digit-diffusion.js', 'worker.js', 'training.js']
const about = JSON.parse(await readFile(join(DIST, 'package.json'), 'utf8'))

test('npm packs the module, its workers, engine, types and models, and nothing of the page', async () => {
  const [{ files }] = JSON.parse(await npm(DIST, 'pack', '--dry-run', '--json'))
  const folder = async name => (await readdir(join(DIST, name), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/').slice(DIST.length).replace(/^\//, ''))
  const wanted = new Set([
    'package.json', 'README.md', 'LICENSE-APACHE', 'LICENSE-MIT', 'digit-diffusion.d.ts', 'custom-elements.json',
    ...(await folder('types')),
    ...SCRIPTS.flatMap(script => [script, `${script}.map`]),
    ...(await folder('engine')).filter(path => path.endsWith('.wasm')),
    ...(await folder('models')),
  ])
  assert.deepEqual(files.map(({ path }) => path).sort(), [...wanted].sort())
})

test('package.json says what registries and bundlers ask for', async () => {
  assert.equal(about.type, 'module')
  assert.match(about.license, /MIT OR Apache-2\.0/)
  for (const field of ['scripts', 'dependencies', 'devDependencies', 'peerDependencies', 'bin']) assert.equal(field in about, false, field)
  for (const path of [about.types, about.exports['.'].types, about.exports['.'].default, ...about.sideEffects]) {
    assert.ok((await readFile(join(DIST, path))).length, path)
  }
  const cargo = await readFile(new URL('../../Cargo.toml', import.meta.url), 'utf8')
  assert.equal(about.version, /^version = "(.+)"$/m.exec(cargo)[1], 'one version for all')
})

/** What a script imports, statically or not; minified. */
const importsIn = source => [...source.matchAll(/(?:\bfrom|\bimport\(?)\s*["']([^"']+)["']/g)].map(([, path]) => path)
const script = name => readFile(join(DIST, name), 'utf8')

test('the module is one file of at most 15 KB of gzip, its workers of 20; the page is one, and what it loads when it is asked for', async t => {
  const parts = (await readdir(join(DIST, 'page'))).filter(name => name.endsWith('.js')).map(name => `page/${name}`)
  assert.ok(parts.includes('page/zh.js') && parts.length <= 6, String(parts))
  for (const name of [...SCRIPTS, 'page.js', 'teach.js', ...parts]) {
    const imported = importsIn(await script(name)).map(path => posix.join(posix.dirname(name), path))
    assert.deepEqual(imported.filter(path => !/^(page|teach)/.test(name) || ![...parts, 'page.js', 'teach.js'].includes(path)), [], name)
    const bytes = gzipSync(await script(name), { level: 9 }).length
    t.diagnostic(`${name}: ${bytes} bytes of gzip`)
    const most = { 'digit-diffusion.js': MODULE_BYTES, 'worker.js': WORKER_BYTES, 'training.js': WORKER_BYTES }[name]
    if (most) assert.ok(bytes <= most, `${name}: ${bytes} bytes`)
  }
  assert.ok(importsIn(await script('embed.js')).includes('./digit-diffusion.js'), 'the check itself works')
})

test('what went into them is in the site no second time, and their maps name it', async () => {
  const inside = new Set([...(await importsOf('page.js')), ...(await importsOf('worker.js')), ...(await importsOf('training.js')), ...(await importsOf('teach.js'))])
  assert.ok(inside.size > 30)
  for (const path of inside) {
    if ([...SCRIPTS, 'page.js', 'teach.js'].includes(path)) continue
    await assert.rejects(readFile(join(DIST, path)), path)
  }
  const parts = (await readdir(join(DIST, 'page'))).filter(name => name.endsWith('.js')).map(name => `page/${name}`)
  const named = new Set()
  for (const name of [...SCRIPTS, 'page.js', 'teach.js', ...parts]) {
    for (const source of JSON.parse(await script(`${name}.map`)).sources) named.add(posix.join(posix.dirname(name), source))
  }
  inside.delete('teach.js') // it only passes on
  for (const path of inside) assert.ok(named.has(path), `${path} is in no map`)
})

test('workers and WebAssembly are named in the words that bundlers look for, and no worker needs an address of its own', async () => {
  const modules = ['engine', 'training'].flatMap(name => [`engine/${name}_bg.wasm`, `engine/${name}-relaxed_bg.wasm`])
  for (const name of ['worker.js', 'training.js', ...modules]) {
    assert.ok((await script('digit-diffusion.js')).includes(`new URL("./${name}",import.meta.url)`), name)
  }
  for (const name of ['worker.js', 'training.js']) assert.doesNotMatch(await script(name), /import\.meta|\bexport\b\s*\{/, name)
})

test('module and workers are of one release', async () => {
  const releases = await Promise.all([...SCRIPTS, 'page.js'].map(async name => (await script(name)).match(/"(\d+\.\d+\.\d+\+[0-9a-f]{8})"/)?.[1]))
  assert.ok(releases[0]?.startsWith(about.version))
  assert.equal(new Set(releases).size, 1)
})
