// Pictures by their pixels.
import { createHash } from 'node:crypto'

/** A fingerprint of pixels: equal for equal pictures, and short where a test fails. @param {unknown} values */
export const fingerprint = values => createHash('sha256').update(String(values)).digest('hex').slice(0, 16)

/**
 * The fingerprint of one canvas of the page.
 * @param {import('playwright-core').Page} page
 * @param {string} id
 */
export const canvasPixels = async (page, id) =>
  fingerprint(
    await page.evaluate(id => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById(id))
      return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]
    }, id),
  )

/**
 * The fingerprint of one of the big pictures.
 * @param {import('playwright-core').Page} page
 * @param {'base' | 'lora'} track
 */
export const pixels = (page, track = 'base') => canvasPixels(page, `picture-${track}`)

/** The largest difference between two lists of numbers. @param {number[]} a @param {number[]} b */
export const largestDifference = (a, b) => Math.max(...a.map((value, i) => Math.abs(value - b[i])))
