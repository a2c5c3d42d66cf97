// Stand-ins for adapters that were taught to draw in few steps: shipped styles whose headers, and whose entries in the manifest, say so.
// What they draw is no digit, but theirs alone: the base's trajectory is another one.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { adapterSaying } from './adapters.mjs'
import { fingerprint } from './pictures.mjs'
import { DIST } from './server.mjs'

/** @param {number} steps as file and manifest say it */
const ruleOf = steps => ({ guidance_scale: 1, sampler: 'ddim', steps, timestep_spacing: 'trailing' })

/**
 * The weights of a style, with that in their header.
 * @param {number} steps @param {string} [style]
 */
export const turboWeights = (steps, style = 'slanted') =>
  adapterSaying(style, { 'modelspec.title': `turbo-${steps}`, 'digit_diffusion.turbo': JSON.stringify(ruleOf(steps)) })

/**
 * The files of the models that change where they list such adapters, turbo-4 and so on, and no others: what `serve` takes as `pages`.
 * @param {number[]} steps of each
 */
export async function turboPages(...steps) {
  const manifest = JSON.parse(await readFile(join(DIST, 'models/manifest.json'), 'utf8'))
  const styles = manifest.adapters.filter(({ turbo }) => !turbo)
  /** @type {Record<string, Buffer>} */
  const pages = {}
  for (const count of steps) {
    const name = `turbo-${count}`
    const files = {
      'adapter_config.json': await readFile(join(DIST, 'models/lora/slanted/adapter_config.json')),
      'adapter_model.safetensors': await turboWeights(count, count === 4 ? 'slanted' : 'bold'),
    }
    const listed = Object.entries(files).map(([file, bytes]) => [file, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }])
    styles.push({ name, title: name, path: `lora/${name}/`, turbo: ruleOf(count), files: Object.fromEntries(listed) })
    for (const [file, bytes] of Object.entries(files)) pages[`models/lora/${name}/${file}`] = bytes
  }
  pages['models/manifest.json'] = Buffer.from(JSON.stringify({ ...manifest, adapters: styles }))
  return pages
}

/**
 * The fingerprint of what the class draws with the adapters of the manifest, in a page of its own; `noise` is what noise() is asked for, in
 * place of a seed.
 * @param {import('playwright-core').Page} page @param {import('./server.mjs').Server} server
 * @param {{ label: number, seed?: number, noise?: any[], adapters?: Record<string, number> }} options
 */
export async function drawnByClass(page, server, options) {
  const other = await page.context().newPage()
  await other.goto(`${server.url}blank.html`)
  const data = await other.evaluate(async ({ adapters = {}, noise, ...options }) => {
    const { DigitDiffusion } = await import(new URL('digit-diffusion.js', location.href).href)
    const model = await DigitDiffusion.load(undefined, { device: 'cpu' })
    for (const name of Object.keys(adapters)) await model.addAdapter(name)
    const latents = noise && (await model.noise(...noise))
    let last
    for await (const step of model.sample({ ...options, adapters, latents })) last = step
    model.dispose()
    return [...last.image.data]
  }, options)
  await other.close()
  return fingerprint(data)
}
