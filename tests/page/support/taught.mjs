// A short run of the trainer (tests/fixtures/taught, made by tests/it/taught.rs), which browsers repeat: the same pictures, seed and jobs.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { readTensors } from './adapters.mjs'
import { largestDifference } from './pictures.mjs'

const FIXTURES = new URL('../../fixtures/', import.meta.url)
const SIDE = 28
const RELATIVE = 1e-4 // of what has been learnt, and of losses
const LEVELS = 2 // of 255, of pictures

/** Stands before training.js: its clock runs fast, so that it tells of every step. */
export const EVERY_STEP = `{ const now = performance.now.bind(performance); performance.now = () => 1000 * now() }\n`

/** What the trainer was given, and what came of it. */
export async function readTaught() {
  const read = (/** @type {string} */ path) => readFile(new URL(path, FIXTURES))
  const [run, weights, images, labels] = await Promise.all(['taught/run.json', 'taught/adapter_model.safetensors', 'mnist-64.idx3', 'mnist-64.idx1'].map(read))
  const { pictures, losses, ...options } = JSON.parse(String(run))
  const picture = (/** @type {number} */ i) => [...images.subarray(16 + i * SIDE ** 2, 16 + (i + 1) * SIDE ** 2)]
  const all = Array.from({ length: pictures }, (_, i) => i)
  return { options, losses, weights, images: all.map(picture), labels: all.map(i => labels[8 + i]) }
}

/** To be run in the page: teaches the same; its losses, its file, and pictures drawn with the trainer's adapter and with its own. */
const learn = async ({ options, weights, images, labels }) => {
  const { DigitDiffusion } = await import(new URL('digit-diffusion.js', location.href).href)
  const model = await DigitDiffusion.load('models/base/', { device: 'cpu', quantized: false }) // the trainer's weights
  const losses = []
  const lessons = { images: images.map(levels => Uint8Array.from(levels)), labels, heldOut: /** @type {false} */ (false) }
  for await (const { step, loss } of model.train('mine', { ...lessons, ...options })) if (step) losses.push(loss)
  await model.addAdapter('native', new File([Uint8Array.from(weights)], 'native.safetensors'))
  const draw = async adapters => {
    let last
    for await (const step of model.sample({ label: model.labels, seed: model.labels.map((_, i) => i), adapters })) last = step
    return last.image.flatMap(({ data }) => Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]))
  }
  const pictures = [await draw({ native: 1 }), await draw({ mine: 1 }), await draw({})]
  const file = await model.exportAdapter('mine')
  model.dispose()
  return { losses, pictures, bytes: Array.from(new Uint8Array(await file.arrayBuffer())) }
}

/** How far off `wanted`, relative to its length. @param {number[]} got @param {number[]} wanted */
const relative = (got, wanted) => Math.hypot(...got.map((value, i) => value - wanted[i])) / Math.hypot(...wanted)

/**
 * Teaches in a blank page whose training.js begins with EVERY_STEP, and compares with the trainer.
 * @param {import('playwright-core').Page} page
 * @returns {Promise<string>} how far off it is
 */
export async function learnsAsTheTrainer(page) {
  const taught = await readTaught()
  const { losses, pictures, bytes } = await page.evaluate(learn, { ...taught, weights: [...taught.weights] })
  assert.equal(losses.length, taught.options.steps)
  const [mine, native] = await Promise.all([Buffer.from(bytes), taught.weights].map(readTensors))
  assert.deepEqual(mine.names, native.names)
  // The first factors are random and hardly move: what is learnt is in the second ones.
  const learnt = ({ names, read }) => names.filter(name => name.includes('lora_B')).flatMap(read)
  const off = { adapter: relative(learnt(mine), learnt(native)), losses: relative(losses, taught.losses), levels: largestDifference(pictures[1], pictures[0]) }
  const told = `adapter ${off.adapter.toExponential(1)}, losses ${off.losses.toExponential(1)}, pictures ${off.levels} of 255 levels off`
  assert.ok(off.adapter <= RELATIVE && off.losses <= RELATIVE && off.levels <= LEVELS, told)
  assert.ok(largestDifference(pictures[1], pictures[2]) > 20 * LEVELS, 'the adapter changes what is drawn')
  return told
}
