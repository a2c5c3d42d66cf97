// A visitor's hand: digits as strokes, drawn on the pad by real pointer events of a mouse, a finger or a pen.
import { page } from './setup.mjs'

/** Strokes of a digit, as x and y of their points in shares of the pad. @type {Record<string, number[][]>} */
export const STROKES = {
  0: [[0.5, 0.18, 0.3, 0.3, 0.27, 0.55, 0.35, 0.78, 0.5, 0.82, 0.66, 0.75, 0.73, 0.5, 0.66, 0.26, 0.5, 0.18]],
  1: [[0.4, 0.3, 0.52, 0.18, 0.52, 0.82]],
  2: [[0.3, 0.32, 0.42, 0.18, 0.6, 0.2, 0.68, 0.36, 0.55, 0.58, 0.3, 0.8, 0.72, 0.8]],
  3: [[0.3, 0.22, 0.5, 0.17, 0.66, 0.26, 0.62, 0.42, 0.46, 0.48, 0.64, 0.54, 0.7, 0.7, 0.52, 0.82, 0.3, 0.76]],
  4: [[0.58, 0.18, 0.28, 0.6, 0.74, 0.6], [0.6, 0.4, 0.58, 0.84]],
  5: [[0.68, 0.2, 0.38, 0.2, 0.34, 0.46, 0.55, 0.42, 0.7, 0.58, 0.62, 0.78, 0.42, 0.82, 0.28, 0.74]],
  6: [[0.62, 0.18, 0.4, 0.34, 0.3, 0.6, 0.38, 0.8, 0.56, 0.82, 0.68, 0.68, 0.58, 0.54, 0.4, 0.56, 0.32, 0.68]],
  7: [[0.28, 0.2, 0.72, 0.2, 0.5, 0.5, 0.42, 0.84]],
  8: [[0.6, 0.26, 0.46, 0.18, 0.36, 0.3, 0.5, 0.46, 0.66, 0.62, 0.6, 0.8, 0.42, 0.82, 0.34, 0.68, 0.5, 0.48, 0.64, 0.34, 0.6, 0.24]],
  9: [[0.66, 0.34, 0.54, 0.2, 0.38, 0.28, 0.36, 0.44, 0.5, 0.5, 0.64, 0.4, 0.66, 0.3, 0.62, 0.6, 0.54, 0.84]],
}

/** Opens the section. */
export async function openTeach() {
  await page.click('#teach-open')
  await page.waitForSelector('#pad')
  await page.locator('#pad').scrollIntoViewIfNeeded()
}

/** The points of strokes on the screen. @param {number[][]} strokes @returns {Promise<{ x: number, y: number }[][]>} */
export async function onScreen(strokes) {
  await page.locator('#pad').scrollIntoViewIfNeeded()
  const { x, y, width, height } = await page.locator('#pad').boundingBox()
  return strokes.map(stroke => Array.from({ length: stroke.length / 2 }, (_, i) => ({ x: x + stroke[2 * i] * width, y: y + stroke[2 * i + 1] * height })))
}

/** Draws with the mouse. @param {string | number} digit */
export async function draw(digit, strokes = STROKES[digit]) {
  for (const [first, ...others] of await onScreen(strokes)) {
    await page.mouse.move(first.x, first.y)
    await page.mouse.down()
    for (const { x, y } of others) await page.mouse.move(x, y, { steps: 3 })
    await page.mouse.up()
  }
}

/** Draws it, and hands it over, where that has not happened by itself meanwhile. @param {string | number} digit */
export async function drawAndTake(digit) {
  const before = await page.locator('.hand').count()
  await draw(digit)
  await page.locator('#pad').press('Enter')
  await page.waitForFunction(before => document.querySelectorAll('.hand').length > before, before)
}

/** Draws with the finger. @param {number[][]} strokes */
export async function touch(strokes) {
  const client = await page.context().newCDPSession(page)
  const send = (type, points) => client.send('Input.dispatchTouchEvent', { type, touchPoints: points })
  for (const [first, ...others] of await onScreen(strokes)) {
    await send('touchStart', [first])
    for (const point of others) await send('touchMove', [point])
    await send('touchEnd', [])
  }
}

/** Draws with a pen, pressed from 0 to 1. @param {number[][]} strokes @param {number} force */
export async function write(strokes, force) {
  const client = await page.context().newCDPSession(page)
  const send = (type, point) => client.send('Input.dispatchMouseEvent', { type, ...point, button: 'left', buttons: type === 'mouseReleased' ? 0 : 1, clickCount: 1, pointerType: 'pen', force })
  for (const [first, ...others] of await onScreen(strokes)) {
    await send('mousePressed', first)
    for (const point of others) await send('mouseMoved', point)
    await send('mouseReleased', others.at(-1) ?? first)
  }
}

/** How many pixels of the pad are white, as it is on the screen. */
export async function inkOnPad() {
  await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  return page.evaluate(() => {
    const canvas = document.getElementById('pad')
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    let ink = 0
    for (let i = 3; i < data.length; i += 4) if (data[i] > 127) ink++
    return ink
  })
}

/** How many drawings each class has, as the cards say. @returns {Promise<Record<string, number>>} */
export const counts = () =>
  page.evaluate(() => Object.fromEntries([...document.querySelectorAll('.hand-of')].map(button => [button.dataset.label, Number(button.querySelector('span').textContent)]).filter(([, n]) => n)))
