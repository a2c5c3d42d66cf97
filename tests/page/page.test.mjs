// The path of a visitor, whole, on each backend: pick a digit, watch it finish, flip LoRA, flip it back.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { choose, errors, openPage, page, pick, pixels, server, set, settled, setUp, stepsDrawn, toggleLora, until } from './support.mjs'

const BACKENDS = [
  { title: 'CPU, chosen', webgpu: true, device: 'cpu', backend: 'CPU', steps: 3, guidance: 2 },
  { title: 'no WebGPU, so the CPU', webgpu: false, device: 'auto', backend: 'CPU', steps: 3, guidance: 2 },
  { title: 'WebGPU, chosen', webgpu: true, device: 'webgpu', backend: 'WebGPU', steps: 2, guidance: 1 },
]

for (const { title, webgpu, device, backend, steps, guidance } of BACKENDS) {
  describe(title, () => {
    setUp({
      webgpu,
      page: 'once',
      async prepare() {
        await openPage(page, server.url, { steps, guidance })
        if (device !== 'auto') await choose(page, 'device', device)
      },
    })

    test('says what it runs on, and why', async () => {
      assert.equal(await page.innerText('#chip'), backend)
      // Left to choose, the model has begun on the CPU, and says why it stays there when it has looked for WebGPU.
      const why = webgpu ? new RegExp(backend) : /WebGPU/
      await until(() => page.innerText('#backend-note'), note => why.test(note))
    })

    test('draws a 7; LoRA changes it; LoRA off gives the first picture back exactly', async () => {
      await pick(page, 7)
      assert.equal(await stepsDrawn(page), steps)
      assert.match(await page.innerText('#position'), new RegExp(`Step ${steps} of ${steps}.*ms per step`))
      const first = await pixels(page)

      await toggleLora(page)
      assert.equal(await stepsDrawn(page), steps)
      assert.notEqual(await pixels(page, 'lora'), first)
      assert.equal(await pixels(page), first)

      await toggleLora(page)
      assert.equal(await pixels(page), first)
    })

    test('stops within one step, and the next run works', async () => {
      await set(page, 'steps', 60) // draws anew
      await page.locator('#strip input:enabled').first().waitFor()
      await page.click('#action')
      await settled(page)
      const drawn = await stepsDrawn(page)
      assert.ok(drawn < 60, `${drawn} steps drawn`)
      await page.waitForTimeout(300)
      assert.equal(await stepsDrawn(page), drawn)
      await set(page, 'steps', 1)
      await settled(page)
      assert.equal(await stepsDrawn(page), 1)
    })

    test('logged no error on the way', () => assert.deepEqual(errors, []))
  })
}

describe('looking around', () => {
  setUp({
    page: 'once',
    async prepare() {
      await openPage(page, server.url, { steps: 6 })
      await pick(page, 7)
    },
  })

  test('a click on the film strip shows that step', async () => {
    const last = await pixels(page)
    await page.click('#strip [value="2"]')
    assert.match(await page.innerText('#position'), /^Step 2 of 6/)
    assert.notEqual(await pixels(page), last)
    await page.click('#strip [value="6"]')
    assert.equal(await pixels(page), last)
  })

  test('the model’s guess is another picture, until the end', async () => {
    await page.click('#strip [value="3"]')
    const noisy = await pixels(page)
    await page.click('#view [value="x0"]')
    assert.notEqual(await pixels(page), noisy)
    await page.click('#view [value="image"]')
    assert.equal(await pixels(page), noisy)
  })

  test('a seed is a picture: another seed another picture, the same seed the same, styled or not', async () => {
    await toggleLora(page)
    const [base, styled] = [await pixels(page), await pixels(page, 'lora')]
    await set(page, 'seed', 7)
    await settled(page)
    assert.notEqual(await pixels(page), base)
    assert.notEqual(await pixels(page, 'lora'), styled)
    await set(page, 'seed', 2)
    await settled(page)
    assert.equal(await pixels(page), base)
    assert.equal(await pixels(page, 'lora'), styled)
    await toggleLora(page)
  })

  test('every sampler draws', async () => {
    for (const sampler of ['ddim', 'ddpm', 'euler', 'dpm++2m']) {
      await page.selectOption('#sampler', sampler)
      await settled(page)
      assert.equal(await stepsDrawn(page), 6, sampler)
    }
  })

  test('guidance, style and strength redraw', async () => {
    const before = await pixels(page)
    await set(page, 'guidance', 1)
    await settled(page)
    assert.notEqual(await pixels(page), before)
    await toggleLora(page)
    const full = await pixels(page, 'lora')
    await set(page, 'strength-0', -0.5)
    await settled(page)
    assert.notEqual(await pixels(page, 'lora'), full)
    await set(page, 'strength-0', 1)
    await settled(page)
    assert.equal(await pixels(page, 'lora'), full)
    await toggleLora(page)
  })

  test('choosing a style switches LoRA on', async () => {
    await page.locator('#styles label').last().click()
    await settled(page)
    assert.equal(await page.getAttribute('#lora', 'aria-checked'), 'true')
    assert.notEqual(await pixels(page, 'lora'), await pixels(page))
    await toggleLora(page)
  })

  test('the dice rolls another seed', async () => {
    const seed = await page.inputValue('#seed')
    await page.click('#dice')
    await settled(page)
    assert.notEqual(await page.inputValue('#seed'), seed)
  })

  test('logged no error on the way', () => assert.deepEqual(errors, []))
})
