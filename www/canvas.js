// A canvas for a picture of any size.
// Tests: tests/page/bases.test.mjs, custom-element.test.mjs

/**
 * Gives a canvas the size of an image. Pixels of a small one are to be seen; a larger one is a picture, and scaled smoothly.
 * @param {HTMLCanvasElement} canvas @param {number} size
 */
export function fit(canvas, size) {
  if (canvas.width === size) return
  canvas.width = canvas.height = size
  canvas.style.setProperty('--scaling', size < 48 ? 'pixelated' : 'auto')
}
