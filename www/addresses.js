// Where the module's files are: beside it, in the words by which bundlers find them, or where the page says.
// Tests: tests/page/policies.test.mjs, bundlers.test.mjs
import { mistakes } from './texts/module.js'

/** The folder with worker.js, engine/ and models/, once the page has named one. @type {string | undefined} */
let named

/**
 * By another name: a folder is nothing that a bundler could copy. Undefined in a classic script; a file's address in the chunks of
 * webpack, which writes down where the source was.
 * @type {string | undefined}
 */
const here = import.meta.url
const isKnown = () => Boolean(here) && (!here.startsWith('file:') || globalThis.location?.protocol === 'file:')

export const assets = {
  get folder() {
    return named ?? (isKnown() ? here.slice(0, here.replace(/[?#].*/s, '').lastIndexOf('/') + 1) : undefined)
  },
  set folder(address) {
    named = undefined
    if (address === undefined) return
    let url
    try {
      url = new URL(address, document.baseURI)
    } catch {
      throw new TypeError(mistakes.assets(String(address)))
    }
    named = url.href.replace(/[?#].*/s, '').replace(/\/?$/, '/')
  },
}

/** The models that come with the module; '' where a bundler has left no trace of them. */
export const defaultBase = () => (assets.folder === undefined ? '' : `${assets.folder}models/base/`)

/** @param {string} file @param {() => URL} bundled in the words that bundlers replace; without a bundler they are the same */
function find(file, bundled) {
  if (named) return new URL(file, named)
  try {
    return new URL(bundled().href, document.baseURI) // Turbopack's has only a path
  } catch {
    throw new TypeError(mistakes.noAssets()) // a classic script has no address
  }
}

/* Each stands here word for word: so do bundlers know a file that they are to copy. The worker is one that needs no others. */
export const workerAddress = () => find('worker.js', () => new URL('./worker.js', import.meta.url))
/** The builds of the engine, by what `findBuild` names them. */
export const engineAddresses = () => ({
  relaxed: find('engine/engine-relaxed_bg.wasm', () => new URL('./engine/engine-relaxed_bg.wasm', import.meta.url)).href,
  plain: find('engine/engine_bg.wasm', () => new URL('./engine/engine_bg.wasm', import.meta.url)).href,
})
/** The worker that teaches, and the builds of its module: nobody fetches them who does not teach. */
export const trainerAddress = () => find('training.js', () => new URL('./training.js', import.meta.url))
export const trainingAddresses = () => ({
  relaxed: find('engine/training-relaxed_bg.wasm', () => new URL('./engine/training-relaxed_bg.wasm', import.meta.url)).href,
  plain: find('engine/training_bg.wasm', () => new URL('./engine/training_bg.wasm', import.meta.url)).href,
})
