// Everything that can go wrong on the way says so in the page, and a second try works.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { choose, errors, FILES, notice, openPage, page, pick, pixels, server, settled, setUp, stepsDrawn } from './support.mjs'

const RETRY = '#notice button:has-text("Try again")'

describe('while loading', () => {
  setUp({ page: 'cleared' })

  /** @type {[string, string, import('./support/server.mjs').Fault, RegExp][]} */
  const cases = [
    ['a missing weights file', FILES.weights, { status: 404 }, /base\/unet\/diffusion_pytorch_model\.quantized\.safetensors is missing.*404/],
    ['a server’s refusal', FILES.weights, { status: 503 }, /diffusion_pytorch_model\.quantized\.safetensors could not be loaded.*503/],
    ['a truncated weights file', FILES.weights, { keep: 5000 }, /diffusion_pytorch_model\.quantized\.safetensors is cut short: 5,000 of [\d,]+ bytes/],
    ['a corrupted weights file', FILES.weights, { flip: 4321 }, /diffusion_pytorch_model\.quantized\.safetensors is not the one.*SHA-256/],
    ['a corrupted configuration', 'models/base/unet/config.json', { flip: 3 }, /base\/unet\/config\.json is not the one.*SHA-256/],
    ['a file that is too long', FILES.weights, { prepend: 'x'.repeat(10) }, /diffusion_pytorch_model\.quantized\.safetensors is not the one.*larger/],
    ['a broken connection', FILES.weights, { cut: 5000 }, /connection broke off.*diffusion_pytorch_model\.quantized\.safetensors/],
    ['a missing engine', FILES.engine, { status: 404 }, /engine\/engine-relaxed_bg\.wasm is missing/],
    ['a corrupted engine', FILES.engine, { keep: 1000 }, /engine could not be started.*engine\/engine-relaxed_bg\.wasm/],
    ['a worker that is cut short', 'worker.js', { keep: 2000 }, /worker.*could not be started/],
    ['a manifest that breaks off', FILES.manifest, { cut: 20 }, /connection broke off.*manifest\.json/],
    ['a broken manifest', FILES.manifest, { keep: 20 }, /manifest\.json cannot be used.*JSON/],
    ['a missing worker', 'worker.js', { status: 404 }, /worker.*could not be started/],
  ]
  for (const [title, file, fault, message] of cases) {
    test(`${title}: says so, and a second try works`, async () => {
      server.faults[file] = fault
      await page.goto(server.url)
      assert.match(await notice(page), message)
      await settled(page)
      // What the browser itself says of a file is right; no promise may fail without anybody who waits for it.
      assert.deepEqual(errors.filter(error => !error.startsWith('Failed to load resource')), [])
      delete server.faults[file]
      await page.click(RETRY)
      await settled(page)
      assert.equal(await page.locator('#notice').isHidden(), true)
      assert.equal(await page.locator('#chip').isVisible(), true)
    })
  }

  test('a page that cannot load its own script is not blank, and says so', async () => {
    server.faults['page.js'] = { status: 404 }
    await page.goto(server.url)
    await page.locator('#broken').waitFor({ state: 'visible' })
    assert.match(await page.innerText('h1'), /noise/)
  })

  test('a digit picked before the model is there is drawn when it is', async () => {
    server.faults[FILES.weights] = { delay: 3000 }
    await page.goto(server.url)
    await page.click('#digits [value="5"]')
    assert.match(await page.innerText('#position'), /The 5 will be drawn/)
    await settled(page)
    assert.match(await page.innerText('#position'), /Step 12 of 12/)
  })

  test('a download can be stopped and taken up again', async () => {
    server.faults[FILES.weights] = { delay: 60_000 }
    await page.goto(server.url)
    await page.locator('#overlay').waitFor({ state: 'visible' })
    await page.click('#action')
    await settled(page)
    assert.match(await page.innerText('#position'), /download was stopped/)
    delete server.faults[FILES.weights]
    await page.click('#action')
    await settled(page)
    assert.equal(await page.innerText('#chip'), 'CPU')
  })

  test('WebGPU chosen where there is none: says so, and the model stays', async () => {
    await openPage(page, server.url)
    await choose(page, 'device', 'webgpu')
    assert.match(await notice(page), /Still on the CPU\s+WebGPU is not available/)
    assert.equal(await page.isChecked('#device [value=auto]'), true)
    await pick(page, 7)
    assert.equal(await stepsDrawn(page), 3)
  })

  test('a style that cannot be loaded: says so, and the base still draws', async () => {
    await openPage(page, server.url)
    const style = await page.inputValue('#styles :checked')
    server.faults[`models/lora/${style}/adapter_model.quantized.safetensors`] = { flip: 100 }
    await pick(page, 7)
    await page.click('#lora')
    assert.match(await notice(page), new RegExp(`${style}/adapter_model\\.quantized\\.safetensors.*SHA-256.*base model draws without it`))
    await settled(page)
    assert.equal(await stepsDrawn(page), 3)
    // Another digit: the base draws it, and the style is asked for again.
    await page.click('#digits [value="4"]')
    assert.match(await notice(page), /SHA-256/)
    await settled(page)
    assert.match(await page.getAttribute('#picture-base', 'aria-label'), /^Digit 4 at step 3 of 3/)
    await page.click('#notice button:has-text("Go on without it")')
    await settled(page)
    assert.equal(await page.getAttribute('#lora', 'aria-checked'), 'false')
    assert.equal(await page.locator('#notice').isHidden(), true)
    delete server.faults[`models/lora/${style}/adapter_model.quantized.safetensors`]
    await page.click('#lora')
    await settled(page)
    assert.match(await page.getAttribute('#picture-lora', 'aria-label'), /^Digit 4 at step 3 of 3/)
  })

  test('a mix with a style that cannot be loaded: goes on with the others', async () => {
    await openPage(page, server.url)
    await pick(page, 7)
    server.faults['models/lora/slanted/adapter_model.quantized.safetensors'] = { status: 404 }
    await page.click('#styles [value="*"]')
    assert.match(await notice(page), /slanted.*404/)
    await settled(page)
    assert.equal(await stepsDrawn(page), 3)
    await page.click('#notice button:has-text("Go on without it")')
    await settled(page)
    assert.equal(await page.isChecked('#styles [value=outline]'), true)
    assert.match(await page.getAttribute('#picture-lora', 'aria-label'), /^Digit 7 at step 3 of 3/)
    delete server.faults['models/lora/slanted/adapter_model.quantized.safetensors']
    await page.click('#styles [value="*"]')
    await settled(page)
    assert.equal(await page.innerText('#lora-note'), 'Outline 1.0 + Slanted 0.5')
  })
})

describe('while it runs', () => {
  // The device and a way to crash, within the test's reach.
  const REACH = `{
    const { requestDevice } = globalThis.GPUAdapter?.prototype ?? {}
    if (requestDevice) GPUAdapter.prototype.requestDevice = async function (...args) {
      return (self.testDevice = await requestDevice.apply(this, args))
    }
  }\n`
  setUp({
    webgpu: true,
    site: { faults: { 'worker.js': { prepend: REACH } } },
    prepare: () => openPage(page, server.url, { steps: 1, guidance: 1 }),
  })
  const worker = () => page.workers().at(-1)

  /** Does away with the device or the engine, and waits for the next worker; nothing is said of it meanwhile. */
  const replaced = async end => {
    await page.evaluate(() => {
      window.flashes = 0
      const notice = document.getElementById('notice')
      new MutationObserver(() => (window.flashes += Number(!notice.hidden))).observe(notice, { attributes: true })
    })
    const next = page.waitForEvent('worker')
    await end()
    await next
    await settled(page)
    assert.equal(await page.evaluate(() => window.flashes), 0)
  }
  const loseDevice = () => worker().evaluate(() => self.testDevice.destroy())
  const panic = () =>
    worker().evaluate(() => {
      Promise.reject(new WebAssembly.RuntimeError('unreachable'))
    })

  test('a lost device comes back by itself once, then says so; the CPU takes over on request', async () => {
    await choose(page, 'device', 'webgpu')
    await pick(page, 1)
    const drawn = await pixels(page)
    await replaced(loseDevice)
    assert.equal(await page.innerText('#chip'), 'WebGPU')
    assert.equal(await pixels(page), drawn)
    await loseDevice()
    assert.match(await notice(page), /GPU was lost/)
    await page.click('#notice button:has-text("Use the CPU")')
    await settled(page)
    assert.equal(await page.innerText('#chip'), 'CPU')
    assert.equal(await stepsDrawn(page), 1)
  })

  test('a device lost in the middle of a run: the run is drawn on a new one', async () => {
    await choose(page, 'device', 'webgpu')
    await page.click('#digits [value="1"]')
    await replaced(loseDevice)
    assert.equal(await page.innerText('#chip'), 'WebGPU')
    assert.equal(await stepsDrawn(page), 1)
  })

  test('an engine that panics comes back by itself once, then says so; a second try starts a new one', async () => {
    await replaced(panic)
    assert.equal(await page.textContent('#chip'), 'CPU')
    await panic()
    assert.match(await notice(page), /engine stopped unexpectedly/)
    await page.click(RETRY)
    await settled(page)
    await pick(page, 1)
    assert.equal(await stepsDrawn(page), 1)
  })

  test('what cannot be started again says so', async () => {
    server.faults[FILES.weights] = { status: 404 }
    await panic()
    assert.match(await notice(page), /diffusion_pytorch_model\.quantized\.safetensors is missing/)
    delete server.faults[FILES.weights]
    await page.click(RETRY)
    await settled(page)
    await pick(page, 1)
    assert.equal(await stepsDrawn(page), 1)
  })
})
