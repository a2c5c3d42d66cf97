// Small bases that are not of digits: the network of tests/fixtures/unet/tiny with classes, words and sizes of its own. They draw nothing
// that anybody could read, in no time.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

const TINY = new URL('../../fixtures/unet/tiny/', import.meta.url)
const LABELLED = 'encoder_hid_proj.weight' // the one tensor that is as large as there are classes
/** Tensors that are as large as there are channels of latents, and along which side. @type {[string, number][]} */
const EDGES = [['conv_in.weight', 1], ['conv_out.weight', 0], ['conv_out.bias', 0]]
const FILES = ['digit_diffusion.json', 'unet/config.json', 'scheduler/scheduler_config.json', 'unet/diffusion_pytorch_model.safetensors']

/** Numbers that look random, the same each time. */
function* numbers() {
  for (let x = 1; ; x = (x * 48271) % 0x7fffffff) yield x / 0x7fffffff - 0.5
}

/**
 * The weights with the tensor of labels as wide as `width`, and as many copies of what comes in and goes out as there are `channels`.
 * @param {Buffer} file @param {number} width @param {number} channels
 */
function widen(file, width, channels) {
  const length = Number(file.readBigUInt64LE(0))
  const { __metadata__, ...tensors } = JSON.parse(file.toString('utf8', 8, 8 + length))
  const random = numbers()
  let at = 0
  const parts = Object.entries(tensors).map(([name, tensor]) => {
    const [from, to] = tensor.data_offsets
    let bytes = file.subarray(8 + length + from, 8 + length + to)
    if (name === LABELLED) {
      tensor.shape = [tensor.shape[0], width]
      bytes = Buffer.from(Float32Array.from({ length: tensor.shape[0] * width }, () => random.next().value || 0).buffer)
    }
    const [, axis] = EDGES.find(([edge]) => edge === name) ?? []
    if (axis !== undefined && channels > 1) {
      tensor.shape[axis] *= channels
      const length = tensor.shape.reduce((product, side) => product * side, 1)
      bytes = Buffer.from(Float32Array.from({ length }, () => random.next().value || 0).buffer)
    }
    tensor.data_offsets = [at, (at += bytes.length)]
    return bytes
  })
  const header = Buffer.from(JSON.stringify(tensors))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([size, header, ...parts])
}

/**
 * The folder models/ of such a base, file by file: what `serve` takes as `pages`, under `models/`.
 * @param {{ labels: string[], title?: string, noun?: { one: string, many: string }, size?: number, channels?: number, conditional?: boolean }} base
 * @returns {Promise<Record<string, Buffer>>}
 */
export async function modelsOf({ labels, title, noun, size = 28, channels = 1, conditional = true }) {
  const [info, config, scheduler, weights] = await Promise.all(FILES.map(path => readFile(new URL(path, TINY))))
  const told = { ...JSON.parse(String(info)), labels, image_size: size, ...(channels > 1 && { channels }), ...(!conditional && { null_class_trained: false }) }
  const width = (labels.length + 1) * told.tokens_per_class
  const unet = { ...JSON.parse(String(config)), sample_size: size / told.patch_size, encoder_hid_dim: width, in_channels: channels * told.patch_size ** 2, out_channels: channels * told.patch_size ** 2 }
  const contents = [told, unet].map(json => Buffer.from(JSON.stringify(json)))
  /** @type {Record<string, Buffer>} */
  const files = Object.fromEntries([...contents, scheduler, widen(weights, width, channels)].map((bytes, i) => [FILES[i], bytes]))
  const listed = Object.entries(files).map(([path, bytes]) => [path, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }])
  const manifest = { format: 'digit-diffusion/1', base: { path: 'base/', title, noun, labels, image_size: size, files: Object.fromEntries(listed) }, adapters: [] }
  return {
    'models/manifest.json': Buffer.from(JSON.stringify(manifest)),
    ...Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`models/base/${path}`, bytes])),
  }
}

export const LETTERS = { labels: [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'], title: 'Letters of the office', noun: { one: 'letter', many: 'letters' } }

const KINDS = ['Löwenzahn', 'Donaudampfschifffahrtsgesellschaftskapitänsmütze', '蒲公英', 'شقائق النعمان', 'common daisy of the meadows', 'אַבְרָהָם', 'O’Neill’s "rose"', '🌷 tulip']
const ODD = ['<b>bold</b>', 'a&b', '100 %', '#1', '1,5', 'x=y', ' ', 'a+b', '%41', 'n'.repeat(100), 'école', 'ECOLE', 'Straße', '../up', 'null', 'constructor']
/** 400 classes with names of all kinds. */
export const MANY = {
  labels: [...ODD, ...Array.from({ length: 400 - ODD.length }, (_, i) => `${KINDS[i % KINDS.length]} ${1 + Math.floor(i / KINDS.length)}`)],
  title: 'Plants <i>&</i> "weeds" of the meadow, drawn by all who walked there in the summer of the year 2026, and later',
  noun: { one: 'ornament', many: 'ornaments' },
}
export const FEW_LONG = { labels: ['oak leaf', 'maple leaf', 'Donaudampfschifffahrtsgesellschaftskapitänsmütze', 'ginkgo', '银杏叶', 'ورقة'], title: 'Leaves', noun: { one: 'leaf', many: 'leaves' } }
export const ONE = { labels: ['face'], title: 'Faces', noun: { one: 'face', many: 'faces' }, conditional: false }
export const LARGE = { ...LETTERS, size: 64, channels: 3 }
