// The controls and the state they hold. Every change calls back with the name of what changed.
import { DEFAULTS, randomSeed } from '../options.js'
import { live, page, samplers } from '../texts/page.js'
import { RadioGroup } from './radio-group.js'
import { decimal, Styles } from './styles.js'

const $ = id => document.getElementById(id)

export class Controls {
  state = {
    digit: undefined,
    seed: 2,
    steps: DEFAULTS.steps,
    sampler: DEFAULTS.sampler,
    guidance: DEFAULTS.guidanceScale,
    lora: false,
    fullSpeed: false,
    device: DEFAULTS.device,
  }
  styles
  #onchange
  #digits
  #device
  #model
  #wanted // strengths that were asked for before the styles were known
  #shows = [] // bring each control to the state

  /** @param {{ onchange: (name: string, moving?: boolean) => void, onaction: () => void }} events */
  constructor({ onchange, onaction }) {
    this.#onchange = onchange
    this.#digits = this.#choice('digits', 'digit')
    this.#device = this.#choice('device', 'device')
    this.styles = new Styles({ onchange })
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

  set busy(busy) {
    $('action').dataset.text = busy ? 'stop' : 'draw'
    $('action').textContent = busy ? page.stop : page.draw
  }

  set loaded(loaded) {
    $('chip').hidden = !loaded
    if (!loaded) $('backend-note').textContent = ''
  }

  set device(device) {
    this.state.device = device
    this.#device.value = device
  }

  set digit(digit) {
    this.state.digit = digit
    this.#digits.value = digit
  }

  set lora(on) {
    this.state.lora = on
    $('lora').setAttribute('aria-checked', String(on))
    $('stage').dataset.lora = on ? 'on' : 'off'
  }

  set seed(seed) {
    this.state.seed = seed
    $('seed').value = seed
  }

  /** Strengths by name; before the styles are known, those that a link asked for. */
  get strengths() {
    return this.#wanted ?? this.styles.strengths
  }

  /** A digit for who has not picked one. */
  pickAny() {
    const { labels } = this.#model
    this.digit = this.state.digit ?? labels[Math.floor(Math.random() * labels.length)]
  }

  /** Another digit, another seed, and a style, by chance. */
  roll() {
    const others = this.#model.labels.filter(label => label !== this.state.digit)
    this.digit = others[Math.floor(Math.random() * others.length)] ?? this.state.digit
    this.seed = randomSeed()
    this.styles.roll()
    this.lora = Object.keys(this.styles.strengths).length > 0
    this.describeStyle()
  }

  /**
   * Brings the controls to settings that a link or a picture asked for; what these leave out stays.
   * @returns {string[]} a sentence for each that this model has not
   */
  restore({ digit, lora, styles, ...others }) {
    for (const name of ['seed', 'steps', 'sampler', 'guidance']) if (name in others) this.state[name] = others[name]
    if (digit !== undefined) this.digit = digit
    if (lora !== undefined) this.lora = lora
    this.#wanted = styles
    this.#show()
    return this.#model ? this.#settle() : []
  }

  /**
   * Labels, styles and backend of the model that has just been loaded.
   * @returns {string[]} a sentence for each setting asked for that it has not
   */
  adopt(model, styles) {
    const { labels } = model
    if (String(labels) !== String(this.#digits.buttons.map(button => button.dataset.value))) {
      this.#digits.fill(labels.map(label => ({ value: label, title: label })), this.state.digit)
    }
    this.#model = model
    this.offer(styles)
    this.loaded = true
    this.describeBackend()
    return this.#settle()
  }

  /** @param {{ name: string, title?: string }[]} styles those that there are to choose from */
  offer(styles) {
    this.styles.fill(styles)
    $('lora').disabled = !styles.length
    this.describeStyle()
  }

  describeBackend() {
    const { backend, backendNote } = this.#model
    $('chip').textContent = live.backends[backend]
    $('chip').setAttribute('aria-label', live.runsOn[backend])
    $('chip').title = backendNote
    $('backend-note').textContent = backendNote
  }

  /** @param {{ rank: number, modules: number }[]} adapters known once they are loaded */
  describeStyle(adapters = []) {
    const [adapter] = adapters.length === 1 ? adapters : []
    $('lora-note').textContent = [this.styles.description, adapter && live.adapter(adapter)].filter(Boolean).join(' · ')
  }

  /** In the language that has just been chosen. */
  translate() {
    for (const option of $('sampler').options) option.textContent = samplers[option.value].title
    this.#show()
    if (!this.#model) return
    this.styles.translate()
    this.describeBackend()
    this.describeStyle()
  }

  #settle() {
    const complaints = []
    if (this.state.digit !== undefined && !this.#model.labels.includes(this.state.digit)) {
      complaints.push(live.noSuchDigit(this.state.digit))
      this.digit = undefined
    }
    const wanted = this.#wanted ?? {}
    this.#wanted = undefined
    for (const name of Object.keys(wanted)) if (!this.styles.has(name)) complaints.push(live.noSuchStyle(name))
    this.styles.strengths = wanted
    if (!Object.keys(this.styles.strengths).length) this.lora = false
    this.describeStyle()
    return complaints
  }

  #show() {
    for (const show of this.#shows) show()
  }

  #set(name, value) {
    this.state[name] = value
    this.#onchange(name)
  }

  #choice(id, name) {
    return new RadioGroup($(id), { onchange: value => this.#set(name, value) })
  }

  #range(id, name, format) {
    const label = () => {
      $(`${id}-value`).textContent = format($(id).valueAsNumber)
    }
    this.#shows.push(() => {
      $(id).value = this.state[name]
      label()
    })
    $(id).addEventListener('input', label)
    $(id).addEventListener('change', () => this.#set(name, $(id).valueAsNumber))
  }

  #toggle(id, name) {
    $(id).addEventListener('click', () => {
      const on = !this.state[name]
      if (name === 'lora') this.lora = on
      else $(id).setAttribute('aria-checked', String(on))
      this.#set(name, on)
    })
  }

  #seed() {
    this.#shows.push(() => {
      $('seed').value = this.state.seed
    })
    $('seed').addEventListener('change', () => {
      const seed = $('seed').valueAsNumber
      if (Number.isSafeInteger(seed) && seed >= 0) this.#set('seed', seed)
      else $('seed').value = this.state.seed
    })
    $('dice').addEventListener('click', () => {
      this.seed = randomSeed()
      this.#onchange('seed')
    })
  }

  #sampler() {
    const select = $('sampler')
    select.append(...Object.entries(samplers).map(([value, { title }]) => new Option(title, value)))
    this.#shows.push(() => {
      select.value = this.state.sampler
      $('sampler-hint').textContent = samplers[select.value].hint
    })
    select.addEventListener('change', () => {
      this.#set('sampler', select.value)
      this.#show()
    })
  }
}
