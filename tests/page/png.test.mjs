// Settings in PNG files after other programs have had them. Made by tests/fixtures/fixturelib/png.mjs.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { crc32, deflateSync } from 'node:zlib'
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
