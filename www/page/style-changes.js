// What a style changes: a heat map of its update to each matrix, laid out as the network is; to be read by pointer, keys and screen reader.
// Tests: tests/page/explanations.test.mjs
import { live } from '../texts/page.js'
import { $ } from './dom.js'

/**
 * @typedef {import('../digit-diffusion.js').AdapterModule} Module
 * @typedef {'down' | 'mid' | 'up' | 'rest'} Place
 * @typedef {'attn1' | 'attn2' | 'ff' | 'resnets' | 'rest'} Group
 * @typedef {{ place: Place, block: number, unit: string, group: Group, kind: string }} Location
 * @typedef {Omit<Module, 'kind'> & Location & { change: string }} Cell `change` is the kind of change, `kind` that of the matrix
 * @typedef {{ rows: Cell[], columns: Cell[], cells: (Cell | undefined)[][], largest: [number, number] }} HeatMap a cell for each row and
 * column, which its own place says; `largest` is where the largest update is
 * @typedef {import('../digit-diffusion.js').DigitDiffusion} DigitDiffusion
 */

/** Rows and columns by key. @type {Record<string, [number, number]>} */
const KEYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -Infinity], End: [0, Infinity] }
/** @type {Place[]} */
const PLACES = ['down', 'mid', 'up', 'rest']
/** @type {Group[]} */
const GROUPS = ['attn1', 'attn2', 'ff', 'resnets', 'rest']
const KINDS = [ // in the order of the computation
  'to_q', 'to_k', 'to_v', 'to_out.0', 'net.0.proj', 'net.2', 'norm', 'proj_in', 'norm1', 'conv1', 'time_emb_proj',
  'norm2', 'conv2', 'conv_shortcut', 'norm3', 'proj_out',
   'downsamplers', 'upsamplers', 'time_embedding.linear_1', 'time_embedding.linear_2', 'encoder_hid_proj', 'conv_in', 'conv_norm_out', 'conv_out',
]

const ROOM = 12 // columns that a phone has room for, with their names across

/** @param {number} value @param {number} length */
const within = (value, length) => Math.max(0, Math.min(length - 1, value))
/** @template T @param {T[]} list @param {T} value */
const order = (list, value) => (list.includes(value) ? list.indexOf(value) : list.length)
const numeric = new Intl.Collator('en', { numeric: true })

/** A matrix's name, short. @param {string} kind */
const kindName = kind => /** @type {Record<string, string>} */ (live.changesKinds)[kind] ?? kind

/** Where in the network a matrix is, and which of that place's matrices. @param {Module} module @returns {Location} */
function locate({ path }) {
  const [, place = 'rest', block = 0, list, unit = 0, layer = 0, rest = path] =
    /^(down|mid|up)_blocks?(?:\.(\d+))?\.(attentions|resnets|downsamplers|upsamplers)\.(\d+)(?:\.transformer_blocks\.(\d+))?\.(.+)$/.exec(path) ?? []
  const [, group = list === 'resnets' ? list : 'rest', kind = rest] = /^(attn1|attn2|ff)\.(.+)$/.exec(rest) ?? []
  const found = { place: /** @type {Place} */ (place), block: Number(block), group: /** @type {Group} */ (group) }
  // What halves or doubles comes after all else of its block, and has a row of its own.
  return /samplers$/.test(list) ? { ...found, unit: `samplers.${unit}`, kind: list } : { ...found, unit: `${unit}.${layer}`, kind }
}

/** @param {Module[]} modules @returns {HeatMap} */
function arrange(modules) {
  const found = modules.map(module => ({ ...module, change: module.kind, ...locate(module) }))
  /** @param {(module: Cell) => string} key @param {(a: Cell, b: Cell) => number} compare */
  const distinct = (key, compare) => [...new Map(found.map(module => [key(module), module])).values()].sort(compare)
  /** @param {Cell} cell */
  const rowOf = ({ place, block, unit }) => `${place} ${block} ${unit}`
  /** @param {Cell} cell */
  const columnOf = ({ group, kind }) => `${group} ${kind}`
  const rows = distinct(
    rowOf,
    (a, b) => order(PLACES, a.place) - order(PLACES, b.place) || a.block - b.block || numeric.compare(a.unit, b.unit),
  )
  const columns = distinct(columnOf, (a, b) => order(GROUPS, a.group) - order(GROUPS, b.group) || order(KINDS, a.kind) - order(KINDS, b.kind))
  const at = new Map(found.map(module => [`${rowOf(module)} ${columnOf(module)}`, module]))
  const cells = rows.map(row => columns.map(column => at.get(`${rowOf(row)} ${columnOf(column)}`)))
  const top = found.reduce((top, module) => (module.relativeNorm > top.relativeNorm ? module : top))
  const i = cells.findIndex(row => row.includes(top))
  return { rows, columns, cells, largest: [i, cells[i].indexOf(top)] }
}

export class StyleChanges {
  #title
  #onshow
  /** What the adapters of a model change, by name. @type {WeakMap<DigitDiffusion, Record<string, Module[]>>} */
  #known = new WeakMap()
  /** @type {{ model: DigitDiffusion, name: string, mixed: boolean } | null} */
  #wanted = null
  /** @type {HeatMap | null} */
  #map = null
  /** The cells of the table, row by row. @type {HTMLTableCellElement[][]} */
  #grid = []
  #at = [0, 0]

  /** @param {{ title: (name: string) => string, onshow?: (model: DigitDiffusion, name: string | undefined) => void }} page `onshow` hears which style is shown */
  constructor({ title, onshow = () => {} }) {
    this.#title = title
    this.#onshow = onshow
    $('changes').addEventListener('toggle', () => this.#load())
    const table = $('changes-map')
    /** @param {Event} event */
    const cell = event => /** @type {Element} */ (event.target).closest('td')
    table.addEventListener('pointerover', event => this.#read(cell(event)))
    table.addEventListener('pointerleave', () => this.#read(this.#cell))
    table.addEventListener('focusin', event => this.#makeCurrent(cell(event)))
    table.addEventListener('keydown', event => this.#key(event))
  }

  /**
   * What the strongest of `strengths` changes, of a model that has them; nothing where there are none.
   * @param {DigitDiffusion} model
   * @param {Record<string, number>} strengths
   */
  show(model, strengths) {
    const names = Object.keys(strengths).filter(name => strengths[name])
    const [name] = (names.length ? names : Object.keys(strengths)).sort((a, b) => Math.abs(strengths[b]) - Math.abs(strengths[a]))
    $('changes').hidden = name === undefined
    this.#onshow(model, name)
    const same = this.#wanted?.model === model && this.#wanted.name === name
    this.#wanted = name === undefined ? null : { model, name, mixed: names.length > 1 }
    if (same) this.#caption()
    else this.#load()
  }

  translate() {
    this.#caption()
    if (this.#map) this.#draw()
  }

  #caption() {
    const { name, mixed } = this.#wanted ?? {}
    $('changes-of').textContent = name === undefined ? '' : live.changesOf({ title: this.#title(name), mixed })
  }

  /** Computes the map; folded away, nothing is computed. */
  async #load() {
    const wanted = this.#wanted
    if (!wanted || !$('changes', HTMLDetailsElement).open) return
    const { model, name } = wanted
    if (!this.#known.has(model)) this.#known.set(model, {})
    const known = this.#known.get(model)
    try {
      known[name] ??= await model.adapterModules(name)
    } catch {
      return // the model is gone, which is told elsewhere; the next one is asked anew
    }
    const current = this.#wanted
    if (current?.model !== model || current.name !== name) return
    this.#map = arrange(known[name])
    this.#at = this.#map.largest
    this.#caption()
    this.#draw()
  }

  #draw() {
    const { rows, columns, cells, largest } = this.#map
    const groups = GROUPS.map(group => ({ group, colSpan: columns.filter(column => column.group === group).length })).filter(({ colSpan }) => colSpan)
    /** @param {string} scope @param {string} text @param {Partial<HTMLTableCellElement>} [more] */
    const header = (scope, text, more) => element('th', { scope, ...more }, text)
    const kinds = columns.map(({ kind }) => header('col', kindName(kind)))
    const top = cells[largest[0]][largest[1]].relativeNorm
    this.#grid = cells.map((row, i) =>
      row.map((cell, j) => {
        const node = element('td', { tabIndex: -1 })
        node.append(element('span', { className: 'hidden-visually' }, cell ? live.changesShare(cell.relativeNorm, cell.change) : live.changesNone))
        node.style.setProperty('--heat', String(cell && top ? cell.relativeNorm / top : 0))
        node.dataset.at = `${i} ${j}`
        if (cell) node.title = cell.path
        return node
      }),
    )
    const head = element('thead')
    const body = element('tbody')
    const corner = () => element('td', { className: 'corner', ariaHidden: 'true' })
    head.append(
      tableRow(corner(), ...groups.map(({ group, colSpan }) => header('colgroup', live.changesGroups[group], { colSpan }))),
      tableRow(corner(), ...kinds),
    )
    body.append(...rows.map((row, i) => tableRow(header('row', this.#place(row)), ...this.#grid[i])))
    const table = $('changes-map')
    table.replaceChildren(head, body)
    table.classList.toggle('wide', columns.length > ROOM)
    table.style.setProperty('--columns', String(columns.length))
    this.#makeCurrent(this.#cell)
  }

  /** “Up 2”, and “Up 2.1” where that block has several. @param {Cell} row */
  #place(row) {
    const { place, block } = row
    const peers = this.#map.rows.filter(other => other.place === place && other.block === block)
    const number = place === 'down' || place === 'up' ? [block + 1] : []
    if (peers.length > 1) number.push(peers.indexOf(row) + 1)
    return [live.changesPlaces[place], number.join('.')].filter(Boolean).join(' ')
  }

  get #cell() {
    return this.#grid[this.#at[0]]?.[this.#at[1]]
  }

  /** Makes a cell the one that the tab key comes to. @param {HTMLTableCellElement | null | undefined} cell */
  #makeCurrent(cell) {
    if (!cell?.dataset.at) return
    if (this.#cell) this.#cell.tabIndex = -1
    this.#at = cell.dataset.at.split(' ').map(Number)
    cell.tabIndex = 0
    this.#read(cell)
  }

  /** @param {HTMLTableCellElement | null | undefined} node */
  #read(node) {
    if (!node?.dataset.at) return
    const [i, j] = node.dataset.at.split(' ').map(Number)
    const { rows, columns, cells } = this.#map
    const { group, kind } = columns[j]
    const named = { row: this.#place(rows[i]), group: live.changesGroups[group], kind: kindName(kind) }
    const cell = cells[i][j]
    $('changes-reading').textContent = cell
      ? live.changesReading({ ...named, share: cell.relativeNorm, change: cell.change, rank: cell.rank, norm: cell.updateNorm.toFixed(2) })
      : `${Object.values(named).join(' ')}: ${live.changesNone}`
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const move = KEYS[event.key]
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    const [i, j] = this.#at
    const row = this.#grid[within(i + move[0], this.#grid.length)]
    row[within(j + move[1], row.length)].focus()
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Partial<HTMLElementTagNameMap[Name]>} properties
 */
function element(name, properties = {}, text = '') {
  return Object.assign(document.createElement(name), { textContent: text, ...properties })
}

/** @param {Node[]} cells */
function tableRow(...cells) {
  const row = element('tr')
  row.append(...cells)
  return row
}
