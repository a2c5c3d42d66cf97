// What is to be learnt, as the network sees it: what is not of its size is prepared first.
// Tests: tests/page/train.test.mjs
import * as wasm from '../engine/training.js'
import { pixelsOf } from './pixels.js'

/** @typedef {ImageData | ImageBitmap | Blob | Uint8Array} Source */

/** Grey levels of one picture. @param {Source} source @param {number} size */
async function levelsOf(source, size) {
  if (source instanceof Uint8Array) return source
  const { data, width, height } = await pixelsOf(source)
  const ready = width === size && height === size
  const { characters } = wasm.prepare(data, width, height, { size, fit: ready ? 'none' : 'mnist', ink: ready ? 'light' : 'auto', one: true })
  return characters[0].pixels
}

/** @param {Source[]} images @param {number[]} labels @param {number} size */
export async function picturesOf(images, labels, size) {
  const levels = new Uint8Array(images.length * size * size)
  for (const [i, source] of images.entries()) {
    try {
      levels.set(await levelsOf(source, size), i * size * size)
    } catch (error) {
      throw Object.assign(error, { fields: { ...error.fields, index: i } })
    }
  }
  return { levels, labels }
}
