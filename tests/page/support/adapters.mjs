// Adapters' weights: those that are shipped, as they are or with another header; safetensors files, read and written.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DIST } from './server.mjs'

/**
 * A shipped adapter's weights in which `change` has rewritten the header, JSON text.
 * @param {string} style
 * @param {(header: string) => string} [change]
 * @param {string} [file] in the adapter's folder
 */
export async function adapterWeights(style, change = text => text, file = 'adapter_model.safetensors') {
  const buffer = await readFile(join(DIST, `models/lora/${style}/${file}`))
  const length = Number(buffer.readBigUInt64LE(0))
  const header = Buffer.from(change(buffer.toString('utf8', 8, 8 + length)))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([size, header, buffer.subarray(8 + length)])
}

/**
 * A shipped adapter's weights whose header says something more.
 * @param {string} style @param {Record<string, string>} said
 */
export const adapterSaying = (style, said) =>
  adapterWeights(style, header => {
    const { __metadata__, ...tensors } = JSON.parse(header)
    const text = JSON.stringify({ __metadata__: { ...__metadata__, ...said }, ...tensors })
    return text.padEnd(Math.ceil(text.length / 8) * 8)
  })

/** The f32 tensors of a safetensors file, by name. @param {Buffer | URL} source the bytes, or where they are */
export async function readTensors(source) {
  const bytes = source instanceof URL ? await readFile(source) : source
  const length = Number(bytes.readBigUInt64LE(0))
  const { __metadata__: metadata, ...header } = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  const values = ({ data_offsets: [from, to] }) => {
    const start = bytes.byteOffset + 8 + length
    return [...new Float32Array(bytes.buffer.slice(start + from, start + to))]
  }
  return { metadata, read: name => values(header[name]), names: Object.keys(header) }
}

/** A safetensors file of 32-bit floats. @param {Record<string, { shape: number[], values: Float32Array }>} tensors */
export function safetensors(tensors) {
  let at = 0
  const header = Object.entries(tensors).map(([name, { shape, values }]) => [name, { dtype: 'F32', shape, data_offsets: [at, (at += values.byteLength)] }])
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([size, json, ...Object.values(tensors).map(({ values }) => Buffer.from(values.buffer))])
}

/**
 * A file under kohya's names that changes layers of the shipped base: Linears and convolutions by LoRA of rank 1, norms by differences.
 * @param {(path: string, shape: number[]) => boolean} [choose] of which layers; by default all that the base has
 */
export async function adapterOfLayers(choose = () => true) {
  const base = await readFile(join(DIST, 'models/base/unet/diffusion_pytorch_model.safetensors'))
  const { __metadata__, ...weights } = JSON.parse(base.toString('utf8', 8, 8 + Number(base.readBigUInt64LE(0))))
  const paths = Object.keys(weights).filter(name => name.endsWith('.weight')).map(name => name.slice(0, -'.weight'.length)).filter(path => choose(path, weights[`${path}.weight`].shape))
  let x = 1
  const tensor = (...shape) => ({ shape, values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => ((x = (x * 48271) % 0x7fffffff) / 0x7fffffff - 0.5) / 5) })
  const tensors = paths.flatMap(path => {
    const name = `lora_unet_${path.replaceAll('.', '_')}`
    const [out, ...inner] = weights[`${path}.weight`].shape
    if (!inner.length) return [[`${name}.w_norm`, tensor(out)], [`${name}.b_norm`, tensor(out)]]
    return [[`${name}.lora_down.weight`, tensor(1, ...inner)], [`${name}.lora_up.weight`, tensor(out, 1, ...inner.slice(1).map(() => 1))]]
  })
  return { paths, file: safetensors(Object.fromEntries(tensors)) }
}
