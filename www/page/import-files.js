// Files that a visitor brings: dropped anywhere on the page, or picked.
// Tests: tests/page/files.test.mjs
import { OTHER_WEIGHTS } from '../files.js'
import { live } from '../texts/page.js'
import { $ } from './dom.js'
import { KEYWORDS } from './export-files.js'
import { readPngText } from './png.js'

/** An adapter of the visitor's own. @typedef {{ name: string, title: string, base?: string, files: File[] }} OwnAdapter */

/** @param {File[]} files @param {string} ending */
const named = (files, ending) => files.filter(({ name }) => name.toLowerCase().endsWith(ending))

/** @param {(files: File[], dropped?: boolean) => void} onfiles */
export function receiveFiles(onfiles) {
  const input = $('files', HTMLInputElement)
  $('open').addEventListener('click', () => input.click())
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])]
    input.value = '' // the same file may be chosen again
    if (files.length) onfiles(files)
  })

  /** @param {DragEvent} event */
  const carriesFiles = event => event.dataTransfer?.types.includes('Files')
  let inside = 0 // dragenter and dragleave come for every element that is crossed
  /** @param {number} count */
  const show = count => {
    inside = Math.max(0, count)
    $('drop').hidden = !inside
  }
  addEventListener('dragenter', event => carriesFiles(event) && show(inside + 1))
  addEventListener('dragleave', event => carriesFiles(event) && show(inside - 1))
  addEventListener('dragover', event => {
    if (!carriesFiles(event)) return
    event.preventDefault()
    event.dataTransfer.dropEffect = 'copy'
  })
  addEventListener('drop', event => {
    show(0)
    if (!carriesFiles(event)) return
    event.preventDefault()
    const files = [...event.dataTransfer.files]
    if (files.length) onfiles(files, true)
  })
}

/**
 * What files are: a picture's settings, or an adapter. Throws a sentence for anything else.
 * @param {File[]} files
 * @returns {Promise<{ settings: string, adapter?: undefined } | { settings?: undefined, adapter: OwnAdapter }>}
 */
export async function recognise(files) {
  const weights = named(files, '.safetensors')
  if (weights.length > 1) throw new Error(live.files.several(weights.map(({ name }) => name)))
  if (weights.length) return { adapter: await describe(weights[0], named(files, '.json')) }
  if (files.every(({ name }) => name.toLowerCase().endsWith('.json'))) throw new Error(live.files.onlyConfig)

  const [file] = files
  // What it is instead, the engine says.
  if (OTHER_WEIGHTS.test(file.name)) return { adapter: await describe(file, []) }
  const { png, damaged, text } = await readPngText(new Uint8Array(await file.arrayBuffer()), KEYWORDS)
  if (!png) throw new Error(live.files.unknown)
  if (damaged) throw new Error(live.files.damaged)
  if (text === undefined) throw new Error(live.files.foreign)
  return { settings: text }
}

/**
 * The file's own title and base, if it says them; the engine looks at the rest.
 * @param {File} file
 * @param {File[]} configs
 * @returns {Promise<OwnAdapter>}
 */
async function describe(file, configs) {
  const metadata = await readMetadata(file)
  const stem = file.name.replace(/\.safetensors$/i, '')
  const title = metadata['modelspec.title'] || metadata.ss_output_name || stem
  const name = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'style'
  return { name, title, base: metadata['digit_diffusion.base_sha256'], files: [file, ...configs.slice(0, 1)] }
}

/**
 * `__metadata__` of a safetensors file: eight bytes of length, then JSON.
 * @param {File} file
 * @returns {Promise<Record<string, string>>}
 */
async function readMetadata(file) {
  try {
    const length = new DataView(await file.slice(0, 8).arrayBuffer()).getBigUint64(0, true)
    if (length > file.size) return {}
    return JSON.parse(await file.slice(8, 8 + Number(length)).text()).__metadata__ ?? {}
  } catch {
    return {} // what is wrong with the file is for the engine to say
  }
}
