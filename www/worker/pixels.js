// What people bring as pixels: pictures, files of them, and what has been drawn on a canvas.
// Tests: tests/page/prepare-drawing.test.mjs

/** Pixels that every browser gives a canvas; the pictures of the network have some hundreds. */
const MOST = 16_777_216

/**
 * The pixels of a picture, made smaller by `scale` where it has more than a canvas holds.
 * @param {ImageData | ImageBitmap | Blob} source
 * @returns {Promise<{ data: Uint8ClampedArray, width: number, height: number, scale: number }>}
 */
export async function pixelsOf(source) {
  if (source instanceof ImageData) return { data: eightBits(source), width: source.width, height: source.height, scale: 1 }
  const bitmap = source instanceof ImageBitmap ? source : await decode(source)
  const scale = Math.max(1, Math.sqrt((bitmap.width * bitmap.height) / MOST))
  const [width, height] = [bitmap.width, bitmap.height].map(side => Math.max(1, Math.floor(side / scale)))
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  context.imageSmoothingQuality = 'high'
  context.drawImage(bitmap, 0, 0, width, height)
  bitmap.close()
  return { data: context.getImageData(0, 0, width, height).data, width, height, scale }
}

/** Newer canvases may be asked for floats. @param {ImageData} pixels @returns {Uint8ClampedArray} */
function eightBits({ data }) {
  return data instanceof Uint8ClampedArray ? data : Uint8ClampedArray.from(data, value => 255 * value)
}

/** Turned as its EXIF says. @param {Blob} file */
async function decode(file) {
  try {
    return await createImageBitmap(file)
  } catch {
    // As the module throws what it refuses.
    const kind = 'picture-file'
    throw Object.assign(new Error(kind), { code: 'picture', kind, fields: { name: /** @type {File} */ (file).name, type: file.type } })
  }
}
