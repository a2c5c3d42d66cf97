// A Vite project without a configuration: the package from npm's tarball, built, and served as it is while one works on it.
import assert from 'node:assert/strict'
import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build, createServer } from 'vite'
import { projectWithPackage } from './support/package.mjs'
import { errors, freshPage, page, serve, setUp } from './support.mjs'

// What README.md names, and no more.
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; style-src 'self'; img-src data:"

let project
setUp({ site: false, page: 'none' })
before(async () => {
  project = await projectWithPackage()
  await cp(fileURLToPath(new URL('fixtures/vite', import.meta.url)), project.folder, { recursive: true })
  await cp(join(project.folder, 'node_modules/digit-diffusion/models'), join(project.folder, 'public/models'), { recursive: true })
})
after(() => project?.remove())

/** Opens the project and waits for its two pictures: the element's, and that of the class. */
async function draws(url) {
  await freshPage()
  await page.goto(url)
  await page.waitForSelector('digit-diffusion[data-done]')
  await page.waitForSelector('canvas[data-done]')
  const [element, own] = await page.evaluate(() => {
    const pixels = canvas => String(canvas.getContext('2d').getImageData(0, 0, 28, 28).data)
    return [document.querySelector('digit-diffusion').shadowRoot.querySelector('canvas'), document.querySelector('canvas')].map(pixels)
  })
  assert.equal(element, own)
  assert.ok(new Set(own.split(',')).size > 20, 'a picture, not an empty canvas')
  assert.deepEqual(errors, [])
}

test('vite build: the page draws under the Content-Security-Policy', async () => {
  await build({ root: project.folder, configFile: false, logLevel: 'error' })
  const files = await readdir(join(project.folder, 'dist/assets'))
  assert.deepEqual(files.map(name => name.replace(/-[\w-]{8}\./, '.')).sort(), ['engine-relaxed_bg.wasm', 'engine_bg.wasm', 'index.js', 'training-relaxed_bg.wasm', 'training.js', 'training_bg.wasm', 'worker.js'])
  const server = await serve({ root: join(project.folder, 'dist'), prefix: '/', headers: { 'content-security-policy': POLICY } })
  await draws(server.url)
  await server.close()
})

test('vite: so it does while one works on it', async () => {
  const server = await createServer({ root: project.folder, configFile: false, logLevel: 'error', server: { host: '127.0.0.1', port: 0 } })
  await server.listen()
  await draws(server.resolvedUrls.local[0])
  await server.close()
})
