// Projects of others, bundlers/NAME: with the packages of their lockfile, ours as npm packs it, and the lines that its README gives.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { npm, runScript } from './package.mjs'
import { fingerprint } from './pictures.mjs'
import { DIST } from './server.mjs'
import { errors, freshPage, page, server } from './setup.mjs'

const run = promisify(execFile)

/** The code blocks of a section of the package's README, by its heading. @param {string} heading */
export async function linesOf(heading) {
  const text = await readFile(join(DIST, 'README.md'), 'utf8')
  const section = text.split(/^#+ /m).find(section => section.startsWith(`${heading}\n`))
  assert.ok(section, `README.md has no section "${heading}"`)
  const blocks = [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, lines]) => ({ language, lines }))
  assert.ok(blocks.length, `"${heading}" has no code`)
  return blocks
}

/** Keeps a project for this process: suites run beside each other. @param {string} folder */
async function keep(folder) {
  const path = join(folder, '.held')
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' })
      process.once('exit', () => rmSync(path, { force: true }))
      return
    } catch {
      const holder = Number(await readFile(path, 'utf8').catch(() => ''))
      if (holder === process.pid) return
      try {
        process.kill(holder, 0) // only asks whether it is there
        await new Promise(resolve => setTimeout(resolve, 500))
      } catch {
        await rm(path, { force: true })
      }
    }
  }
}

/** The project, built by nobody yet. @param {string} name */
export async function project(name) {
  const folder = fileURLToPath(new URL(`../bundlers/${name}`, import.meta.url))
  const modules = join(folder, 'node_modules')
  const lock = await readFile(join(folder, 'package-lock.json'), 'utf8')
  await keep(folder)
  if ((await readFile(join(modules, '.installed'), 'utf8').catch(() => '')) !== lock) {
    await npm(folder, 'ci', '--ignore-scripts', '--no-audit', '--no-fund')
    await writeFile(join(modules, '.installed'), lock)
  }
  const packed = await mkdtemp(join(tmpdir(), 'digit-diffusion-'))
  const [{ filename }] = JSON.parse(await npm(DIST, 'pack', '--json', '--pack-destination', packed))
  await run('tar', ['-xzf', filename], { cwd: packed })
  await rm(join(modules, 'digit-diffusion'), { recursive: true, force: true })
  await cp(join(packed, 'package'), join(modules, 'digit-diffusion'), { recursive: true })
  await rm(packed, { recursive: true })
  for (const made of ['dist', 'public/models', 'public/digit-diffusion', '.parcel-cache']) await rm(join(folder, made), { recursive: true, force: true })
  await mkdir(join(folder, 'public'), { recursive: true })
  /** Runs the command of one of its packages; fails with what that says. @param {string} script @param {string[]} args */
  const command = async (script, ...args) => {
    const { ok, output } = await runScript(join(modules, script), args, folder)
    assert.ok(ok, output)
    return output
  }
  /** Runs lines as somebody types them, who has the commands of the packages. @param {string} lines */
  const shell = lines => run('sh', ['-ec', lines], { cwd: folder, env: { ...process.env, PATH: `${join(modules, '.bin')}:${process.env.PATH}` } })
  return { folder, command, shell }
}

/**
 * Starts a server of one of its packages, which says its address, until `stop` is called.
 * @param {{ folder: string }} project @param {string} script @param {string[]} args
 */
export async function startServer({ folder }, script, ...args) {
  const child = spawn(process.execPath, [join(folder, 'node_modules', script), ...args], { cwd: folder, env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' } })
  let said = ''
  const url = await new Promise((resolve, reject) => {
    const hear = (/** @type {Buffer} */ text) => {
      said += text
      const found = /http:\/\/(?:localhost|127\.0\.0\.1):(\d+)/.exec(said)
      if (found) resolve(`http://127.0.0.1:${found[1]}/`)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('exit', () => reject(new Error(said)))
  })
  const stop = () =>
    new Promise(resolve => {
      child.removeAllListeners('exit')
      child.on('exit', resolve)
      child.kill()
    })
  return { url, stop }
}

const pixelsOf = () =>
  page.evaluate(() => {
    const pixels = canvas => String(canvas.getContext('2d').getImageData(0, 0, 28, 28).data)
    return [document.querySelector('digit-diffusion').shadowRoot.querySelector('canvas'), document.querySelector('canvas')].map(pixels)
  })

/** The fingerprint of what a page without a bundler draws: what each must draw. */
export async function plainPicture() {
  await freshPage()
  await page.goto(`${server.url}blank.html`)
  return fingerprint(
    await page.evaluate(async () => {
      const { DigitDiffusion } = await import(new URL('digit-diffusion.js', location.href).href)
      const model = await DigitDiffusion.load('models/base/', { device: 'cpu' })
      await model.addAdapter('outline')
      let last
      for await (const { image } of model.sample({ label: 7, seed: 42, steps: 2, adapters: { outline: 1 } })) last = image
      model.dispose()
      return String(last.data)
    }),
  )
}

/** Opens a project's page, and waits for its two pictures: the element's, and that of the class. @param {string} url @param {string} expected */
export async function draws(url, expected) {
  await freshPage()
  await page.goto(url)
  await page.waitForSelector('digit-diffusion[data-done]', { timeout: 120_000 }).catch(() => assert.fail(`the element has drawn nothing: ${errors.join('\n')}`))
  await page.waitForSelector('canvas[data-done]')
  assert.deepEqual((await pixelsOf()).map(fingerprint), [expected, expected])
  assert.deepEqual(errors, [])
}
