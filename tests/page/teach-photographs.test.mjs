// Photographs of what was written on paper: chosen or dropped, found one by one, and named by the visitor.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { counts, errors, freshPage, freshServer, modelsOf, openTeach, page, server, settled, setUp, stored, STROKES, until } from './support.mjs'

const open = async () => {
  await page.goto(server.url)
  await settled(page)
  await openTeach()
}

/** A sheet of paper with these digits in a row, dark ink on light, as a PNG. @param {string} digits */
const sheet = async digits => {
  const url = await page.evaluate(([digits, strokes]) => {
    const side = 120
    const canvas = Object.assign(document.createElement('canvas'), { width: side * digits.length, height: 1.4 * side })
    const context = canvas.getContext('2d')
    Object.assign(context, { fillStyle: '#f4f1e8', strokeStyle: '#223', lineWidth: 8, lineCap: 'round', lineJoin: 'round' })
    context.fillRect(0, 0, canvas.width, canvas.height)
    for (const [i, digit] of [...digits].entries()) {
      for (const stroke of strokes[digit]) {
        context.beginPath()
        for (let at = 0; at < stroke.length; at += 2) context.lineTo(side * (i + 0.15 + 0.7 * stroke[at]), side * (0.35 + 0.7 * stroke[at + 1]))
        context.stroke()
      }
    }
    return canvas.toDataURL('image/png')
  }, /** @type {const} */ ([digits, STROKES]))
  return Buffer.from(url.split(',')[1], 'base64')
}
/** @param {string} name @param {Buffer} buffer */
const choose = (name, buffer, mimeType = 'image/png') => page.setInputFiles('#photos-files', { name, mimeType, buffer })
const found = n => page.waitForFunction(n => document.querySelectorAll('.unnamed-one').length === n, n)
const typed = () => page.evaluate(() => [...document.querySelectorAll('.unnamed-one input')].map(input => input.value))
const told = () => page.innerText('#photos-told')

describe('of digits', () => {
  setUp({ page: 'cleared', prepare: open })

  test('several on one are found, and what is typed runs on from one to the next', async () => {
    await choose('sheet.png', await sheet('20517'))
    await found(5)
    assert.equal(await told(), '5 digits found in 1 picture.')
    assert.equal(await page.innerText('#unnamed-title'), 'Which digits are these?')
    assert.equal(await page.isDisabled('#unnamed-take'), true)
    assert.deepEqual(await counts(), {}, 'nothing is taken before it is named')
    await page.keyboard.type('2')
    assert.deepEqual(await typed(), ['2', '', '', '', ''])
    await page.keyboard.type('05x')
    assert.deepEqual(await typed(), ['2', '0', '5', 'x', ''])
    assert.equal(await page.locator('.unnamed-one input').nth(3).getAttribute('aria-invalid'), 'true')
    assert.equal(await page.innerText('#unnamed-take'), 'Take 3 pictures')
    await page.keyboard.press('Backspace')
    await page.keyboard.type('1')
    await page.keyboard.press('Enter')
    await found(1)
    assert.deepEqual(await counts(), { 0: 1, 1: 1, 2: 1, 5: 1 })
    await page.click('#unnamed-drop')
    assert.equal(await page.locator('.unnamed').isVisible(), false)
    assert.deepEqual(errors, [])
  })

  test('a whole row is pasted at once; what is not yet named is there on the next visit', async () => {
    await choose('sheet.png', await sheet('345'))
    await found(3)
    await until(async () => (await stored()).drawings, n => n === 3)
    await page.reload()
    await settled(page)
    await found(3)
    await page.locator('.unnamed-one input').first().fill('3 4, 5')
    assert.deepEqual(await typed(), ['3', '4', '5'])
    await page.click('#unnamed-take')
    assert.deepEqual(await counts(), { 3: 1, 4: 1, 5: 1 })
  })

  test('what is no picture is told by name, and the others are taken', async () => {
    await page.setInputFiles('#photos-files', [{ name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no picture') }, { name: 'good.png', mimeType: 'image/png', buffer: await sheet('7') }])
    await found(1)
    assert.match(await told(), /^1 digit found in 1 picture\. The file broken\.png is no picture that this browser reads/)
    assert.equal(await page.innerText('#unnamed-title'), 'Which digit is this?')
  })

  /** @param {string} name @param {string} type @param {Buffer} bytes */
  const drop = (name, type, bytes) =>
    page.evaluate(([name, type, bytes]) => {
      const data = new DataTransfer()
      data.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], name, { type }))
      for (const kind of ['dragenter', 'dragover', 'drop']) document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }))
    }, [name, type, bytes.toString('base64')])

  test('dropped on the page, too; what is no photograph is opened as ever', async () => {
    await drop('sheet.png', 'image/png', await sheet('89'))
    await found(2)
    assert.equal(await page.locator('#notice').isHidden(), true)
    await drop('notes.txt', 'text/plain', Buffer.from('x'))
    assert.match(await page.innerText('#notice:not([hidden])'), /notes\.txt could not be used/)
    assert.equal(await page.locator('.unnamed-one').count(), 2)
  })
})

describe('of classes with longer names, one of which begins as another does', () => {
  const labels = ['oak', 'oak leaf', 'maple', '银杏']
  setUp({ site: false, page: 'none', begin: async () => freshServer({ pages: await modelsOf({ labels, noun: { one: 'leaf', many: 'leaves' } }) }) })

  test('a name goes on only where it can be no longer', async () => {
    await freshPage()
    await open()
    await choose('sheet.png', await sheet('345'))
    await found(3)
    const inputs = page.locator('.unnamed-one input')
    await inputs.first().focus()
    await page.keyboard.type('Oak')
    assert.deepEqual(await typed(), ['Oak', '', ''])
    await page.keyboard.type(' leafmap')
    assert.deepEqual(await typed(), ['oak leaf', 'map', ''])
    assert.equal(await inputs.nth(1).getAttribute('aria-invalid'), 'true')
    await page.keyboard.type('le银杏')
    assert.deepEqual(await typed(), ['oak leaf', 'maple', '银杏'])
    await page.click('#unnamed-take')
    assert.deepEqual(await counts(), { 'oak leaf': 1, maple: 1, 银杏: 1 })
    assert.deepEqual(errors, [])
  })
})
