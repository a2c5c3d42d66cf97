// The controls and the state they hold. Every change calls back with the name of what changed.
// Tests: tests/page/page.test.mjs, turbo-page.test.mjs, keyboard-and-layout.test.mjs
import { DEFAULTS, labelIndex, randomSeed } from '../options.js'
import { live, page, samplers } from '../texts/page.js'
import { $ } from './dom.js'
import { Picker } from './picker.js'
import { RadioGroup } from './radio-group.js'
import { Styles } from './styles.js'
import { Turbo } from './turbo.js'

/**
 * @typedef {import('../digit-diffusion.js').DigitDiffusion} DigitDiffusion
 * @typedef {import('../digit-diffusion.js').Device} Device
 * @typedef {import('../digit-diffusion.js').Sampler} Sampler
 * @typedef {{ digit: string | undefined, seed: number, steps: number, sampler: Sampler, guidance: number, lora: boolean,
 *   fullSpeed: boolean, device: Device }} State
 * @typedef {keyof State | 'style' | 'strength' | 'turbo' | 'morph'} Change
 */

const RULE = ['steps', 'sampler', 'guidance'] // which Turbo's adapter says, while it is on

export class Controls {
  /** @type {State} */
  state = {
    digit: undefined,
    seed: 2,
    steps: DEFAULTS.steps,
    sampler: /** @type {Sampler} */ (DEFAULTS.sampler),
    guidance: DEFAULTS.guidanceScale,
    lora: false,
    fullSpeed: false,
    device: /** @type {Device} */ (DEFAULTS.device),
  }
  styles
  turbo
  #busy = false
  #onchange
  #digits
  #device
  /** @type {DigitDiffusion | undefined} */
  #model
  /** Guidance as the base has it, and whether a link or a picture for the model that is to come says otherwise. @type {{ usual: number, asked: boolean }} */
  #guidance = { usual: DEFAULTS.guidanceScale, asked: false }
  /** Strengths that were asked for before the styles were known. @type {Record<string, number> | undefined} */
  #wanted
  /** Bring each control to the state. @type {(() => void)[]} */
  #shows = []

  /** @param {{ onchange: (name: Change, moving?: boolean) => void, onaction: () => void }} events */
  constructor({ onchange, onaction }) {
    this.#onchange = onchange
    this.#digits = new Picker($('digits'), { onchange: digit => this.#set('digit', digit) })
    this.#device = new RadioGroup($('device'), { onchange: device => this.#set('device', /** @type {Device} */ (device)) })
    this.styles = new Styles({ onchange })
    this.turbo = new Turbo({
      seed: () => this.state.seed,
      onchange,
      onshow: () => this.#show(),
    })
    this.#seed()
    this.#range('steps', 'steps', String)
    this.#range('guidance', 'guidance', value => value.toFixed(2))
    this.#toggle('lora', 'lora')
    this.#toggle('pace', 'fullSpeed')
    this.#sampler()
    // Browsers keep what was set before a reload; what counts is the address.
    this.#show()
    $('action').addEventListener('click', onaction)
  }

  /** @param {boolean} busy */
  set busy(busy) {
    this.#busy = busy
    this.#showAction()
  }

  /** @param {boolean} loaded */
  set loaded(loaded) {
    $('chip').hidden = !loaded
    if (!loaded) $('backend-note').textContent = ''
  }

  /** @param {Device} device */
  set device(device) {
    this.state.device = device
    this.#device.value = device
  }

  /** @param {string | undefined} digit */
  set digit(digit) {
    this.state.digit = digit
    this.#digits.value = digit
    this.#showAction()
  }

  /** @param {boolean} on */
  set lora(on) {
    this.state.lora = on
    $('lora').setAttribute('aria-checked', String(on))
    $('stage').dataset.lora = on ? 'on' : 'off'
  }

  /** Leaves a style out; without any, LoRA is off. @param {string} name */
  without(name) {
    if (!this.styles.drop(name)) this.lora = false
    this.describeStyle()
  }

  /** @param {number} seed */
  set seed(seed) {
    this.state.seed = seed
    $('seed', HTMLInputElement).value = String(seed)
    this.turbo.morph.restart()
  }

  /** All that a drawing depends on. */
  get settings() {
    return { ...this.state, turbo: this.turbo.name, way: this.turbo.way, styles: this.strengths }
  }

  /** The same as Turbo has it, while that is on. */
  get #rule() {
    const { rule } = this.turbo
    return rule ? { steps: rule.steps, sampler: rule.sampler, guidance: rule.guidanceScale } : this.state
  }

  /** Guidance where the visitor has chosen some: else base and styles are each drawn with as they say. */
  get guidance() {
    const { guidance } = this.state
    return guidance === this.#guidance.usual ? undefined : guidance
  }

  /** Strengths by name; before the styles are known, those that a link asked for. */
  get strengths() {
    return this.#wanted ?? this.styles.strengths
  }

  /** Picks a random digit if none is picked. */
  pickAny() {
    const { labels } = this.#model
    this.digit = this.state.digit ?? labels[Math.floor(Math.random() * labels.length)]
  }

  /** Another random digit, seed and style. */
  roll() {
    const others = this.#model.labels.filter(label => label !== this.state.digit)
    this.digit = others[Math.floor(Math.random() * others.length)] ?? this.state.digit
    this.turbo.morph.way = undefined
    this.seed = randomSeed()
    this.styles.roll()
    this.lora = Object.keys(this.styles.strengths).length > 0
    this.describeStyle()
  }

  /**
   * Brings the controls to settings that a link or a picture asked for; what these leave out stays.
   * @param {import('./settings-text.js').Settings} settings
   * @param {{ later?: boolean }} [when] `later`: they are for a model that is still to come
   * @returns {string[]} a sentence for each that this model has not
   */
  restore({ digit, lora, styles, turbo, morph, ...others }, { later = false } = {}) {
    const { seed = this.state.seed, steps = this.state.steps, sampler = this.state.sampler, guidance = this.state.guidance } = others
    Object.assign(this.state, { seed, steps, sampler, guidance })
    this.#guidance.asked = others.guidance !== undefined && (later || !this.#model)
    if (digit !== undefined) this.digit = digit
    if (lora !== undefined) this.lora = lora
    this.#wanted = styles
    this.turbo.restore(turbo, morph) // older links have none: they draw what they drew
    this.#show()
    return this.#model && !later ? this.#settle() : []
  }

  /**
   * Labels, styles and backend of the model that has just been loaded.
   * @param {DigitDiffusion} model
   * @param {import('./model-session.js').ModelSession} session
   * @returns {string[]} a sentence for each setting asked for that it has not
   */
  adopt(model, session) {
    const { labels } = model
    this.offerLabels(labels)
    if (labels.length === 1) this.state.digit ??= labels[0] // nothing to pick
    // A base's own, as long as nobody has chosen another.
    if (!this.#guidance.asked && this.state.guidance === this.#guidance.usual) this.state.guidance = model.guidanceScale
    this.#guidance = { usual: model.guidanceScale, asked: false }
    this.#model = model
    $('guidance').parentElement.hidden = !model.guided
    this.offer(session)
    this.loaded = true
    this.describeBackend()
    return this.#settle()
  }

  /** The classes there are to pick from, known before the model is there. @param {string[]} labels */
  offerLabels(labels) {
    this.#digits.offer(labels)
  }

  /** @param {import('./model-session.js').ModelSession} session whose styles there are to choose from */
  offer({ styles, turbos }) {
    this.styles.fill(styles)
    delete $('styles').dataset.awaited
    this.turbo.offer(turbos, this.#model)
    $('lora', HTMLButtonElement).disabled = !styles.length
    this.describeStyle()
  }

  describeBackend() {
    const { backend, backendNote } = this.#model
    $('chip').textContent = live.backends[backend]
    $('chip').setAttribute('aria-label', live.runsOn[backend])
    $('chip').title = backendNote
    $('backend-note').textContent = backendNote
  }

  /** One style alone is described as soon as it is loaded. */
  describeStyle() {
    const names = Object.keys(this.styles.strengths)
    const adapter = names.length === 1 ? this.#model?.adapters.find(({ name }) => name === names[0]) : undefined
    $('lora-note').textContent = [this.styles.description, adapter && live.adapter(adapter)].filter(Boolean).join(' · ')
  }

  /** In the language that has just been chosen. */
  translate() {
    for (const option of $('sampler', HTMLSelectElement).options) option.textContent = samplers[/** @type {Sampler} */ (option.value)].title
    this.#show()
    this.#digits.translate()
    this.turbo.translate()
    if (!this.#model) return
    this.styles.translate()
    this.describeBackend()
    this.describeStyle()
  }

  #settle() {
    /** @type {string[]} */
    const complaints = []
    const { labels } = this.#model
    const { digit } = this.state
    if (digit !== undefined && !labels.includes(digit)) {
      this.digit = labels[labelIndex(digit, labels)] // of another Unicode form
      if (this.state.digit === undefined) complaints.push(live.noSuchDigit(digit))
    }
    const lacking = this.turbo.settle()
    if (lacking !== undefined) complaints.push(live.noSuchTurbo(lacking))
    const wanted = this.#wanted ?? {}
    this.#wanted = undefined
    for (const name of Object.keys(wanted)) if (!this.styles.has(name)) complaints.push(live.noSuchStyle(name))
    this.styles.strengths = wanted
    if (!Object.keys(this.styles.strengths).length) this.lora = false
    this.describeStyle()
    this.#show()
    return complaints
  }

  #show() {
    const quick = this.turbo.on
    for (const show of this.#shows) show()
    for (const id of RULE) /** @type {HTMLInputElement | HTMLSelectElement} */ ($(id)).disabled = quick
    $('turbo-rule').hidden = !quick
    this.#showAction()
  }

  /** With Turbo there is nothing to press: a picture is there as soon as something is chosen. */
  #showAction() {
    const action = $('action')
    const hidden = this.turbo.on && this.state.digit !== undefined && !this.#busy
    if (hidden && document.activeElement === action) $('dice').focus()
    action.hidden = hidden
    action.dataset.text = this.#busy ? 'stop' : 'draw'
    action.textContent = this.#busy ? page.stop : page.draw
  }

  /**
   * @template {keyof State} Name
   * @param {Name} name
   * @param {State[Name]} value
   */
  #set(name, value) {
    this.state[name] = value
    this.#onchange(name)
  }

  /** @param {string} id @param {'steps' | 'guidance'} name @param {(value: number) => string} format */
  #range(id, name, format) {
    const input = $(id, HTMLInputElement)
    const label = () => {
      $(`${id}-value`).textContent = format(input.valueAsNumber)
    }
    this.#shows.push(() => {
      input.value = String(this.#rule[name])
      label()
    })
    input.addEventListener('input', label)
    input.addEventListener('change', () => this.#set(name, input.valueAsNumber))
  }

  /** @param {string} id @param {'lora' | 'fullSpeed'} name */
  #toggle(id, name) {
    $(id).addEventListener('click', () => {
      const on = !this.state[name]
      if (name === 'lora') this.lora = on
      else $(id).setAttribute('aria-checked', String(on))
      this.#set(name, on)
    })
  }

  #seed() {
    const input = $('seed', HTMLInputElement)
    const show = () => {
      input.value = String(this.state.seed)
    }
    this.#shows.push(show)
    const take = (/** @type {boolean} */ moving) => {
      const seed = input.valueAsNumber
      if (!(Number.isSafeInteger(seed) && seed >= 0)) return moving || show()
      this.state.seed = seed
      this.turbo.morph.restart()
      this.#onchange('seed', moving)
    }
    input.addEventListener('input', () => this.turbo.on && take(true))
    input.addEventListener('change', () => take(false))
    $('dice').addEventListener('click', () => {
      this.seed = randomSeed()
      this.#onchange('seed')
    })
  }

  #sampler() {
    const select = $('sampler', HTMLSelectElement)
    select.append(...Object.entries(samplers).map(([value, { title }]) => new Option(title, value)))
    this.#shows.push(() => {
      select.value = this.#rule.sampler
      $('sampler-hint').textContent = samplers[/** @type {Sampler} */ (select.value)].hint
    })
    select.addEventListener('change', () => {
      this.#set('sampler', /** @type {Sampler} */ (select.value))
      this.#show()
    })
  }
}
