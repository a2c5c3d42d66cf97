// Finds the list of files that belongs to a base model, with the adapters that come with it.
import { DigitDiffusionError } from '../errors.js'
import { request } from './download.js'

const FORMAT = 'digit-diffusion/1'
const nothing = { files: null, adapters: [] }

/** "…/models/base/" + "unet/config.json" -> "base/unet/config.json": long enough to find, short enough to read. */
export const shortName = (folder, path) => `${new URL(folder).pathname.split('/').at(-2) || ''}/${path}`.replace(/^\//, '')

/**
 * @param {string} base absolute address of the base folder, ending in "/"
 * @param {string | object | false | undefined} manifest its address, itself, none, or "look beside the base folder"
 * @returns {Promise<{ files: object | null, adapters: object[] }>} `files` null: nothing to check by
 */
export async function findManifest({ base, manifest, signal }) {
  if (manifest === false) return nothing
  if (manifest && typeof manifest === 'object') return read(manifest, new URL('../', base), 'manifest')

  const url = new URL(manifest ?? '../manifest.json', base)
  const file = url.pathname.split('/').at(-1)
  let response
  try {
    // "no-cache" asks the server whether the copy is still good: a list of hashes must not be older than its files.
    response = await request(url, { file, signal, cache: 'no-cache' })
  } catch (error) {
    if (manifest === undefined && error.code === 'missing' && error.details.status === 404) return nothing
    throw error
  }
  let json
  try {
    json = JSON.parse(await response.text())
  } catch {
    throw new DigitDiffusionError('manifest', { file, why: 'json' })
  }
  const list = read(json, url, file)
  // A manifest that was only found, not named, counts if it speaks of this very folder.
  return manifest === undefined && list.base !== base ? nothing : list
}

function read(json, url, file) {
  if (json?.format !== FORMAT) throw new DigitDiffusionError('manifest', { file, why: 'format' })
  if (!json.base?.files) throw new DigitDiffusionError('manifest', { file, why: 'shape' })
  return {
    base: new URL(json.base.path ?? './', url).href,
    files: json.base.files,
    adapters: (json.adapters ?? []).map(({ path, ...adapter }) => ({ ...adapter, url: new URL(path, url).href })),
  }
}
