// dist/ is an npm package: what is in it, how it is found, and how much of it a page loads.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { importsOf, npm } from './support/package.mjs'
import { DIST } from './support.mjs'

const MODULE_BYTES = 15 * 1024
const about = JSON.parse(await readFile(join(DIST, 'package.json'), 'utf8'))

test('npm packs the module, worker, engine, types and models, and nothing of the page', async () => {
  const [{ files }] = JSON.parse(await npm(DIST, 'pack', '--dry-run', '--json'))
  const folder = async name => (await readdir(join(DIST, name), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/').slice(DIST.length).replace(/^\//, ''))
  const wanted = new Set([
    'package.json', 'README.md', 'LICENSE-APACHE', 'LICENSE-MIT', 'digit-diffusion.d.ts',
    ...(await importsOf('digit-diffusion.js')),
    ...(await importsOf('worker.js')),
    ...(await folder('engine')),
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

test('the module, with all that it imports, is at most 15 KB of gzip', async t => {
  const gzipped = async paths => {
    const sizes = await Promise.all([...paths].map(async path => gzipSync(await readFile(join(DIST, path)), { level: 9 }).length))
    return sizes.reduce((a, b) => a + b)
  }
  const module = await importsOf('digit-diffusion.js')
  const bytes = await gzipped(module)
  const worker = [...(await importsOf('worker.js'))].filter(path => !module.has(path) && !path.startsWith('engine/'))
  t.diagnostic(`${bytes} bytes in ${module.size} files; the worker's own scripts, loaded with the first model, are ${await gzipped(worker)} more`)
  assert.ok(bytes <= MODULE_BYTES, `${bytes} bytes`)
})
