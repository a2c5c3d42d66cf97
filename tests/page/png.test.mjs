// Settings in PNG files after other programs have had them. Made by tests/fixtures/fixturelib/png.mjs.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { crc32, deflateSync, inflateSync } from 'node:zlib'
import { difference, isColoured, lightness } from '../../www/page/colours.js'
import { KEYWORDS } from '../../www/page/export-files.js'
import { encodePng, readPngText } from '../../www/page/png.js'

const FIXTURES = new URL('../fixtures/png/', import.meta.url)
const TEXT = 'digit=7&seed=2&sampler=ddim&steps=4&guidance=1.6&lora=off'
const read = bytes => readPngText(new Uint8Array(bytes), KEYWORDS)

/** @param {string} type @param {Buffer} data */
const chunk = (type, data) => {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}
const withChunks = (...chunks) => Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), ...chunks, chunk('IEND', Buffer.alloc(0))])
const packed = (text, keyword = KEYWORDS[0]) => chunk('zTXt', Buffer.concat([Buffer.from(`${keyword}\0\0`), deflateSync(text)]))

test('survive every program that keeps a text, still and animated', async () => {
  const names = (await readdir(FIXTURES)).filter(name => name.endsWith('.png'))
  assert.ok(names.length >= 12, String(names))
  for (const name of names) assert.deepEqual(await read(await readFile(new URL(name, FIXTURES))), { png: true, text: TEXT }, name)
})

test('are written under a keyword without a space, and read under those of older files', async () => {
  assert.match(KEYWORDS[0], /^[a-z-]+$/)
  const frame = /** @type {ImageData} */ ({ width: 1, height: 1, data: new Uint8ClampedArray(4), colorSpace: 'srgb' })
  for (const keyword of KEYWORDS) {
    const file = await encodePng([frame], { scale: 1, keyword, text: TEXT })
    assert.deepEqual(await read(await file.arrayBuffer()), { png: true, text: TEXT })
  }
})

/** @param {number[]} pixels */
const row = (...pixels) => /** @type {ImageData} */ ({ width: pixels.length / 4, height: 1, data: Uint8ClampedArray.from(pixels), colorSpace: 'srgb' })

test('have the colours of pictures that have any', async () => {
  const image = row(250, 10, 30, 255, 7, 7, 7, 255)
  const file = Buffer.from(await (await encodePng([image], { scale: 2, keyword: KEYWORDS[0], text: TEXT })).arrayBuffer())
  assert.deepEqual([file[25], isColoured(image), isColoured(row(9, 9, 9, 255))], [2, true, false])
  const at = file.indexOf('IDAT')
  const pixels = inflateSync(file.subarray(at + 4, at + 4 + file.readUInt32BE(at - 4)))
  const line = [0, 250, 10, 30, 250, 10, 30, 7, 7, 7, 7, 7, 7]
  assert.deepEqual([...pixels], [...line, ...line])
})

test('are compared by the colour that changes most', () => {
  Object.assign(globalThis, { ImageData: class { constructor(width, height) { Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) }) } } })
  for (let level = 0; level < 256; level++) assert.equal(lightness(Uint8ClampedArray.of(level, level, level), 0), level)
  const change = difference(row(0, 0, 0, 255, 0, 200, 0, 255), row(255, 255, 255, 255, 255, 0, 0, 255))
  assert.deepEqual([...change.data], [255, 144, 87, 255, 96, 165, 255, 255], 'white for black is added; red for green is darker')
})

test('are found among other texts, and are not taken from them', async () => {
  const other = chunk('tEXt', Buffer.from('Software\0digit=3'))
  const bare = chunk('tEXt', Buffer.from('no keyword ends here'))
  assert.deepEqual(await read(withChunks(other, bare)), { png: true })
  assert.deepEqual(await read(withChunks(other, bare, packed(TEXT), other)), { png: true, text: TEXT })
  // A longer keyword that begins the same is another one.
  assert.deepEqual(await read(withChunks(chunk('tEXt', Buffer.from(`${KEYWORDS[2]}al camera\0x`)))), { png: true })
  const utf8 = chunk('iTXt', Buffer.concat([Buffer.from(`${KEYWORDS[0]}\0\0\0de\0Einstellungen\0digit=\u00e9`)]))
  assert.deepEqual(await read(withChunks(utf8)), { png: true, text: 'digit=\u00e9' })
})

test('that are damaged, or unpack to no end, are told', async () => {
  const damaged = { png: true, damaged: true }
  const whole = withChunks(packed(TEXT))
  const flipped = Buffer.from(whole)
  flipped[40] ^= 1
  assert.deepEqual(await read(flipped), damaged)
  assert.deepEqual(await read(whole.subarray(0, 50)), damaged)
  assert.deepEqual(await read(withChunks(chunk('zTXt', Buffer.from(`${KEYWORDS[0]}\0\0no zlib`)))), damaged)
  assert.deepEqual(await read(withChunks(packed('a'.repeat(1 << 22)))), damaged)
  assert.deepEqual(await read(Buffer.from('GIF89a')), { png: false })
})
