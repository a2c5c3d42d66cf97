// Paints pictures on canvases.
// Tests: tests/page/page.test.mjs, bases.test.mjs
import { fit } from '../canvas.js'

/** Paints the image, and gives the canvas its size. @param {HTMLCanvasElement} canvas @param {ImageData} image */
export function paint(canvas, image) {
  fit(canvas, image.width)
  canvas.getContext('2d').putImageData(image, 0, 0)
}

/**
 * Paints noise, so that the picture is not empty before the first step. Decoration: the model makes its own.
 * @param {HTMLCanvasElement} canvas
 */
export function paintNoise(canvas) {
  const { width, height } = canvas
  const image = new ImageData(width, height)
  for (let i = 0; i < image.data.length; i += 4) {
    const grey = 128 + 110 * (Math.random() + Math.random() + Math.random() - 1.5)
    image.data.fill(grey, i, i + 3)
    image.data[i + 3] = 255
  }
  canvas.getContext('2d').putImageData(image, 0, 0)
}
