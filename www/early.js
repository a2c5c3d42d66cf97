// Runs while the page is read, before its other scripts are there: begins the download of the model.
// Tests: tests/page/first-visit.test.mjs
import { probeBuild } from './build.js'
import { begin } from './early-downloads.js'
import { BASE_FILES, ENGINE_FILES, QUANTIZED_WEIGHTS, WEIGHTS } from './files.js'

const { connection } = /** @type {Navigator & { connection?: { saveData?: boolean } }} */ (navigator)
const savesData = connection?.saveData || matchMedia('(prefers-reduced-data: reduce)').matches
const build = probeBuild()
if (build && !savesData) {
  const base = new URL('models/base/', document.baseURI)
  // The build says where there is none in fewer bits (xtask/bundle/words.mjs).
  const weights = 'full' in document.documentElement.dataset ? WEIGHTS : QUANTIZED_WEIGHTS
  // The two large files leave the line to the page's own scripts and styles, where there is a choice.
  begin(base.href, [
    [new URL(weights, base), { priority: 'low' }],
    [new URL(ENGINE_FILES[build], document.baseURI), { priority: 'low' }],
    [new URL('../manifest.json', base), { cache: 'no-cache' }],
    ...BASE_FILES.filter(path => path !== WEIGHTS).map(path => /** @type {[URL, RequestInit]} */ ([new URL(path, base), {}])),
  ])
}
