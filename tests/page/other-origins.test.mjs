// The module on pages of others: another origin, a strict Content-Security-Policy, frames.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DIST, errors, freshPage, openPage, page, pick, REPORTS, serve, server, setUp, toggleLora, watchElements } from './support.mjs'

const TAG = '<digit-diffusion label="7" seed="42" steps="2" lora="outline" device="cpu"></digit-diffusion>'
const html = (script, body = TAG) =>
  `<!doctype html><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,"><script type="module" src="${script}"></script><body>${body}`
const frame = (url, attributes = '') => `<!doctype html><title>Test</title><link rel="icon" href="data:,"><iframe width="400" height="400" ${attributes} src="${url}"></iframe>`

/** What README.md names, and what else a page with a style sheet and pictures of its own has. `far` is another origin. */
const policy = (far = '') =>
  `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' ${far}; worker-src 'self' blob:; connect-src 'self' ${far}; ` +
  `style-src 'self'; img-src 'self' data: blob:; manifest-src 'self'; report-uri ${REPORTS}`

let near
let expected // the same picture everywhere
setUp({
  page: 'cleared',
  equip: () => watchElements(page),
  site: { headers: { 'access-control-allow-origin': '*' } },
  async begin() {
    near = await serve({ prefix: '/' })
    await freshPage()
    await watchElements(page)
    server.pages['plain.html'] = html('digit-diffusion.js')
    await page.goto(`${server.url}plain.html`)
    expected = await drawn()
  },
  prepare() {
    for (const { requests, headers } of [near, server]) {
      requests.length = 0
      delete headers['content-security-policy']
    }
  },
})
after(() => near?.close())
const origin = ({ url }) => new URL(url).origin

/** Serves `pages` under the policy, with reports of what it refuses, in workers too. */
const enforce = (site, text = policy()) => {
  site.headers['content-security-policy'] = text
}
const violations = () => [near, server].flatMap(({ reports }) => reports.splice(0))

/** The picture of the element in `where`, once it is drawn; what failed says so at once. */
async function drawn(where = /** @type {import('playwright-core').FrameLocator | import('playwright-core').Page} */ (page)) {
  const element = where.locator('digit-diffusion')
  await where.locator('digit-diffusion[data-drawn], digit-diffusion[data-failed]').waitFor()
  assert.equal(await element.getAttribute('data-failed'), null)
  return element.getAttribute('data-drawn')
}

test('a script tag, everything from another origin', async () => {
  near.pages['page.html'] = html(`${server.url}digit-diffusion.js`)
  await page.goto(`${near.url}page.html`)
  assert.equal(await drawn(), expected)
  assert.deepEqual(near.requests, ['page.html'])
  assert.deepEqual(errors, [])
})

test('the class from another origin, with a model of the page’s own', async () => {
  near.pages['page.html'] = html(`${server.url}digit-diffusion.js`, '')
  await page.goto(`${near.url}page.html`)
  const loaded = await page.evaluate(async url => {
    const { DigitDiffusion } = await import(url)
    const model = await DigitDiffusion.load('models/base/', { device: 'cpu' })
    const { rank } = await model.addAdapter(model.catalog[0].name)
    model.dispose()
    return rank
  }, `${server.url}digit-diffusion.js`)
  assert.ok(loaded > 0)
  assert.ok(near.requests.includes('models/manifest.json'))
  assert.equal(server.requests.some(name => name.startsWith('models/')), false)
  assert.deepEqual(errors, [])
})

test('keeps no address of a Blob', async () => {
  await page.addInitScript(() => {
    const { createObjectURL, revokeObjectURL } = URL
    window.held = new Set()
    window.made = 0
    URL.createObjectURL = blob => {
      const url = createObjectURL.call(URL, blob)
      held.add(url)
      window.made++
      return url
    }
    URL.revokeObjectURL = url => {
      held.delete(url)
      revokeObjectURL.call(URL, url)
    }
  })
  near.pages['page.html'] = html(`${server.url}digit-diffusion.js`)
  await page.goto(`${near.url}page.html`)
  assert.equal(await drawn(), expected)
  assert.deepEqual(await page.evaluate(() => [made, held.size]), [1, 0])
})

test('a host that does not share its files with other origins: the element stays empty, the page goes on', async () => {
  delete server.headers['access-control-allow-origin']
  near.pages['page.html'] = html(`${server.url}digit-diffusion.js`, `${TAG}<p>The page</p>`)
  await page.goto(`${near.url}page.html`)
  server.headers['access-control-allow-origin'] = '*'
  assert.equal(await page.innerText('p'), 'The page')
  assert.equal(await page.evaluate(() => customElements.get('digit-diffusion')), undefined)
})

test('a worker that does not arrive from the other origin is told', async () => {
  server.faults['worker.js'] = { status: 404 }
  near.pages['page.html'] = html(`${server.url}digit-diffusion.js`)
  await page.goto(`${near.url}page.html`)
  await page.waitForSelector('digit-diffusion[data-failed]')
  delete server.faults['worker.js']
  assert.match(await page.getAttribute('digit-diffusion', 'data-failed'), /worker.*could not be started/)
})

test('under a Content-Security-Policy, on its own origin', async () => {
  enforce(near)
  near.pages['page.html'] = html('digit-diffusion.js')
  await page.goto(`${near.url}page.html`)
  assert.equal(await drawn(), expected)
  assert.deepEqual([errors, violations()], [[], []])
})

test('under a Content-Security-Policy, everything from another origin', async () => {
  enforce(near, policy(origin(server)))
  near.pages['page.html'] = html(`${server.url}digit-diffusion.js`)
  await page.goto(`${near.url}page.html`)
  assert.equal(await drawn(), expected)
  assert.deepEqual([errors, violations()], [[], []])
})

test('a policy that forbids WebAssembly is reported, so the check above would see it', async () => {
  enforce(near, policy().replace(" 'wasm-unsafe-eval'", ''))
  near.pages['page.html'] = html('digit-diffusion.js')
  await page.goto(`${near.url}page.html`)
  await page.waitForSelector('digit-diffusion[data-failed]')
  assert.match(await page.getAttribute('digit-diffusion', 'data-failed'), /forbids engine\/engine-relaxed_bg\.wasm: .*'wasm-unsafe-eval'/)
  await near.reported()
  assert.match(violations().join(), /wasm-eval/)
})

test('under a Content-Security-Policy, the whole page', async () => {
  enforce(near)
  await openPage(page, near.url)
  await pick(page, 7)
  await toggleLora(page)
  await page.click('#schedule summary')
  await page.click('#changes summary')
  await page.waitForSelector('#changes-map tbody tr')
  await page.click('#language')
  await page.waitForSelector('html[lang=zh-Hans]')
  assert.deepEqual([errors, violations()], [[], []])
})

test('in a frame on a page of another origin', async () => {
  enforce(server)
  server.pages['framed.html'] = html('digit-diffusion.js')
  near.pages['page.html'] = frame(`${server.url}framed.html`)
  await page.goto(`${near.url}page.html`)
  assert.equal(await drawn(page.frameLocator('iframe')), expected)
  assert.deepEqual([errors, violations()], [[], []])
})

test('in a sandboxed frame, which has no origin at all', async () => {
  enforce(server)
  server.pages['framed.html'] = html('digit-diffusion.js')
  near.pages['page.html'] = frame(`${server.url}framed.html`, 'sandbox="allow-scripts"')
  await page.goto(`${near.url}page.html`)
  assert.equal(await page.frames()[1].evaluate(() => self.origin), 'null')
  assert.equal(await drawn(page.frameLocator('iframe')), expected)
  assert.deepEqual([errors, violations()], [[], []])
})

test('no file of the site has a script or a style inline', async () => {
  const names = (await readdir(DIST)).filter(name => name.endsWith('.html'))
  assert.ok(names.length >= 2)
  for (const name of names) {
    const text = await readFile(join(DIST, name), 'utf8')
    assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:/i, name)
  }
})
