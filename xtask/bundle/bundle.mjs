// Makes few files of many: node bundle.mjs DIST. The module, its worker and the page become one script each, with a source map; the Chinese
// texts stay apart, since few ask for them. What begins the downloads stands in the page itself: no request comes before it. What went into them leaves DIST, a copy of www/ with the engine.
// Tests: tests/page/package.test.mjs, modules.test.mjs
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { build } from 'esbuild'

const dist = resolve(process.argv[2])
const { name, version } = JSON.parse(await readFile(join(dist, 'package.json'), 'utf8'))

/** The module alone; the worker, which no script of a page shares anything with; the page, with the module in it: one request less. */
const ENTRIES = ['digit-diffusion.js', 'worker.js', 'page.js']
/** Generated; the tests and benchmarks of the engine alone load it. */
const STAYS = ['engine/engine.js']
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
  logLevel: 'warning',
  metafile: true,
  write: false,
}
/** What goes into the module and the worker decides which release they are; each says it, so that two of different ones are found out. */
async function nameRelease() {
  const inputs = new Set()
  for (const entry of ENTRIES.slice(0, 2)) {
    for (const path of Object.keys((await build({ ...options, entryPoints: [entry] })).metafile.inputs)) inputs.add(path)
  }
  const hash = createHash('sha256')
  for (const path of [...inputs].sort()) hash.update(await readFile(join(dist, path)))
  const path = join(dist, 'release.js')
  const source = await readFile(path, 'utf8')
  if (source.split(PLACEHOLDER).length !== 2) throw new Error(`release.js needs the line \`${PLACEHOLDER.trim()}\` once`)
  await writeFile(path, source.replace(PLACEHOLDER, `export const RELEASE = '${version}+${hash.digest('hex').slice(0, 8)}'\n`))
}

/** Puts a script in the place of the tag that loads it, and allows it by its hash in the page's Content-Security-Policy. */
async function inline(page, script) {
  const path = join(dist, page)
  const { outputFiles, metafile } = await build({ ...options, entryPoints: [script], format: 'iife', splitting: false, sourcemap: false, banner: {} })
  const [source] = outputFiles.map(({ text }) => text.trim())
  if (/<\/script|<!--/i.test(source)) throw new Error(`${script} cannot stand within HTML`)
  const hash = createHash('sha256').update(source).digest('base64')
  const replace = (text, from, to) => {
    if (text.split(from).length !== 2) throw new Error(`${page} needs \`${from}\` once`)
    return text.replace(from, () => to)
  }
  let html = await readFile(path, 'utf8')
  html = replace(html, `<script type="module" src="${script}"></script>`, `<script>${source}</script>`)
  html = replace(html, "script-src 'self'", `script-src 'self' 'sha256-${hash}'`)
  await writeFile(path, html)
  return metafile
}

await nameRelease()
const early = await inline('index.html', 'early.js')
const builds = await Promise.all(ENTRIES.map(entry => build({ ...options, entryPoints: [entry] })))
const outputs = new Map(builds.flatMap(({ outputFiles }) => outputFiles.map(({ path, contents }) => [path, contents])))
for (const metafile of [early, ...builds.map(({ metafile }) => metafile)]) {
  for (const path of Object.keys(metafile.inputs)) if (!STAYS.includes(path)) await rm(join(dist, path), { force: true })
}
for (const [path, contents] of outputs) {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, contents)
}
for (const entry of await readdir(dist, { withFileTypes: true })) {
  if (entry.isDirectory()) await rmdir(join(dist, entry.name)).catch(() => {}) // only what is empty now
}
