// What is read off the colours of pictures. Grey ones give exactly their levels.
// Tests: tests/page/png.test.mjs, own-words.test.mjs
const ADDED = [255, 144, 87] // the colours of style.css: --added and --removed
const REMOVED = [96, 165, 255]

/** How light the pixel is whose red is at `at`, 0 to 255. @param {Uint8ClampedArray} data @param {number} at */
export const lightness = (data, at) => (54 * data[at] + 183 * data[at + 1] + 19 * data[at + 2]) >> 8

/** Whether any pixel is not grey. @param {ImageData} image */
export const isColoured = ({ data }) => data.some((level, i) => i % 4 < 3 && level !== data[i - (i % 4)])

/**
 * Where there is more ink, lighter, with LoRA, and where there is less; as strong as the colour that changes most.
 * @param {ImageData} base @param {ImageData} lora
 */
export function difference(base, lora) {
  const image = new ImageData(base.width, base.height)
  for (let i = 0; i < image.data.length; i += 4) {
    const change = Math.max(...[i, i + 1, i + 2].map(at => Math.abs(lora.data[at] - base.data[at])))
    const colour = lightness(lora.data, i) > lightness(base.data, i) ? ADDED : REMOVED
    for (let c = 0; c < 3; c++) image.data[i + c] = (colour[c] * change) / 255
    image.data[i + 3] = 255
  }
  return image
}
