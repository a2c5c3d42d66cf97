// Things done while other things are under way: what the visitor did last counts, and nothing is lost or left hanging.
import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { adapterWeights, address, errors, FILES, notice, openPage, page, pick, pixels, rested, server, set, settled, setUp, stepsDrawn, toggleLora } from './support.mjs'

setUp({ page: 'cleared' })
afterEach(() => assert.deepEqual(errors, []))

const late = ms => (server.faults[FILES.weights] = { delay: ms })
const open = hash => page.goto(`${server.url}#${hash}`)
const loaded = () => page.locator('#chip').waitFor({ state: 'visible' })

describe('a sheet', () => {
  test('that a choice interrupts says that it was stopped, in the language of the moment', async () => {
    await openPage(page, server.url)
    await set(page, 'steps', 60)
    await page.click('#many-digits')
    await page.locator('#sheet button:enabled').first().click()
    await settled(page)
    assert.equal(await page.innerText('#sheet-status'), 'Stopped.')
    await page.click('#language')
    await page.waitForSelector('html[lang=zh-Hans]')
    await page.locator('#sheet-status:has-text("已停止。")').waitFor()
  })

  for (const [title, digit] of [['', undefined], [' beside a digit', 7]])
    test(`begun${title} while the model for another device loads is drawn by that`, async () => {
      await openPage(page, server.url)
      if (digit !== undefined) await pick(page, digit)
      await set(page, 'steps', 60)
      late(1500)
      await page.click('#device [value=cpu]')
      await page.click('#many-digits')
      await settled(page)
      assert.equal(await page.locator('#notice').isHidden(), true)
      assert.equal(await page.innerText('#sheet-status'), 'Choose one to look at it closely.')
      assert.equal(await page.locator('#sheet button:enabled').count(), 10)
    })
})

describe('a tour begun before the model is there', () => {
  test('and ended by a choice leaves that alone', async () => {
    late(3000)
    await page.goto(server.url)
    await page.click('#tour')
    await page.click('#digits [value="5"]')
    await settled(page)
    await rested(page)
    const { digit, seed, lora } = await address(page)
    assert.deepEqual({ digit, seed, lora }, { digit: '5', seed: '2', lora: 'off' })
    assert.equal(await page.isChecked('#digits [value="5"]'), true)
    assert.match(await page.innerText('#position'), /^Step 12 of 12/)
  })

  test('and ended again draws nothing', async () => {
    late(3000)
    await page.goto(server.url)
    await page.click('#tour')
    await page.click('#tour')
    await loaded()
    await settled(page)
    await rested(page)
    assert.equal(await stepsDrawn(page), 0)
    assert.equal((await address(page)).digit, undefined)
  })
})

describe('while the model loads', () => {
  test('a link to a class that it has not is answered calmly', async () => {
    late(1500)
    await open('digit=12&steps=2')
    await loaded()
    await settled(page)
    await page.waitForTimeout(1500) // longer than a failed run waits before it is told
    assert.match(await notice(page), /no class “12”/)
    assert.equal(await stepsDrawn(page), 0)
    assert.equal(await page.innerText('#position'), 'Ready. Pick a digit.')
  })

  test('another device chosen goes on with what waits; the download stopped is told', async () => {
    late(60_000)
    await open('digit=3&steps=2')
    await page.locator('#overlay').waitFor({ state: 'visible' })
    await page.click('#device [value=cpu]')
    assert.equal(await page.innerText('#position'), 'The 3 will be drawn as soon as the model is here.')
    await page.click('#action')
    await settled(page)
    assert.equal(await page.innerText('#position'), 'The download was stopped. Nothing is loaded yet.')
    delete server.faults[FILES.weights]
    await page.click('#device [value=cpu]')
    await loaded()
    await settled(page)
    assert.equal(await stepsDrawn(page), 2)
  })

  test('two LoRAs of one name become two styles', async () => {
    late(1500)
    /** A shipped adapter without its title, so that its file's name counts. */
    const untitled = style => adapterWeights(style, header => header.replace('modelspec.title', 'modelspec.other'))
    const files = await Promise.all(['outline', 'slanted'].map(untitled))
    await page.goto(server.url)
    for (const buffer of files) await page.setInputFiles('#files', { name: 'mine.safetensors', mimeType: '', buffer })
    await page.locator('#styles label:has-text("mine")').nth(1).waitFor()
    await settled(page)
    const own = await page.locator('#styles label:has-text("mine")').evaluateAll(labels => labels.map(label => [label.querySelector('input').value, label.textContent]))
    assert.deepEqual(own, [['mine', 'mine'], ['mine-2', 'mine 2']])
    assert.equal(await page.locator('#notice').isHidden(), true)
    await pick(page, 7)
    const drawn = await pixels(page, 'lora')
    await page.click('#styles [value=mine]')
    await settled(page)
    assert.notEqual(await pixels(page, 'lora'), drawn)
  })
})

test('a strength moved while maps are fetched counts', async () => {
  await openPage(page, server.url)
  await pick(page, 7)
  await toggleLora(page)
  await page.evaluate(() => {
    const { postMessage } = Worker.prototype
    const strength = value => {
      const input = document.getElementById('strength-0')
      input.value = value
      input.dispatchEvent(new Event('input', { bubbles: true }))
      input.dispatchEvent(new Event('change', { bubbles: true }))
    }
    let runs = 0
    Worker.prototype.postMessage = function (message, ...rest) {
      if (message.method === 'sample') {
        runs++
        if (runs === 1) document.querySelector('#attention summary').click()
        if (runs === 2) setTimeout(strength, 0, '1.5') // the run of the maps
        window.runs = runs
        window.mapped ??= runs === 2 ? message.params.request.attention : undefined
      }
      return postMessage.call(this, message, ...rest)
    }
    strength('1.2')
  })
  await page.waitForFunction(() => window.runs >= 2)
  await page.waitForTimeout(100)
  await settled(page)
  assert.equal(await page.evaluate(() => window.mapped), true)
  assert.equal(await page.inputValue('#strength-0'), '1.5')
  const shown = await pixels(page, 'lora')
  await set(page, 'seed', 3)
  await settled(page)
  await set(page, 'seed', 2)
  await settled(page)
  assert.equal(await pixels(page, 'lora'), shown)
})
