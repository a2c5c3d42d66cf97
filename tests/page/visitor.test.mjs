// What a visitor can do with a drawing: share it, tune it, compare it, draw many.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, beforeEach, describe, test } from 'node:test'
import { DIST, choose, fingerprint, launch, newPage, notice, openPage, pick, pixels, serve, set, settled, stepsDrawn, toggleLora } from './support.mjs'

let server, browser, page, errors, close, styles
before(async () => {
  const { adapters } = JSON.parse(await readFile(`${DIST}/models/manifest.json`, 'utf8'))
  styles = adapters.map(({ title }) => title)
  server = await serve()
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.close()
})
const fresh = async options => {
  await close?.()
  ;({ page, errors, close } = await newPage(browser, options))
}
const address = () => page.evaluate(() => Object.fromEntries(new URLSearchParams(location.hash.slice(1))))
const rested = () => page.waitForTimeout(450) // the address waits for a moment of quiet
const open = async hash => {
  await page.goto('about:blank')
  await page.goto(`${server.url}#${hash}`)
  await settled(page)
}

describe('the link', () => {
  beforeEach(() => fresh())

  test('holds every setting; opening it gives the same pictures', async () => {
    await openPage(page, server.url)
    await page.selectOption('#sampler', 'ddim')
    await set(page, 'seed', 77)
    await pick(page, 4)
    await toggleLora(page)
    await set(page, 'strength-0', 0.6)
    await settled(page)
    const drawn = [await pixels(page), await pixels(page, 'lora')]
    await rested()
    const { base, ...settings } = await address()
    assert.deepEqual(settings, { digit: '4', seed: '77', sampler: 'ddim', steps: '3', guidance: '2', lora: 'on', styles: 'outline:0.6' })
    assert.match(base, /^[0-9a-f]{12}$/)

    const link = page.url()
    await fresh()
    await page.goto(link)
    await settled(page)
    assert.deepEqual([await pixels(page), await pixels(page, 'lora')], drawn)
    assert.equal(await page.inputValue('#seed'), '77')
    assert.equal(await page.inputValue('#strength-0'), '0.6')
    assert.equal(await page.locator('#notice').isHidden(), true)
    assert.deepEqual(errors, [])
  })

  test('a mix comes back too', async () => {
    await open('digit=3&seed=5&steps=2&lora=on&styles=outline:0.4,seven-segment:-0.3')
    const drawn = await pixels(page, 'lora')
    assert.equal(await page.locator('#strengths input').count(), styles.length)
    assert.equal(await page.innerText('#lora-note'), 'Outline 0.4 + Seven-segment −0.3')
    await rested()
    assert.equal((await address()).styles, 'outline:0.4,seven-segment:-0.3')
    await page.reload()
    await settled(page)
    assert.equal(await pixels(page, 'lora'), drawn)
  })

  test('changes without history and without requests', async () => {
    await openPage(page, server.url)
    await pick(page, 1)
    await rested()
    const asked = () => server.requests.filter(name => name !== 'favicon.svg') // that one is the browser's own affair
    const [before, requests] = [await page.evaluate(() => history.length), asked()]
    await page.evaluate(() => {
      window.replaced = 0
      const replace = history.replaceState
      history.replaceState = function (...args) {
        window.replaced++
        return replace.apply(this, args)
      }
    })
    for (const seed of [3, 4, 5, 6]) await set(page, 'seed', seed)
    await settled(page)
    await rested()
    assert.equal((await address()).seed, '6')
    assert.equal(await page.evaluate(() => history.length), before)
    assert.ok((await page.evaluate(() => window.replaced)) <= 2)
    assert.deepEqual(asked(), requests)
  })

  test('another link pasted into the address bar is drawn; a place on the page is not taken for one', async () => {
    await open('digit=3&seed=5&steps=2')
    const first = await pixels(page)
    await page.evaluate(() => (location.hash = 'digit=8&seed=5&steps=2'))
    await page.waitForSelector('#digits [data-value="8"][aria-checked=true]')
    await settled(page)
    assert.notEqual(await pixels(page), first)
    await page.click('#chip')
    await rested()
    assert.equal((await address()).digit, '8')
  })

  test('a link pasted while the last change has yet to reach the address bar is not written over', async () => {
    await open('digit=3&seed=5&steps=2')
    await rested()
    await set(page, 'seed', 6)
    await page.evaluate(() => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => (location.hash = 'digit=8&seed=5&steps=2')
      port2.postMessage('')
      for (const due = performance.now() + 500; performance.now() < due; ); // so the change's turn comes between the paste and its event
    })
    await page.waitForSelector('#digits [data-value="8"][aria-checked=true]')
    await settled(page)
    await rested()
    assert.deepEqual([(await address()).digit, (await address()).seed], ['8', '5'])
  })

  test('another base is named calmly, and the digit is drawn all the same', async () => {
    await open('digit=3&seed=5&steps=2&base=0123456789ab')
    assert.match(await notice(page), /Made for another base model\s+.*another base model than the one here/)
    assert.equal(await stepsDrawn(page), 2)
    await page.click('#notice button')
    assert.equal(await page.locator('#notice').isHidden(), true)
  })

  test('what it asks for in vain is named', async () => {
    await open('digit=3&steps=999&sampler=magic&seed=-1&lora=on&styles=nobody:1&utm_source=x')
    const said = await notice(page)
    for (const part of [/“steps=999”/, /“sampler=magic”/, /“seed=-1”/, /no style “nobody”/]) assert.match(said, part)
    assert.doesNotMatch(said, /utm/)
    assert.equal(await stepsDrawn(page), 12)
  })

  test('gives the same pictures on WebGPU too', async () => {
    const gpu = await launch({ webgpu: true })
    const drawn = []
    for (const _ of ['drawn', 'opened']) {
      const { page } = await newPage(gpu)
      await page.goto(`${server.url}#digit=3&seed=5&steps=1&guidance=1`)
      await settled(page)
      await choose(page, 'device', 'webgpu')
      assert.equal(await page.innerText('#chip'), 'WebGPU')
      drawn.push(await pixels(page))
    }
    await gpu.close()
    assert.equal(drawn[0], drawn[1])
  })

  test('is copied, and that is confirmed', async () => {
    await fresh({ permissions: ['clipboard-read', 'clipboard-write'] })
    await open('digit=3&seed=5&steps=2')
    await page.click('#copy-link')
    await page.locator('#copy-link:has-text("Copied")').waitFor() // the clipboard answers when it likes
    assert.equal(await page.textContent('#announcer'), 'The link was copied.')
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /#digit=3&seed=5&sampler=dpm%2B%2B2m&steps=2&/)
    await page.locator('#copy-link:has-text("Copy link")').waitFor()
  })
})

describe('strengths', () => {
  before(async () => {
    await fresh()
    await openPage(page, server.url, { steps: 4 })
    await pick(page, 7)
    await toggleLora(page)
  })

  /** Moves a slider without letting go of it. */
  const move = (id, values) =>
    page.evaluate(
      async ([id, values]) => {
        const input = document.getElementById(id)
        for (const value of values) {
          input.value = value
          input.dispatchEvent(new Event('input', { bubbles: true }))
          await new Promise(resolve => setTimeout(resolve, 20))
        }
      },
      [id, values],
    )

  test('the slider goes from −1 to 2, and the picture follows while it moves; the last value wins', async () => {
    const slider = page.locator('#strength-0')
    assert.deepEqual([await slider.getAttribute('min'), await slider.getAttribute('max')], ['-1', '2'])
    const base = await pixels(page)
    const seen = new Set()
    await page.exposeFunction('saw', image => seen.add(image))
    await page.evaluate(() => {
      const put = CanvasRenderingContext2D.prototype.putImageData
      CanvasRenderingContext2D.prototype.putImageData = function (image, ...rest) {
        if (this.canvas.id === 'picture-lora') window.saw(String(image.data.slice(0, 4000)))
        return put.call(this, image, ...rest)
      }
    })
    await move('strength-0', Array.from({ length: 40 }, (_, i) => (i / 40).toFixed(1)))
    await move('strength-0', ['-0.4'])
    await settled(page)
    assert.ok(seen.size >= 2, `${seen.size} pictures on the way`)
    const moved = await pixels(page, 'lora')
    assert.equal(await pixels(page), base)
    await set(page, 'strength-0', 1)
    await settled(page)
    await set(page, 'strength-0', -0.4) // let go of at once
    await settled(page)
    assert.equal(await pixels(page, 'lora'), moved)
  })

  test('the chosen step stays while it moves, and the base is not drawn again', async () => {
    await page.click('#strip [data-value="2"]')
    const before = await pixels(page, 'lora')
    await page.evaluate(() => document.getElementById('strip').children[0].setAttribute('data-same', ''))
    await move('strength-0', ['2'])
    await settled(page)
    assert.match(await page.innerText('#position'), /^Step 2 of 4/)
    assert.notEqual(await pixels(page, 'lora'), before)
    assert.equal(await page.locator('#strip [data-same]').count(), 1)
    await page.click('#strip [data-value="4"]')
  })

  test('zero is the base, bit for bit', async () => {
    await set(page, 'strength-0', 0)
    await settled(page)
    assert.equal(await pixels(page, 'lora'), await pixels(page))
    await set(page, 'strength-0', 1)
    await settled(page)
  })

  test('a mix has a slider for every style, and each counts', async () => {
    const alone = await pixels(page, 'lora')
    await choose(page, 'styles', '*')
    assert.deepEqual(await page.locator('#strengths label').allInnerTexts(), styles)
    const mixed = await pixels(page, 'lora')
    assert.notEqual(mixed, alone)
    await set(page, 'strength-1', 0)
    await settled(page)
    const half = await pixels(page, 'lora')
    assert.notEqual(half, mixed)
    await set(page, 'strength-0', 1)
    await settled(page)
    assert.equal(await pixels(page, 'lora'), alone)
  })

  test('logged no error on the way', () => assert.deepEqual(errors, []))
})

describe('comparing', () => {
  const over = async () =>
    fingerprint(
      await page.evaluate(() => {
        const canvas = document.getElementById('picture-over')
        return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]
      }),
    )
  before(async () => {
    await fresh()
    await openPage(page, server.url)
    await pick(page, 7)
    await toggleLora(page)
  })

  test('wipe: the base lies over the other, and the divider moves by keyboard and pointer', async () => {
    await choose(page, 'compare', 'wipe')
    assert.equal(await over(), await pixels(page))
    const divider = page.locator('#wipe')
    assert.equal(await divider.getAttribute('aria-valuenow'), '50')
    await divider.focus()
    await page.keyboard.press('ArrowRight')
    assert.equal(await divider.getAttribute('aria-valuenow'), '52')
    await page.keyboard.press('Home')
    assert.equal(await divider.getAttribute('aria-valuenow'), '0')
    assert.equal(await divider.getAttribute('aria-valuetext'), 'base model on 0 %')
    const { x, y, width, height } = await page.locator('.styled .frame').boundingBox()
    await page.mouse.move(x + width * 0.1, y + height / 2)
    await page.mouse.down()
    await page.mouse.move(x + width * 0.75, y + height / 2, { steps: 4 })
    await page.mouse.up()
    assert.equal(await divider.getAttribute('aria-valuenow'), '75')
    await page.mouse.move(x + width * 0.2, y + height / 2)
    assert.equal(await divider.getAttribute('aria-valuenow'), '75')
    const clip = await page.evaluate(() => getComputedStyle(document.getElementById('picture-over')).clipPath)
    assert.match(clip, /inset\(0px 25% 0px 0px\)|inset\(0px calc\(/)
  })

  test('difference: black where nothing changed, in colours where it did', async () => {
    await choose(page, 'compare', 'difference')
    await set(page, 'strength-0', 0)
    await settled(page)
    const black = await page.evaluate(() => {
      const canvas = document.getElementById('picture-over')
      return canvas.getContext('2d').getImageData(0, 0, 28, 28).data.every((value, i) => value === (i % 4 === 3 ? 255 : 0))
    })
    assert.equal(black, true)
    const none = await over()
    await set(page, 'strength-0', 1)
    await settled(page)
    assert.notEqual(await over(), none)
    assert.match(await page.getAttribute('#picture-over', 'aria-label'), /What LoRA changed: digit 7, step 3 of 3/)
    assert.equal(await page.locator('#legend').isVisible(), true)
    await choose(page, 'compare', 'side')
    assert.equal(await page.locator('#picture-over').isHidden(), true)
    assert.deepEqual(errors, [])
  })
})

describe('many at once', () => {
  before(async () => {
    await fresh()
    await openPage(page, server.url)
  })

  test('all ten digits: a click makes one of them the picture', async () => {
    await page.click('#many-digits')
    await settled(page)
    assert.deepEqual(await page.locator('#sheet button').allInnerTexts(), ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    await page.click('#sheet button[aria-label^="Digit 4"]')
    await settled(page)
    assert.equal(await page.getAttribute('#digits [data-value="4"]', 'aria-checked'), 'true')
    const worst = await page.evaluate(() => {
      const data = canvas => canvas.getContext('2d').getImageData(0, 0, 28, 28).data
      const small = data(document.querySelector('#sheet button[aria-label^="Digit 4"] canvas'))
      return Math.max(...data(document.getElementById('picture-base')).map((value, i) => Math.abs(value - small[i])))
    })
    assert.ok(worst <= 2, `${worst} levels off`)
  })

  test('ten seeds of one digit, styled when LoRA is on', async () => {
    await toggleLora(page)
    await page.click('#many-seeds')
    await settled(page)
    assert.deepEqual(await page.locator('#sheet button').allInnerTexts(), ['2', '3', '4', '5', '6', '7', '8', '9', '10', '11'])
    await page.click('#sheet button >> nth=3')
    await settled(page)
    assert.equal(await page.inputValue('#seed'), '5')
    assert.equal(await page.getAttribute('#lora', 'aria-checked'), 'true')
  })

  test('can be stopped', async () => {
    await set(page, 'steps', 60)
    await page.click('#many-digits')
    await page.locator('#sheet button:enabled').first().waitFor()
    await page.click('#action')
    await settled(page)
    assert.equal(await page.innerText('#sheet-status'), 'Stopped.')
    assert.deepEqual(errors, [])
  })
})
