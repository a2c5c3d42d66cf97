// Defaults and checks of what callers pass in: one clear sentence per mistake.
// Tests: tests/page/class-arguments.test.mjs, class-guidance.test.mjs
import { mistakes } from './texts/module.js'

export const DEVICES = ['auto', 'webgpu', 'cpu']
export const SAMPLERS = ['dpm++2m', 'ddim', 'ddpm', 'euler']
export const SPACINGS = ['linspace', 'leading', 'trailing']
// The element shows them before the engine is there. They are those of Rust's `Request::new`, which tests compare with these: tests/it/requests.rs
// and tests/page/engine.test.mjs. The rule of guidance is the one that the model card measures.
export const DEFAULTS = Object.freeze({ device: 'auto', threads: 'auto', steps: 12, sampler: 'dpm++2m', guidanceScale: 1.6, guidanceStart: 0.2, guidanceStop: 0.75, guidanceEta: 0, eta: 0 })
/** Of the network, for a picture by these defaults: guidance asks twice at some steps, and not at all where a base has not learnt it. */
export const CALLS = Object.freeze({ guided: 19, plain: 12 })

/** Short enough to read out, long enough not to repeat. */
export const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000

const show = value => (typeof value === 'string' ? `'${value}'` : Array.isArray(value) ? `[${value}]` : String(value))
const isSeed = value => Number.isSafeInteger(value) && value >= 0

export function checkDevice(device) {
  if (!DEVICES.includes(device)) throw new TypeError(mistakes.device(show(device)))
  return device
}

export function checkThreads(threads) {
  if (threads !== 'auto' && !(Number.isInteger(threads) && threads >= 1)) throw new TypeError(mistakes.threads(show(threads)))
  return threads
}

export function checkScales(scales, known) {
  if (scales === null || typeof scales !== 'object' || Array.isArray(scales)) throw new TypeError(mistakes.scales(show(scales)))
  for (const [name, scale] of Object.entries(scales)) {
    if (!known.includes(name)) throw new RangeError(mistakes.adapterUnknown(name, known))
    if (!Number.isFinite(scale)) throw new TypeError(mistakes.scale(name, show(scale)))
  }
  return { ...scales }
}

/** Index of a class by its name; names that differ in their Unicode form alone, as on macOS, are the same. */
export function labelIndex(name, labels) {
  const exact = labels.indexOf(name)
  return exact >= 0 ? exact : labels.findIndex(label => label.normalize() === name.normalize())
}

function checkLabel(label, labels) {
  const index = typeof label === 'string' ? labelIndex(label, labels) : label
  if (typeof label !== 'string' && typeof label !== 'number') throw new TypeError(mistakes.label(show(label), labels))
  if (!Number.isInteger(index) || index < 0 || index >= labels.length) throw new RangeError(mistakes.label(show(label), labels))
  return index
}

function checkSeed(seed) {
  if (typeof seed !== 'number') throw new TypeError(mistakes.seed(show(seed)))
  if (!isSeed(seed)) throw new RangeError(mistakes.seed(show(seed)))
  return seed
}

function checkLatents(latents, length) {
  if (!(latents instanceof Float32Array)) throw new TypeError(mistakes.latentsType(show(latents)))
  if (latents.length !== length) throw new RangeError(mistakes.latentsLength(latents.length, length))
  return latents
}

/** Which noise is asked for. @param {number} seed @param {{ to?: number, share?: number }} way */
export function readNoise(seed, { to, share } = {}) {
  checkSeed(seed)
  if (to === undefined && share === undefined) return { seed }
  if (to === undefined) throw new TypeError(mistakes.noiseWay())
  if (!(share >= 0 && share <= 1)) throw new RangeError(mistakes.share(show(share)))
  return { seed, to: checkSeed(to), share }
}

/** The defaults of a base while these adapters are on: the largest guidance that one of them asks for, else the base's; and how the one is drawn
 * with that was taught to draw in few steps, where there is one.
 * @param {{ guidanceScale?: number }} facts @returns {typeof DEFAULTS & { timestepSpacing?: string }} */
export function defaultsWith({ guidanceScale = DEFAULTS.guidanceScale }, adapters = [], scales = {}) {
  const turbo = adapters.find(({ name, turbo }) => turbo && scales[name])?.turbo
  const asked = adapters.filter(({ name }) => scales[name] > 0).flatMap(({ guidanceScale = [] }) => guidanceScale)
  return { ...DEFAULTS, guidanceScale: asked.length ? Math.max(...asked) : guidanceScale, ...turbo }
}

/** What the engine's `sample` wants: label indices and seeds of equal length, everything filled in.
 * @param {any} options @param {{ labels: string[], latents: number }} facts `latents`: how many a picture has @param {typeof DEFAULTS & { timestepSpacing?: string }} [defaults] */
export function readSampleOptions(options, { labels, latents: length }, defaults = DEFAULTS) {
  if (options === null || typeof options !== 'object') throw new TypeError(mistakes.options(show(options)))
  const { label, seed = randomSeed(), steps = defaults.steps, sampler = defaults.sampler, timestepSpacing = defaults.timestepSpacing } = options
  const { guidanceScale = defaults.guidanceScale, guidanceStart = defaults.guidanceStart, guidanceStop = defaults.guidanceStop } = options
  const { guidanceEta = defaults.guidanceEta, eta = defaults.eta, latents, raw = false, attention = false } = options

  if (!Number.isInteger(steps) || steps < 1) throw new RangeError(mistakes.steps(show(steps)))
  if (!SAMPLERS.includes(sampler)) throw new RangeError(mistakes.sampler(show(sampler), SAMPLERS))
  if (timestepSpacing !== undefined && !SPACINGS.includes(timestepSpacing)) throw new RangeError(mistakes.timestepSpacing(show(timestepSpacing), SPACINGS))
  if (!Number.isFinite(guidanceScale)) throw new RangeError(mistakes.guidanceScale(show(guidanceScale)))
  if (!(guidanceStart >= 0 && guidanceStart < 1)) throw new RangeError(mistakes.guidanceStart(show(guidanceStart)))
  if (!(guidanceStop >= guidanceStart && guidanceStop <= 1)) throw new RangeError(mistakes.guidanceStop(guidanceStart, show(guidanceStop)))
  if (!(guidanceEta >= 0 && guidanceEta <= 1)) throw new RangeError(mistakes.guidanceEta(show(guidanceEta)))
  if (!(eta >= 0 && eta <= 1)) throw new RangeError(mistakes.eta(show(eta)))

  const batched = Array.isArray(label) || Array.isArray(seed)
  const chosen = [label].flat().map(value => checkLabel(value, labels))
  const seeds = [seed].flat().map(checkSeed)
  if (!chosen.length || !seeds.length) throw new RangeError(mistakes.emptyBatch())
  if (Array.isArray(label) && Array.isArray(seed) && chosen.length !== seeds.length) {
    throw new RangeError(mistakes.batch(chosen.length, seeds.length))
  }
  const size = Math.max(chosen.length, seeds.length)
  const spread = values => Array.from({ length: size }, (_, i) => values[Math.min(i, values.length - 1)])
  const adds = { raw: Boolean(raw), attention: Boolean(attention) }
  const guidance = { guidanceScale, guidanceStart, guidanceStop, guidanceEta }
  const visits = timestepSpacing === undefined ? {} : { timestepSpacing }
  const request = { labels: spread(chosen), seeds: spread(seeds), steps, sampler, ...visits, ...guidance, eta, ...adds }
  const noise = latents === undefined ? {} : { latents: checkLatents(latents, size * length) }
  return { request: { ...request, ...noise }, batched }
}

const isWhole = value => Number.isSafeInteger(value) && value >= 1

/** What is to be learnt: pictures, and the index of the class of each. */
function checkLessons({ images, labels }, { labels: known, imageSize }) {
  const [all, named] = [images, labels].map(list => (list?.[Symbol.iterator] && typeof list !== 'string' ? Array.from(list) : undefined))
  if (!all?.length || all.length !== named?.length) throw new TypeError(mistakes.toLearn(all?.length ?? show(images), named?.length ?? show(labels)))
  const size = imageSize * imageSize
  all.forEach((image, i) => {
    if (image instanceof Uint8Array && image.length !== size) throw new RangeError(mistakes.toLearnSize(i, image.length, size))
  })
  return { images: all, labels: named.map(label => checkLabel(label, known)) }
}

/** What the trainer's worker wants of `train`'s options, beside those that the page itself heeds. */
export function readTrainOptions(options, facts) {
  if (options === null || typeof options !== 'object') throw new TypeError(mistakes.train(show(options)))
  const { images: _, labels: _1, heldOut, steps, rank, alpha, targets, seed, resume, threads = DEFAULTS.threads, ...rest } = options
  for (const [name, value] of Object.entries({ steps, rank })) {
    if (value !== undefined && !isWhole(value)) throw new RangeError(mistakes.whole(name, show(value)))
  }
  if (seed !== undefined) checkSeed(seed)
  if (resume !== undefined && !(resume instanceof Uint8Array)) throw new TypeError(mistakes.resume(show(resume)))
  const lessons = checkLessons(options, facts)
  return { ...rest, ...lessons, heldOut: heldOut === false ? { images: [], labels: [] } : heldOut && checkLessons(heldOut, facts), options: { steps, rank, alpha, targets, seed }, resume, threads: checkThreads(threads) }
}
