// Makes few files of many: node bundle.mjs DIST. The module, its workers and the page become one script each, with a source map; the Chinese
// texts stay apart, since few ask for them. What went into them leaves DIST, a copy of www/ with the engine.
// Tests: tests/page/package.test.mjs, modules.test.mjs
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { fillWords } from './words.mjs'

const dist = resolve(process.argv[2])
const { name, version } = JSON.parse(await readFile(join(dist, 'package.json'), 'utf8'))

/**
 * The module alone; its workers, which no script of a page shares anything with; the page, with the module in it: one request less; what
 * begins the downloads before the page's script is there; what the page fetches when somebody teaches the model.
 */
const ENTRIES = ['digit-diffusion.js', 'worker.js', 'training.js', 'page.js', 'early.js', 'teach.js']
/** Generated; the tests and benchmarks of the engine alone load it. */
const STAYS = ['engine/engine.js', 'engine/training.js']
/** The line of www/release.js in whose place the release is put. */
const PLACEHOLDER = "export const RELEASE = 'sources'\n"

const options = {
  absWorkingDir: dist,
  outdir: dist,
  bundle: true,
  format: 'esm',
  target: 'esnext', // the sources are for the browsers that the page is for
  charset: 'utf8',
  minify: true,
  sourcemap: 'linked',
  legalComments: 'none',
  banner: { js: `/*! ${name} ${version}, MIT OR Apache-2.0 */` },
  splitting: true,
  chunkNames: 'page/[name]',
  external: ['./teach.js'], // a script of its own
  logLevel: 'warning',
  metafile: true,
  write: false,
}
/** What goes into the module and its workers decides which release they are; each says it, so that two of different ones are found out. */
async function nameRelease() {
  const inputs = new Set()
  for (const entry of ENTRIES.slice(0, 3)) {
    for (const path of Object.keys((await build({ ...options, entryPoints: [entry] })).metafile.inputs)) inputs.add(path)
  }
  const hash = createHash('sha256')
  for (const path of [...inputs].sort()) hash.update(await readFile(join(dist, path)))
  const path = join(dist, 'release.js')
  const source = await readFile(path, 'utf8')
  if (source.split(PLACEHOLDER).length !== 2) throw new Error(`release.js needs the line \`${PLACEHOLDER.trim()}\` once`)
  await writeFile(path, source.replace(PLACEHOLDER, `export const RELEASE = '${version}+${hash.digest('hex').slice(0, 8)}'\n`))
}

await nameRelease()
await fillWords(dist)
const builds = await Promise.all(ENTRIES.map(entry => build({ ...options, entryPoints: [entry] })))
const outputs = new Map(builds.flatMap(({ outputFiles }) => outputFiles.map(({ path, contents }) => [path, contents])))
for (const { metafile } of builds) {
  for (const path of Object.keys(metafile.inputs)) if (!STAYS.includes(path)) await rm(join(dist, path), { force: true })
}
for (const [path, contents] of outputs) {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, contents)
}
// What the page shares with a part that comes later is a file of its own: asked for at once, not after the page's script.
const SCRIPT = '<script type="module" src="page.js"></script>\n'
const { outputs: made } = builds[ENTRIES.indexOf('page.js')].metafile
const shared = made['page.js'].imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => path)
const html = await readFile(join(dist, 'index.html'), 'utf8')
if (html.split(SCRIPT).length !== 2) throw new Error(`index.html needs the line \`${SCRIPT.trim()}\` once`)
const links = shared.map(path => `<link rel="modulepreload" href="${path}">\n    `).join('')
await writeFile(join(dist, 'index.html'), html.replace(SCRIPT, links + SCRIPT))
const folders = (await readdir(dist, { withFileTypes: true, recursive: true })).filter(entry => entry.isDirectory()).map(entry => join(entry.parentPath, entry.name))
for (const folder of folders.sort().reverse()) await rmdir(folder).catch(() => {}) // only what is empty now
