// What weights are called where they are fetched from: one file, shards with a list of them, a variant; adapters' folders and files.
// Tests: tests/page/weights.test.mjs
import { QUANTIZED_WEIGHTS, taken, VAE_FILES, WEIGHTS } from '../files.js'
import { download } from './download.js'
import { shortName } from './manifest.js'

const STEM = 'unet/diffusion_pytorch_model'
const INDEX = `${STEM}.safetensors.index.json`
/** In the order in which they are looked for: nobody can list a folder of a host. */
const NAMES = [WEIGHTS, INDEX, `${STEM}.fp16.safetensors`, `${STEM}.bf16.safetensors`, QUANTIZED_WEIGHTS]
const VARIANT = /^unet\/diffusion_pytorch_model\.[^./-]+\.safetensors$/
const ADAPTER_CONFIG = 'adapter_config.json'
/** What the manifest lists in place of it. */
const QUANTIZED_ADAPTER = 'adapter_model.quantized.safetensors'
/** PEFT's, and what diffusers' scripts write. */
const ADAPTER_WEIGHTS = ['adapter_model.safetensors', 'pytorch_lora_weights.safetensors']

const text = bytes => new TextDecoder().decode(bytes)
const isAbsent = ({ code, details }) => code === 'missing' && !(details.status >= 500)

/** @param {string} folder @param {import('./download.js').Folder} options @returns {(path: string) => Promise<Uint8Array>} */
const reader = (folder, { listed, ...options }) =>
  path => download(new URL(path, folder), { file: shortName(folder, path), listed: listed?.[path], ...options })

/**
 * Name and bytes of the first file that is there. Where none is, the first one is what is missing.
 * @param {string[]} paths @param {(path: string) => Promise<Uint8Array>} read
 */
async function firstOf(paths, read) {
  let missing
  for (const path of paths) {
    try {
      return { path, bytes: await read(path) }
    } catch (error) {
      if (!isAbsent(error)) throw error
      missing ??= error
    }
  }
  throw missing
}

/**
 * The weights of a base folder: one file, or its shards in order.
 * @param {string} base
 * @param {import('./download.js').Folder & { shardNames: (index: string) => Promise<string[]>, quantized?: boolean }} options
 * @returns {Promise<Uint8Array[]>}
 */
export async function downloadWeights(base, { shardNames, quantized, ...options }) {
  const read = reader(base, options)
  const listed = options.listed && taken(options.listed, quantized)
  const offered = listed ? [...NAMES, ...Object.keys(listed).filter(path => VARIANT.test(path))].filter(path => listed[path]) : []
  const { path, bytes } = await firstOf(offered.length ? offered : NAMES, read)
  if (path !== INDEX) return [bytes]
  return Promise.all((await shardNames(text(bytes))).map(name => read(`unet/${name}`)))
}

/**
 * The autoencoder of a base folder, where the base works behind one: the manifest lists it, or `digit_diffusion.json` says so.
 * @param {string} base @param {() => Promise<string>} info asked only where there is no list: a promise that nobody waits for could fail unheard
 * @param {import('./download.js').Folder} options
 */
export async function downloadAutoencoder(base, info, options) {
  const { listed } = options
  if (listed ? !VAE_FILES.every(path => listed[path]) : JSON.parse(await info()).latent_channels === undefined) return undefined
  const [vaeConfig, vaeWeights] = await Promise.all(VAE_FILES.map(reader(base, options)))
  return { vaeConfig: text(vaeConfig), vaeWeights }
}

/**
 * Configuration and weights of an adapter's folder; no configuration where it has none.
 * @param {string} folder @param {import('./download.js').Folder & { quantized?: boolean }} options
 */
export async function downloadAdapter(folder, { quantized, ...options }) {
  const read = reader(folder, options)
  const offered = options.listed && [QUANTIZED_ADAPTER, ...ADAPTER_WEIGHTS].filter(path => path in taken(options.listed, quantized))
  const config = read(ADAPTER_CONFIG).then(text, error => {
    if (!isAbsent(error) || options.listed) throw error
    return ''
  })
  const [told, { bytes }] = await Promise.all([config, firstOf(offered?.length ? offered : ADAPTER_WEIGHTS, read)])
  return { config: told, weights: bytes }
}

/**
 * The same of a file by its own address. Beside a file with PEFT's name its configuration may lie.
 * @param {string} address @param {import('./download.js').Fetching} options
 */
export async function downloadAdapterFile(address, options) {
  const url = new URL(address)
  const file = url.pathname.split('/').at(-1)
  const weights = download(url, { file, ...options })
  if (file !== ADAPTER_WEIGHTS[0]) return { config: '', weights: await weights }
  // Hosts that answer other origins only about what they have cannot be asked.
  const config = download(new URL(ADAPTER_CONFIG + url.search, url), { file: ADAPTER_CONFIG, ...options }).then(text, error => {
    if (!isAbsent(error) && error.code !== 'network') throw error
    return ''
  })
  const [bytes, told] = await Promise.all([weights, config])
  return { config: told, weights: bytes }
}
