// Finds the list of files that belongs to a base model, with the adapters that come with it.
// Tests: tests/page/manifest.test.mjs
import { DigitDiffusionError, isAbort } from '../errors.js'
import { turboOf } from '../files.js'
import { request } from './download.js'

const FORMAT = 'digit-diffusion/1'
const nothing = { files: null, adapters: [], title: undefined, noun: undefined }
/** Stores such as S3 refuse what they do not have, to who may not list it. */
const ABSENT = [403, 404, 410]

/** "…/models/base/" + "unet/config.json" -> "base/unet/config.json": long enough to find, short enough to read. */
export const shortName = (folder, path) => `${new URL(folder).pathname.split('/').at(-2) || ''}/${path}`.replace(/^\//, '')

/**
 * `base`: absolute address of the base folder, ending in "/". `manifest`: its address, itself, none, or (undefined) "look next to the
 * base folder".
 * @param {{ base: string, manifest?: string | object | false, signal?: AbortSignal }} options
 * @returns {Promise<{ files: import('./download.js').Folder['listed'], adapters: object[], title: unknown, noun: unknown, base?: string, folder?: string }>} `files` null: nothing to
 * check by; `folder`: where the base is, where that is not `base`
 */
export async function findManifest({ base, manifest, signal }) {
  if (manifest === false) return nothing
  if (manifest && typeof manifest === 'object') return read(manifest, new URL('../', base), 'manifest')

  // What nobody has named may be somebody else's: a web app's, or the page that some hosts answer with for all they do not have.
  const guessed = manifest === undefined
  const url = new URL(String(manifest ?? '../manifest.json'), base)
  const file = url.pathname.split('/').at(-1)
  let response, text
  try {
    // "no-cache" asks the server whether the copy is still good: a list of hashes must not be older than its files.
    response = await request(url, { file, signal, cache: 'no-cache' })
    text = await response.text()
  } catch (error) {
    if (guessed && error.code === 'missing' && ABSENT.includes(error.details.status)) return nothing
    throw error instanceof DigitDiffusionError || isAbort(error) ? error : new DigitDiffusionError('network', { file })
  }
  let json
  try {
    json = JSON.parse(text)
  } catch {
    if (guessed && (/html/i.test(response.headers.get('content-type')) || /^\s*</.test(text))) return nothing
    throw new DigitDiffusionError('manifest', { file, why: /^\s*</.test(text) ? 'page' : 'json' })
  }
  // A list in a later format is no other's: going unchecked past it would have to be asked for.
  if (guessed && !String(json?.format).startsWith('digit-diffusion/')) return nothing
  // The address of a models folder that this one lists: its base is in it.
  if (guessed && Array.isArray(json.bases) && json.bases.some(({ path }) => new URL(path, url).href === base)) {
    const found = await findManifest({ base, manifest: new URL('manifest.json', base).href, signal })
    return { ...found, folder: found.base }
  }
  const list = read(json, url, file)
  return guessed && list.base !== base ? nothing : list
}

function read(json, url, file) {
  if (json?.format !== FORMAT) throw new DigitDiffusionError('manifest', { file, why: 'format' })
  if (!json.base?.files) throw new DigitDiffusionError('manifest', { file, why: 'shape' })
  return {
    base: new URL(json.base.path ?? './', url).href,
    files: json.base.files,
    title: json.base.title,
    noun: json.base.noun,
    adapters: (json.adapters ?? []).map(({ path, turbo, guidance_scale: guidanceScale, ...adapter }) => ({
      ...adapter,
      ...(turboOf(turbo) && { turbo: turboOf(turbo) }),
      ...(Number.isFinite(guidanceScale) && { guidanceScale }),
      url: new URL(path, url).href,
    })),
  }
}
