// dist/ as others get it: packed by npm, installed into a project of its own.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DIST } from './server.mjs'

const run = promisify(execFile)
const windows = process.platform === 'win32'

/** What npm prints; it rejects with what npm complained of. */
export const npm = async (cwd, ...args) => (await run(windows ? 'npm.cmd' : 'npm', [...args, '--loglevel=error'], { cwd, shell: windows, maxBuffer: 1 << 26 })).stdout

/** Runs a script of a package in Node, as its command would; `output` is what it said, whether it succeeded or not. */
export async function runScript(script, args, cwd) {
  try {
    const { stdout, stderr } = await run(process.execPath, [script, ...args], { cwd, maxBuffer: 1 << 26 })
    return { ok: true, output: stdout + stderr }
  } catch ({ stdout, stderr, message }) {
    return { ok: false, output: stdout + stderr || message }
  }
}

/**
 * A fresh folder with the package in its node_modules.
 * @returns {Promise<{ folder: string, remove: () => Promise<void> }>}
 */
export async function projectWithPackage() {
  const folder = await mkdtemp(join(tmpdir(), 'digit-diffusion-'))
  const [{ filename }] = JSON.parse(await npm(DIST, 'pack', '--json', '--pack-destination', folder))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  await npm(folder, 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, filename))
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

const IMPORT = /^(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"](\.[^'"]+)['"]/gm

/** The site's sources, of which the build makes dist/. */
export const WWW = fileURLToPath(new URL('../../../www', import.meta.url))

/** What a script of www/ imports itself, as paths within www/. @param {string} path */
export const importsWithin = async path =>
  [...(await readFile(join(WWW, path), 'utf8')).matchAll(IMPORT)].map(([, imported]) => posix.join(posix.dirname(path), imported))

/** A script of www/ with all that it imports, as paths within www/. @param {string} path */
export async function importsOf(path, found = new Set()) {
  if (found.has(path) || path.startsWith('engine/')) return found // generated
  found.add(path)
  for (const imported of await importsWithin(path)) await importsOf(imported, found)
  return found
}
