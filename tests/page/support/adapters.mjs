// The shipped adapters' weights, as they are or with another header.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DIST } from './server.mjs'

/**
 * A shipped adapter's weights in which `change` has rewritten the header, JSON text.
 * @param {string} style
 * @param {(header: string) => string} [change]
 */
export async function adapterWeights(style, change = text => text) {
  const buffer = await readFile(join(DIST, `models/lora/${style}/adapter_model.safetensors`))
  const length = Number(buffer.readBigUInt64LE(0))
  const header = Buffer.from(change(buffer.toString('utf8', 8, 8 + length)))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([size, header, buffer.subarray(8 + length)])
}
