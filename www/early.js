// Runs while the page is read, before its other scripts are there: begins the download of the model.
// Tests: tests/page/first-visit.test.mjs
import { probeBuild } from './build.js'
import { begin } from './early-downloads.js'
import { BASE_FILES, ENGINE_FILES, QUANTIZED_WEIGHTS, WEIGHTS } from './files.js'

const { connection } = /** @type {Navigator & { connection?: { saveData?: boolean } }} */ (navigator)
const savesData = connection?.saveData || matchMedia('(prefers-reduced-data: reduce)').matches
const build = probeBuild()
if (build && !savesData) {
  const named = new URLSearchParams(location.hash.slice(1)).get('base') ?? ''
  // A link may name another of the bases that the manifest lists: its files are left to the worker, and the page's own base is not fetched.
  const other = /^[\w-]+$/.test(named) && !/^[0-9a-f]{6,64}$/.test(named)
  const models = new URL('models/', document.baseURI)
  const base = new URL(other ? `${named}/base/` : 'base/', models)
  // The build says where there is none in fewer bits (xtask/bundle/words.mjs).
  const weights = 'full' in document.documentElement.dataset ? WEIGHTS : QUANTIZED_WEIGHTS
  const files = BASE_FILES.filter(path => path !== WEIGHTS).map(path => /** @type {[URL, RequestInit]} */ ([new URL(path, base), {}]))
  // The two large files leave the line to the page's own scripts and styles, where there is a choice.
  begin(base.href, [
    ...(other ? [] : [/** @type {[URL, RequestInit]} */ ([new URL(weights, base), { priority: 'low' }])]),
    [new URL(ENGINE_FILES[build], document.baseURI), { priority: 'low' }],
    [new URL('manifest.json', models), { cache: 'no-cache' }],
    ...(other ? [] : files),
  ])
}
