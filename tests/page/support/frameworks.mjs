// Projects of others: frameworks/NAME, with its own packages and ours from npm's tarball; and what each of them must do in a browser.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { npm, runScript } from './package.mjs'
import { fingerprint } from './pictures.mjs'
import { DIST } from './server.mjs'
import { errors, freshPage, page } from './setup.mjs'

const run = promisify(execFile)

/** The text of a file, or undefined. */
const textOf = (/** @type {string} */ path) => readFile(path, 'utf8').catch(() => undefined)

/**
 * The project, with the packages of its lockfile (installed once) and dist/ as npm packs it. Models stand in public/, as Vite has it.
 * @param {string} name
 */
export async function project(name) {
  const folder = fileURLToPath(new URL(`../frameworks/${name}`, import.meta.url))
  const modules = join(folder, 'node_modules')
  const lock = await readFile(join(folder, 'package-lock.json'), 'utf8')
  if ((await textOf(join(modules, '.installed'))) !== lock) {
    await npm(folder, 'ci', '--ignore-scripts', '--no-audit', '--no-fund')
    await writeFile(join(modules, '.installed'), lock)
  }
  const packed = await mkdtemp(join(tmpdir(), 'digit-diffusion-'))
  const [{ filename }] = JSON.parse(await npm(DIST, 'pack', '--json', '--pack-destination', packed))
  await run('tar', ['-xzf', filename], { cwd: packed })
  await rm(join(modules, 'digit-diffusion'), { recursive: true, force: true })
  await cp(join(packed, 'package'), join(modules, 'digit-diffusion'), { recursive: true })
  await rm(packed, { recursive: true })
  for (const made of ['dist', 'dist-server', 'public/models', 'node_modules/.vite']) await rm(join(folder, made), { recursive: true, force: true })
  await mkdir(join(folder, 'public'), { recursive: true })
  await cp(join(modules, 'digit-diffusion/models'), join(folder, 'public/models'), { recursive: true })
  /** Runs a command of one of its packages; fails with what that says. @param {string} script @param {string[]} args */
  const command = async (script, ...args) => {
    const { ok, output } = await runScript(join(modules, script), args, folder)
    assert.ok(ok, output)
    return output
  }
  return { folder, command }
}

/** Builds it by its own Vite, for the browser, and for a server where it has one. @param {Awaited<ReturnType<typeof project>>} project */
export async function buildWithVite({ folder, command }, { server = '' } = {}) {
  await command('vite/bin/vite.js', 'build', '--logLevel', 'error')
  if (!server) return
  await command('vite/bin/vite.js', 'build', '--ssr', server, '--outDir', 'dist-server', '--logLevel', 'error')
  const { render } = await import(pathToFileURL(join(folder, 'dist-server', server.replace(/^.*\//, '').replace(/\.\w+$/, '.js'))).href)
  const html = await readFile(join(folder, 'dist/index.html'), 'utf8')
  assert.match(html, /<!--app-->/)
  await writeFile(join(folder, 'dist/server.html'), html.replace('<!--app-->', await render()))
}

/** The fingerprint of the element's picture. */
export const picture = async () =>
  fingerprint(
    await page.evaluate(() => {
      const canvas = document.querySelector('digit-diffusion').shadowRoot.querySelector('canvas')
      return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]
    }),
  )

/** What a page without any framework draws, at these strengths. @param {import('./server.mjs').Server} server with dist/ */
export async function pictures(server, scales = [0.8, 0.4]) {
  await freshPage()
  await page.goto(`${server.url}blank.html`)
  /** @type {string[]} */
  const drawn = []
  for (const scale of scales) {
    await page.evaluate(async scale => {
      await import(new URL('digit-diffusion.js', location.href).href)
      const element = Object.assign(document.createElement('digit-diffusion'), { label: '7', seed: 42, steps: 2, lora: 'outline', loraScale: scale, device: 'cpu' })
      const done = new Promise(resolve => element.addEventListener('done', resolve))
      document.body.replaceChildren(element)
      await done
    }, scale)
    drawn.push(await picture())
  }
  return drawn
}

/**
 * What every project does: it draws a 7 at strength 0.8 and hears of it; a button changes the strength, another draws a picture with
 * the model that the load event brought, which it keeps in the framework's own state, a third takes the element away and brings it back.
 * @param {string} url @param {string[]} wanted what `pictures` made
 */
export async function drive(url, [first, second], { late = false } = {}) {
  await freshPage()
  page.setDefaultTimeout(120_000)
  /** @type {string[]} */
  const warnings = []
  page.on('console', message => message.type() === 'warning' && warnings.push(message.text()))
  await page.goto(late ? `${url}#late` : url)
  if (late) {
    await page.waitForFunction(() => /drawn from noise/.test(document.querySelector('digit-diffusion')?.shadowRoot?.querySelector('canvas').ariaLabel))
    await page.evaluate(() => window.hydrate())
  }
  const heard = (/** @type {number} */ times) => page.waitForFunction(times => document.querySelector('#done')?.textContent.trim() === String(times), times)
  await heard(1)
  assert.equal(await picture(), first)
  await page.click('#scale')
  await heard(2)
  assert.equal(await picture(), second)
  await page.click('#sample')
  await page.waitForFunction(() => document.querySelector('#sampled').textContent.trim() === 'cpu 2')
  const gone = page.workers()[0].waitForEvent('close')
  await page.click('#toggle')
  await gone
  assert.equal(await page.locator('digit-diffusion').count(), 0)
  await page.click('#toggle')
  await heard(3)
  assert.equal(await picture(), second)
  assert.deepEqual({ errors, warnings }, { errors: [], warnings: [] })
}
