// What a strict site can set, one policy after the other: the element draws, or it says what stands in its way. docs/embedding.md has the table.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { DIST, errors, freshPage, launch, page, serve, server, setUp, watchElements } from './support.mjs'

const TAG = '<digit-diffusion label="7" seed="42" steps="2" lora="outline" device="cpu"></digit-diffusion>'
const html = (script, attributes = '') =>
  `<!doctype html><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,"><script type="module" src="${script}" ${attributes}></script><body>${TAG}`

let far // another origin, which shares its files
let expected
setUp({
  async begin() {
    far = await serve({ headers: { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' } })
    await freshPage()
    await watchElements(page)
    server.pages['page.html'] = html('digit-diffusion.js')
    expected = await look()
  },
  async prepare() {
    server.pages['page.html'] = html('digit-diffusion.js')
    server.only = {}
    for (const name of Object.keys(server.headers)) delete server.headers[name]
    await watchElements(page)
  },
})
after(() => far?.close())
const origin = ({ url }) => new URL(url).origin

/** The picture of the page's element, or what it said. */
async function look(url = `${server.url}page.html`) {
  await page.goto(url)
  const element = page.locator('digit-diffusion[data-drawn], digit-diffusion[data-failed]')
  await element.waitFor({ timeout: 20_000 })
  return (await element.getAttribute('data-failed')) ?? (await element.getAttribute('data-drawn'))
}
async function draws() {
  assert.equal(await look(), expected)
  assert.deepEqual(errors, [])
}
/** Headers for every file, or for one alone. */
const send = (headers, name) => Object.assign(name ? (server.only[name] ??= {}) : server.headers, headers)
const csp = (text, name) => send({ 'content-security-policy': text }, name)

const OWN = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:"
/** @type {[string, Record<string, string>, string?][]} */
const letThrough = [
  ['the policy of the README, for the page’s own origin', { 'content-security-policy': OWN }],
  ['nothing but default-src', { 'content-security-policy': "default-src 'self' 'wasm-unsafe-eval'; img-src data:" }],
  ['unsafe-eval in place of wasm-unsafe-eval', { 'content-security-policy': "default-src 'self' 'unsafe-eval'; img-src data:" }],
  ['child-src in place of worker-src', { 'content-security-policy': OWN.replace('worker-src', 'child-src') }],
  ['script-src in place of worker-src', { 'content-security-policy': OWN.replace("worker-src 'self'; ", '') }],
  ['style-src none', { 'content-security-policy': `${OWN}; style-src 'none'; font-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; upgrade-insecure-requests` }],
  ['Trusted Types with the module’s policy', { 'content-security-policy': `${OWN}; require-trusted-types-for 'script'; trusted-types digit-diffusion` }],
  ['Trusted Types with whatever policy', { 'content-security-policy': `${OWN}; require-trusted-types-for 'script'` }],
  ['a list of policies alone', { 'content-security-policy': `${OWN}; trusted-types digit-diffusion 'allow-duplicates'` }],
  ['isolation, from a host that sends it with every file', { 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-opener-policy': 'same-origin', 'cross-origin-resource-policy': 'same-origin' }],
  ['isolation without credentials', { 'cross-origin-embedder-policy': 'credentialless', 'cross-origin-opener-policy': 'same-origin' }],
  ['COEP with the page alone', { 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-opener-policy': 'same-origin' }, 'page.html'],
  ['COEP credentialless with the page alone', { 'cross-origin-embedder-policy': 'credentialless' }, 'page.html'],
  ['COOP alone', { 'cross-origin-opener-policy': 'same-origin' }],
  ['no referrer', { 'referrer-policy': 'no-referrer' }],
  ['no permission for anything', { 'permissions-policy': 'accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), fullscreen=(), geolocation=(), microphone=(), storage-access=(), sync-xhr=(), usb=()' }],
  ['a document policy', { 'document-policy': 'document-write=?0, js-profiling=?0' }],
  ['no sniffing', { 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'origin-agent-cluster': '?1' }],
  ['an origin of its own, by the sandbox directive', { 'content-security-policy': 'sandbox allow-scripts', 'access-control-allow-origin': '*' }],
]

describe('draws, with no word in the console', () => {
  for (const [title, headers, name] of letThrough) {
    test(title, async () => {
      send(headers, name)
      await draws()
    })
  }

  test('a nonce and strict-dynamic', async () => {
    csp("script-src 'nonce-abc' 'strict-dynamic' 'wasm-unsafe-eval'; worker-src 'self'; object-src 'none'; base-uri 'none'", 'page.html')
    server.pages['page.html'] = html('digit-diffusion.js', 'nonce="abc"')
    await draws()
  })

  test('a hash of the script’s content', async () => {
    const { createHash } = await import('node:crypto')
    const digest = createHash('sha384').update(await readFile(join(DIST, 'digit-diffusion.js'))).digest('base64')
    csp(`script-src 'sha384-${digest}' 'wasm-unsafe-eval'; worker-src 'self'`, 'page.html')
    server.pages['page.html'] = html('digit-diffusion.js', `integrity="sha384-${digest}"`)
    await draws()
  })

  test('everything from another origin, under isolation and Trusted Types', async () => {
    csp(`default-src 'none'; script-src ${origin(far)} 'wasm-unsafe-eval'; worker-src blob:; connect-src ${origin(far)}; img-src data:; require-trusted-types-for 'script'; trusted-types digit-diffusion`)
    send({ 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-opener-policy': 'same-origin' })
    server.pages['page.html'] = html(`${far.url}digit-diffusion.js`)
    await draws()
  })

  for (const device of ['auto', 'cpu', 'webgpu']) {
    test(`in a sandboxed frame, on ${device}`, async () => {
      const gpu = await launch({ webgpu: true }) // in software
      await freshPage({}, gpu)
      await watchElements(page)
      send({ 'access-control-allow-origin': '*' })
      server.pages['page.html'] = `<!doctype html><link rel="icon" href="data:,"><iframe sandbox="allow-scripts" width="400" height="400" src="framed.html"></iframe>`
      server.pages['framed.html'] = html('digit-diffusion.js').replace('device="cpu"', `device="${device}"`)
      await page.goto(`${server.url}page.html`)
      const element = page.frameLocator('iframe').locator('digit-diffusion[data-drawn], digit-diffusion[data-failed]')
      await element.waitFor({ timeout: 120_000 })
      const [failed, drawn] = [await element.getAttribute('data-failed'), await element.getAttribute('data-drawn')]
      await gpu.close()
      await freshPage()
      // Its worker is no secure context, and has no WebGPU: that is said, not another reason.
      if (device === 'webgpu') assert.match(failed, /WebGPU is not available: .*no sandboxed frame/)
      else assert.deepEqual([failed, drawn], [null, expected])
    })
  }

  test('storage that is denied', async () => {
    await page.addInitScript(() => Object.defineProperty(window, 'localStorage', { get: () => { throw new DOMException('denied', 'SecurityError') } }))
    await draws()
  })
})

describe('says what stands in its way', () => {
  /** @type {[string, Record<string, string>, RegExp][]} */
  const refused = [
    ['worker-src none', { 'content-security-policy': OWN.replace("worker-src 'self'", "worker-src 'none'") }, /forbids worker\.js: .*needs 'self' in worker-src/],
    ['no WebAssembly in script-src', { 'content-security-policy': OWN.replace(" 'wasm-unsafe-eval'", '') }, /forbids engine\/engine-relaxed_bg\.wasm: .*needs 'wasm-unsafe-eval' in script-src/],
    ['connect-src none', { 'content-security-policy': OWN.replace("connect-src 'self'", "connect-src 'none'") }, /forbids .+: .*needs http.+ in connect-src/],
    ['no connect-src beside default-src none', { 'content-security-policy': OWN.replace("connect-src 'self'; ", '') }, /forbids .+: .*needs http.+ in connect-src/],
    ['Trusted Types that know no policy of this name', { 'content-security-policy': `${OWN}; require-trusted-types-for 'script'; trusted-types 'none'` }, /needs digit-diffusion in trusted-types/],
  ]
  for (const [title, headers, sentence] of refused) {
    test(title, async () => {
      send(headers)
      assert.match(await look(), sentence)
    })
  }

  test('no WebAssembly, as in Lockdown Mode', async () => {
    const locked = await launch({ args: ['--js-flags=--jitless'] })
    await freshPage({}, locked)
    await watchElements(page)
    const said = await look()
    await locked.close()
    await freshPage()
    assert.match(said, /WebAssembly is switched off/)
    assert.doesNotMatch(said, /too old/)
  })

  test('a host that answers every address with its page: for the models, an adapter, the worker', async () => {
    const spa = '<!doctype html><title>An app</title>'
    for (const name of ['models/base/digit_diffusion.json', 'models/base/unet/config.json', 'models/base/unet/diffusion_pytorch_model.safetensors', 'models/base/scheduler/scheduler_config.json']) server.pages[name] = spa
    assert.match(await look(), /is missing: a web page came instead/)
    server.pages['models/manifest.json'] = spa
    assert.match(await look(), /models are not at http.*a web page came instead.*DigitDiffusion\.load/)
    for (const name of Object.keys(server.pages)) if (name.startsWith('models/')) delete server.pages[name]
    server.pages['models/lora/outline/adapter_config.json'] = spa
    assert.match(await look(), /outline\/adapter_config\.json.*a web page came instead/)
    delete server.pages['models/lora/outline/adapter_config.json']
    server.pages['worker.js'] = spa
    server.only['worker.js'] = { 'content-type': 'text/html' }
    const said = await look()
    delete server.pages['worker.js']
    assert.match(said, /could not be started: a web page came instead of its script, http/)
  })

  test('the page opened as a file: it says why, and how else', async () => {
    await page.goto(pathToFileURL(join(DIST, 'index.html')).href)
    assert.match(await page.innerText('#as-file'), /opened as a file/)
    assert.equal(await page.locator('#broken').isHidden(), true)
  })

  test('a worker that is missing', async () => {
    server.faults['worker.js'] = { status: 404 }
    assert.match(await look(), /could not be started: the server answered 404 for its script, http/)
  })
})
