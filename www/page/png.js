// PNG files of pictures, grey or in colour, still or animated, with a line of text inside; and that line read again.
// W3C, Portable Network Graphics (third edition).
// Tests: tests/page/files.test.mjs, png.test.mjs
import { isColoured } from './colours.js'

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10)
/** @param {string} text */
const latin1 = text => Uint8Array.from(text, character => character.charCodeAt(0))

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
  return n
})
/** @param {Uint8Array} bytes */
const crc32 = bytes => ~bytes.reduce((crc, byte) => CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8), -1) >>> 0

/** Big-endian fields. @param {[bytes: 1 | 2 | 4, value: number][]} pairs */
function fields(...pairs) {
  const bytes = new Uint8Array(pairs.reduce((sum, [size]) => sum + size, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const [size, value] of pairs) {
    if (size === 1) view.setUint8(at, value)
    else if (size === 2) view.setUint16(at, value)
    else view.setUint32(at, value)
    at += size
  }
  return bytes
}

/** @param {Uint8Array[]} parts */
function join(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0)
  return bytes
}

/** @param {string} type @param {Uint8Array} data */
function chunk(type, data) {
  const body = join(latin1(type), data)
  return join(fields([4, data.length]), body, fields([4, crc32(body)]))
}

/** @param {BlobPart} bytes */
const deflate = async bytes =>
  new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'))).arrayBuffer())

/**
 * The rows of a picture, every pixel `scale` wide and high, of 1 channel or 3; each row after the byte that says "unfiltered".
 * @param {ImageData} image
 * @param {{ scale: number, channels: number }} format
 */
function rows({ width, height, data }, { scale, channels }) {
  const stride = width * scale * channels + 1
  const bytes = new Uint8Array(stride * height * scale)
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * 4
      bytes.set(data.subarray(from, from + channels), y * stride + 1 + x * channels)
    }
  }
  return bytes
}

/**
 * @param {ImageData[]} frames all of one size; several make an animation that runs for ever
 * @param {{ scale: number, keyword: string, text: string, delays?: number[] }} options Latin-1 text; milliseconds for each frame
 */
export async function encodePng(frames, { scale, keyword, text, delays = [] }) {
  const [width, height] = [frames[0].width * scale, frames[0].height * scale]
  const channels = frames.some(isColoured) ? 3 : 1
  const header = fields([4, width], [4, height], [1, 8], [1, channels - 1], [1, 0], [1, 0], [1, 0]) // 8 bits of grey or RGB, not interlaced
  const chunks = [chunk('IHDR', header), chunk('tEXt', latin1(`${keyword}\0${text}`))]
  const animated = frames.length > 1
  if (animated) chunks.push(chunk('acTL', fields([4, frames.length], [4, 0])))
  let sequence = 0
  for (const [i, frame] of frames.entries()) {
    const pixels = await deflate(rows(frame, { scale, channels }))
    if (animated) {
      /** @type {[4, number][]} */
      const place = [[4, width], [4, height], [4, 0], [4, 0]]
      chunks.push(chunk('fcTL', fields([4, sequence++], ...place, [2, delays[i]], [2, 1000], [1, 0], [1, 0])))
    }
    chunks.push(i ? chunk('fdAT', join(fields([4, sequence++]), pixels)) : chunk('IDAT', pixels))
  }
  chunks.push(chunk('IEND', new Uint8Array()))
  return new Blob([SIGNATURE, ...chunks], { type: 'image/png' })
}

const LONGEST = 1 << 16 // characters of a text that is unpacked: a share link has a few hundred

/**
 * Unpacks the text of a chunk; undefined where it cannot be, or is too long.
 * @param {Uint8Array} bytes
 */
async function inflate(bytes) {
  const part = /** @type {BlobPart} */ (bytes)
  const reader = new Blob([part]).stream().pipeThrough(new DecompressionStream('deflate')).getReader()
  /** @type {Uint8Array[]} */
  const parts = []
  try {
    for (let length = 0; ;) {
      const { done, value } = await reader.read()
      if (done) return join(...parts)
      length += value.length
      if (length > LONGEST) return await reader.cancel().then(() => undefined)
      parts.push(value)
    }
  } catch {
    return undefined
  }
}

/** Both parts of bytes with a zero between them. @param {Uint8Array} bytes */
function split(bytes) {
  const at = bytes.indexOf(0)
  return at < 0 ? [bytes, new Uint8Array()] : [bytes.subarray(0, at), bytes.subarray(at + 1)]
}

/** @param {Uint8Array} bytes */
const fromLatin1 = bytes => bytes.reduce((text, byte) => text + String.fromCharCode(byte), '')
/** @param {Uint8Array} bytes */
const fromUtf8 = bytes => new TextDecoder().decode(bytes)

/**
 * How each kind of text chunk holds its text behind the keyword: plain, packed, or with a language and perhaps packed.
 * @type {Record<string, (bytes: Uint8Array) => string | Promise<string | undefined>>}
 */
const TEXTS = {
  tEXt: fromLatin1,
  zTXt: async bytes => {
    const plain = await inflate(bytes.subarray(1)) // after the method, of which there is one
    return plain && fromLatin1(plain)
  },
  iTXt: async bytes => {
    const [, text] = split(split(bytes.subarray(2))[1]) // after the language and the translated keyword
    const plain = bytes[0] ? await inflate(text) : text
    return plain && fromUtf8(plain)
  },
}

/**
 * Reads a text wherever it stands in the file, before the picture's data or behind, in every kind of chunk that there is for it.
 * @param {Uint8Array} bytes of a file
 * @param {string[]} keywords
 * @returns {Promise<{ png: boolean, damaged?: boolean, text?: string }>} the text that stands under one of the keywords, if any
 */
export async function readPngText(bytes, keywords) {
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) return { png: false }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at)
    const end = at + 8 + length
    if (end + 4 > bytes.length) return { png: true, damaged: true }
    const body = bytes.subarray(at + 4, end)
    const type = fromLatin1(body.subarray(0, 4))
    if (type === 'IEND') return { png: true }
    if (Object.hasOwn(TEXTS, type)) {
      const [keyword, rest] = split(body.subarray(4))
      if (keywords.includes(fromLatin1(keyword))) {
        const text = crc32(body) === view.getUint32(end) ? await TEXTS[type](rest) : undefined
        return text === undefined ? { png: true, damaged: true } : { png: true, text }
      }
    }
    at = end + 4
  }
  return { png: true, damaged: true }
}
