// The diagram of the network: its parts as a U of radio inputs, what the chosen one does, which of them a style changes, and a step's
// own pictures.
// Tests: tests/page/network.test.mjs
import { networkOf as english } from '../texts/network.js'
import { words } from '../words.js'
import { $, addStyle } from './dom.js'
import { partOf, partsOf } from './network-parts.js'
import { paint } from './paint.js'
import { RadioGroup, radioLabel } from './radio-group.js'

/**
 * @typedef {import('./network-parts.js').Part} Part
 * @typedef {import('./network-parts.js').Config} Config
 * @typedef {ReturnType<typeof english>} Texts
 * @typedef {{ image_size: number, patch_size: number, tokens_per_class: number, latent_channels?: number }} Codec of digit_diffusion.json
 * @typedef {import('../digit-diffusion.js').AdapterModule} Module
 * @typedef {import('../digit-diffusion.js').DigitDiffusion} DigitDiffusion
 */

const MEDIUM = 0.1 // of the style's largest update: one larger than this has two dots …
const LARGE = 0.5 // … and than this three
const FIRST = 'attention' // the kind of part that is chosen at first: the one that Stable Diffusion made known

/** What comes into a part from the side: the timestep, or the digit, until one is picked. @type {Partial<Record<import('./network-parts.js').Kind, string>>} */
const MARKS = { time: 't', resnet: 't', label: '?', attention: '?' }

/** @param {string} base @param {string} path */
async function readJson(base, path) {
  const response = await fetch(new URL(path, base))
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.json()
}

/** @param {string} base @returns {Promise<[Config, Codec]>} */
const readBase = base => Promise.all([readJson(base, 'unet/config.json'), readJson(base, 'digit_diffusion.json')])

/** In the page's language, of the base. @returns {Promise<Texts>} */
const readTexts = async () => (document.documentElement.lang.startsWith('zh') ? (await import('../texts/network-zh.js')).networkOf : english)(words)

/** @param {string} className @param {(Node | string)[]} content */
function box(className, ...content) {
  const node = document.createElement('div')
  node.className = className
  node.append(...content)
  return node
}

/** @param {string} className @param {string} text */
const span = (className, text) => Object.assign(document.createElement('span'), { className, textContent: text })

/** The largest update of these, and its kind. @param {Module[]} modules */
function largestOf(modules) {
  const { relativeNorm, kind } = modules.reduce((top, module) => (module.relativeNorm > top.relativeNorm ? module : top))
  return { largest: relativeNorm, change: kind }
}

export class NetworkDiagram {
  #parts
  #config
  #codec
  #title
  /** @type {Texts} */
  #texts
  #group
  /** @type {Map<string, HTMLInputElement>} */
  #inputs = new Map()
  /** What a style changes, by part; undefined: LoRA is off. @type {{ title: string, modules: Map<string, Module[]> } | undefined} */
  #style
  /** @type {WeakMap<DigitDiffusion, Record<string, Module[]>>} */
  #known = new WeakMap()
  /** @type {string | undefined} */
  #wanted
  /** @type {import('./recording.js').Recording | undefined} */
  #recording

  /** @param {{ config: Config, codec: Codec, texts: Texts, title: (name: string) => string }} network */
  constructor({ config, codec, texts, title }) {
    this.#config = config
    this.#codec = codec
    this.#texts = texts
    this.#title = title
    this.#parts = partsOf(config)
    this.#group = new RadioGroup($('unet'), { onchange: () => this.#describe() })
    this.#lay()
    this.#group.value = this.#parts.find(({ kind }) => kind === FIRST)?.path ?? 'conv_in'
    this.#say()
  }

  /** @param {{ title: (name: string) => string, base: string }} page `title` of a style; the address of the base's folder */
  static async open({ title, base }) {
    const [[config, codec], texts] = await Promise.all([readBase(base), readTexts(), addStyle('network.css')])
    return new NetworkDiagram({ config, codec, texts, title })
  }

  /** Another base draws from now on. @param {string} base the address of its folder */
  async adopt(base) {
    const [config, codec] = await readBase(base)
    const chosen = this.#group.value
    this.#config = config
    this.#codec = codec
    this.#parts = partsOf(config)
    this.#style = undefined
    this.#recording = undefined
    this.#inputs.clear()
    this.#lay()
    this.#group.value = (this.#parts.find(({ path }) => path === chosen) ?? this.#parts.find(({ kind }) => kind === FIRST))?.path ?? 'conv_in'
    for (const picture of ['in', 'guess', 'out']) $(`data-${picture}`).hidden = true
    this.#say()
  }

  /** The pictures of the step on show. @param {import('./recording.js').Recording} recording */
  show(recording) {
    this.#recording = recording
    const { position, track, total, timesteps, complete, digit } = recording
    const texts = this.#texts
    const step = recording.at(position)[track]
    const before = position > 1 && recording.at(position - 1)[track]
    $('data-title').textContent = texts.data({ step: position, total })
    const pictures = /** @type {const} */ ([
      ['in', before && before.image, before ? texts.dataIn(Math.round(step.timestep)) : texts.dataNoise],
      ['guess', step.x0, texts.dataGuess],
      ['out', step.image, texts.dataOut(complete && position === total ? 0 : position < timesteps.length ? Math.round(timesteps[position]) : undefined)],
    ])
    for (const [name, image, caption] of pictures) {
      const canvas = $(`data-${name}`, HTMLCanvasElement)
      canvas.hidden = !image
      if (image) paint(canvas, image)
      canvas.setAttribute('aria-label', caption)
      canvas.closest('figure').querySelector('figcaption').textContent = caption
    }
    for (const mark of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('#unet .mark.digit'))) Object.assign(mark, { textContent: digit, title: digit })
  }

  /** Which parts the style changes. @param {DigitDiffusion} model @param {string | undefined} name undefined: none is on */
  async change(model, name) {
    this.#wanted = name
    if (name !== undefined) {
      if (!this.#known.has(model)) this.#known.set(model, {})
      const known = this.#known.get(model)
      try {
        known[name] ??= await model.adapterModules(name)
      } catch {
        return // the model is gone, which is told elsewhere
      }
      if (this.#wanted !== name) return
      this.#style = { title: this.#title(name), modules: Map.groupBy(known[name], ({ path }) => partOf(this.#parts, path)?.path ?? '') }
    } else this.#style = undefined
    const most = Math.max(0, ...[...(this.#style?.modules.values() ?? [])].flat().map(({ relativeNorm }) => relativeNorm))
    for (const [path, input] of this.#inputs) {
      const modules = this.#style?.modules.get(path)
      const largest = Math.max(0, ...(modules ?? []).map(({ relativeNorm }) => relativeNorm))
      const dots = !modules ? 0 : largest > LARGE * most ? 3 : largest > MEDIUM * most ? 2 : 1
      input.closest('label').querySelector('.dots').textContent = '●'.repeat(dots)
      input.closest('label').dataset.changed = String(dots > 0)
    }
    this.#describe()
  }

  /** In the language that has just been chosen. */
  async translate() {
    this.#texts = await readTexts()
    this.#say()
  }

  /** Puts the parts where they belong: down on the left, up on the right, both as the picture goes, and the skip connections between. */
  #lay() {
    const levels = Math.max(...this.#parts.map(({ level }) => level)) + 1
    /** @param {Part} part */
    const chip = ({ path, kind }) => {
      const mark = MARKS[kind]
      const label = radioLabel('unet', path, span('name', ''), ...(mark ? [span(mark === 't' ? 'mark' : 'mark digit', mark)] : []), span('dots', ''))
      label.className = 'chip-part'
      label.dataset.kind = kind
      const input = label.querySelector('input')
      this.#inputs.set(path, input)
      return label
    }
    /** @param {(part: Part) => boolean} choose */
    const chips = choose => this.#parts.filter(choose).map(chip)
    const inputs = box('sides', ...chips(({ place }) => place === 'in'))
    const down = Array.from({ length: levels }, (_, level) => box('way', ...chips(part => part.place === 'down' && part.level === level)))
    const middle = box('middle', ...chips(({ place }) => place === 'middle'))
    const up = Array.from({ length: levels }, (_, i) => box(i ? 'way back' : 'way back lowest', ...chips(part => part.level === levels - 1 - i && (part.place === 'up' || part.place === 'out'))))
    const across = down.map((_, level) => {
      const { from } = this.#parts.find(part => part.kind === 'resnet' && part.place === 'down' && part.level === level)
      return box('across', span('size', `${from.side} × ${from.side}`))
    })
    for (const [level, node] of down.entries()) node.style.gridArea = `${level + 2} / 1`
    for (const [level, node] of across.entries()) node.style.gridArea = `${level + 2} / 2`
    for (const [i, node] of up.entries()) node.style.gridArea = `${levels - i + 1} / 3`
    middle.style.gridRow = String(levels + 2)
    $('unet').replaceChildren(inputs, ...down, ...across, middle, ...up)
  }

  /** All words. */
  #say() {
    const { names, places, parts, nameOf, byNetwork, bySampler, dataIdle } = this.#texts
    $('unet').setAttribute('aria-label', parts)
    for (const { path, kind, place, to } of this.#parts) {
      const input = this.#inputs.get(path)
      input.closest('label').querySelector('.name').textContent = names[kind]
      input.setAttribute('aria-label', place === 'in' ? names[kind] : nameOf({ name: names[kind], place: places[place], to }))
    }
    $('by-network').textContent = byNetwork
    $('by-sampler').textContent = bySampler
    if (this.#recording) this.show(this.#recording)
    else $('data-title').textContent = dataIdle
    this.#describe()
  }

  /** The chosen part, in words. */
  #describe() {
    const part = this.#parts.find(({ path }) => path === this.#group.value)
    if (!part) return
    const { names, places, title, about, shapes, same, loraNone, loraOff, loraSome } = this.#texts
    const { kind, place, from, to, skip, looks, path } = part
    const sides = { latents: this.#codec.latent_channels, patch: this.#codec.patch_size, pixels: this.#codec.image_size, tokens: this.#codec.tokens_per_class, places: to.side * to.side }
    const width = [this.#config.cross_attention_dim].flat()[0]
    $('part-name').textContent = title({ name: names[kind], place: places[place] })
    $('part-shape').textContent = place === 'in' ? '' : from.maps === to.maps && from.side === to.side ? same(to) : shapes({ from, to })
    $('part-path').textContent = path
    $('part-about').textContent = about[kind]({ ...sides, width, from, to, skip, looks })
    const modules = this.#style?.modules.get(path)
    $('part-lora').dataset.changed = String(Boolean(modules))
    $('part-lora').textContent = !this.#style
      ? loraOff
      : modules
        ? loraSome({ title: this.#style.title, layers: modules.length, kinds: [...new Set(modules.map(({ kind }) => kind))].sort(), ...largestOf(modules) })
        : loraNone(this.#style.title)
  }
}
