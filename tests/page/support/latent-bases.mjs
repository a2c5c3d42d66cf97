// A base behind an autoencoder: the network of tests/fixtures/unet/tiny, which works on as many channels as the autoencoder of
// tests/fixtures/autoencoder/colour makes. It draws nothing that anybody could read, in no time.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelsOf } from './bases.mjs'
import { DIST } from './server.mjs'

const FIXTURES = new URL('../../fixtures/', import.meta.url)
/** What its latents look like: some colours. */
const LATENT_RGB = [[0.5, 0, 0, 0.1, 0.1], [0, 0.5, 0, 0, 0], [0, 0.1, 0.5, 0, -0.1]]
const FACTOR = 2 // pixels of a latent's side
export const VAE = ['vae/config.json', 'vae/diffusion_pytorch_model.safetensors']
const TINY = ['digit_diffusion.json', 'unet/config.json', 'scheduler/scheduler_config.json', 'unet/diffusion_pytorch_model.safetensors']

/** @param {Record<string, Buffer>} files */
const listing = files =>
  Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }]))

/**
 * Its files, by path in the folder. Without `labels` the network's own three, whose pictures the fixtures know.
 * @param {{ size?: number, labels?: string[], previews?: boolean }} [base]
 * @returns {Promise<Record<string, Buffer>>}
 */
export async function latentBase({ size = 16, labels, previews = true } = {}) {
  const [info, config, ...others] = await Promise.all(TINY.map(path => readFile(new URL(`unet/tiny/${path}`, FIXTURES))))
  /** @type {Record<string, Buffer>} */
  let files = Object.fromEntries([info, config, ...others].map((bytes, i) => [TINY[i], bytes]))
  if (labels) {
    const models = Object.entries(await modelsOf({ labels, size })).filter(([path]) => path.startsWith('models/base/'))
    files = Object.fromEntries(models.map(([path, bytes]) => [path.replace('models/base/', ''), bytes]))
  }
  const told = { ...JSON.parse(String(files[TINY[0]])), image_size: size, patch_size: FACTOR, channels: 3, latent_channels: 4, guidance_scale: 2.2, ...(previews && { latent_rgb: LATENT_RGB }) }
  const vae = await Promise.all(VAE.map(path => readFile(new URL(`autoencoder/colour/${path}`, FIXTURES))))
  return { ...files, [TINY[0]]: Buffer.from(JSON.stringify(told)), ...Object.fromEntries(vae.map((bytes, i) => [VAE[i], bytes])) }
}

/**
 * A models folder beside the shipped ones, with a style, and the shipped manifest that lists it: what `serve` takes as `pages`.
 * @param {{ size?: number, title?: string, path?: string }} [base]
 * @returns {Promise<Record<string, Buffer>>}
 */
export async function beside({ size = 64, title = 'Ink', path = 'ink/' } = {}) {
  const shipped = JSON.parse(await readFile(join(DIST, 'models/manifest.json'), 'utf8'))
  const { labels } = shipped.base
  const files = await latentBase({ size, labels })
  /** @type {Record<string, Buffer>} */
  const style = {}
  for (const name of ['adapter_config.json', 'adapter_model.safetensors']) style[name] = await readFile(new URL(`lora/plain/${name}`, FIXTURES))
  const bytes = Object.values(files).reduce((sum, { length }) => sum + length, 0)
  const own = {
    format: 'digit-diffusion/1',
    base: { path: 'base/', title, labels, image_size: size, channels: 3, files: listing(files) },
    adapters: [{ name: 'wet', title: 'Wet', path: 'lora/wet/', files: listing(style) }],
  }
  const bases = [{ path, title, image_size: size, channels: 3, bytes }]
  /** @param {string} folder @param {Record<string, Buffer>} contents */
  const at = (folder, contents) => Object.fromEntries(Object.entries(contents).map(([name, bytes]) => [`models/${path}${folder}${name}`, bytes]))
  return {
    'models/manifest.json': Buffer.from(JSON.stringify({ ...shipped, bases })),
    [`models/${path}manifest.json`]: Buffer.from(JSON.stringify(own)),
    ...at('base/', files),
    ...at('lora/wet/', style),
  }
}
