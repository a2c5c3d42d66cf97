// A drawing's settings as text: digit=7&seed=2&…, as the share link and a saved picture carry them.
// Tests: tests/page/share-link.test.mjs, files.test.mjs
import { SAMPLERS } from '../options.js'
import { live } from '../texts/page.js'

const HASH_LENGTH = 12 // enough of the base's hash to tell two apart

/**
 * What the text may ask for.
 * @typedef {{ digit?: string, seed?: number, steps?: number, sampler?: Sampler, guidance?: number, lora?: boolean,
 *   turbo?: string, morph?: { to: number, share: number }, styles?: Record<string, number>, base?: string }} Settings `base`: the beginning of the base's hash, or the name of one that the manifest lists; `turbo`: the name of an adapter
 * @typedef {import('../digit-diffusion.js').Sampler} Sampler
 */

/** @param {string} value */
const whole = value => (/^\d+$/.test(value) && Number.isSafeInteger(Number(value)) ? Number(value) : NaN)
/** @param {number} from @param {number} to @param {number} number */
const between = (from, to, number) => (number >= from && number <= to ? number : undefined)
/** @param {string | number} value */
const encode = value => encodeURIComponent(value).replace(/%(3A|2C)/g, decodeURIComponent)
/** A comma stands between styles. @param {string} name */
const escapeName = name => name.replace(/[%,]/g, encodeURIComponent)
/** @param {string} name */
const unescapeName = name => name.replace(/%(25|2C)/g, decodeURIComponent)
/** @param {string} text */
const decimal = text => (text?.trim() ? Number(text) : NaN)

/** @param {string} hash as the engine gives it, "sha256-…" */
const short = hash => hash.replace('sha256-', '').slice(0, HASH_LENGTH)

/** @param {string} text */
function readStyles(text) {
  const pairs = text.split(',').filter(Boolean).map(pair => {
    const at = pair.lastIndexOf(':')
    return [unescapeName(pair.slice(0, at)), between(-1, 2, decimal(pair.slice(at + 1)))]
  })
  return pairs.length && pairs.every(([name, strength]) => name && strength !== undefined) ? Object.fromEntries(pairs) : undefined
}

/** "9:0.25": a quarter of the way to the noise of seed 9. @param {string} text */
function readMorph(text) {
  const [to, share] = text.split(':')
  const way = { to: between(0, Number.MAX_SAFE_INTEGER, whole(to)), share: between(0, 1, decimal(share)) }
  return way.to === undefined || way.share === undefined ? undefined : way
}

/**
 * How each setting is read; undefined where the text says nothing that the page can set.
 * @type {{ [Name in keyof Settings]-?: (text: string) => Settings[Name] }}
 */
const READ = {
  digit: text => text,
  seed: text => between(0, Number.MAX_SAFE_INTEGER, whole(text)),
  steps: text => between(1, 60, whole(text)),
  sampler: text => /** @type {Sampler[]} */ (SAMPLERS).find(name => name === text),
  guidance: text => between(1, 6, decimal(text)),
  lora: text => (text === 'on' ? true : text === 'off' ? false : undefined),
  turbo: text => text.trim() || undefined,
  morph: readMorph,
  styles: readStyles,
  base: text => text.trim() || undefined,
}

/** @param {Omit<Settings, 'base' | 'styles' | 'morph'> & { way?: Settings['morph'], styles: Record<string, number>, baseHash?: string, baseName?: string }} settings of the controls, and the base's hash; its name, where it is not the page's own */
export function writeSettings({ digit, seed, steps, sampler, guidance, turbo, way, lora, styles, baseHash, baseName }) {
  const mixed = Object.entries(styles).map(([name, strength]) => `${escapeName(name)}:${strength}`).join(',')
  const morph = way && `${way.to}:${way.share}`
  const switches = { turbo, morph, lora: lora ? 'on' : 'off', styles: mixed || undefined }
  const fields = { digit, seed, sampler, steps, guidance, ...switches, base: baseName ?? (baseHash && short(baseHash)) }
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return given.map(([name, value]) => `${name}=${encode(value)}`).join('&')
}

/**
 * What the text asks for, and a sentence for each setting that it asks for in vain.
 * @param {string} text
 * @returns {{ settings: Settings, complaints: string[] } | undefined} undefined: this is no text of settings
 */
export function readSettings(text) {
  const given = [...new URLSearchParams(text)].filter(([name]) => Object.hasOwn(READ, name))
  if (!given.length) return undefined
  /** @type {Record<string, unknown>} */
  const settings = {}
  /** @type {string[]} */
  const complaints = []
  for (const [name, value] of given) {
    const read = READ[/** @type {keyof Settings} */ (name)](value)
    if (read === undefined) complaints.push(live.unreadable(name, value.slice(0, 40)))
    else settings[name] = read
  }
  return { settings, complaints }
}

/** Whether a link's `base` is the beginning of a hash. @param {string} base */
export const isHash = base => /^[0-9a-f]{6,64}$/.test(base)

/** Whether `base`, the beginning of a hash, is that of the model. @param {string} base @param {string} baseHash */
export const isBase = (base, baseHash) => baseHash.replace('sha256-', '').startsWith(base)
