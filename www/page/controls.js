// The controls and the state they hold. Every change calls back with the name of what changed.
import { DEFAULTS, randomSeed } from '../options.js'
import { live, page, samplers } from '../texts/page.js'
import { RadioGroup } from './radio-group.js'

const $ = id => document.getElementById(id)
const decimal = value => value.toFixed(1).replace('-', '−')

export class Controls {
  state = {
    digit: undefined,
    seed: 2,
    steps: DEFAULTS.steps,
    sampler: DEFAULTS.sampler,
    guidance: DEFAULTS.guidanceScale,
    lora: false,
    style: undefined,
    strength: 1,
    fullSpeed: false,
    device: DEFAULTS.device,
  }
  #onchange
  #digits
  #styles
  #device
  #catalog = []

  /** @param {{ onchange: (name: string) => void, onaction: () => void }} events */
  constructor({ onchange, onaction }) {
    this.#onchange = onchange
    this.#digits = this.#choice('digits', 'digit')
    this.#styles = this.#choice('styles', 'style')
    this.#device = this.#choice('device', 'device')
    this.#seed()
    this.#range('steps', 'steps', String)
    this.#range('guidance', 'guidance', decimal)
    this.#range('strength', 'strength', decimal)
    this.#toggle('lora', 'lora')
    this.#toggle('pace', 'fullSpeed')
    this.#sampler()
    $('action').addEventListener('click', onaction)
  }

  get title() {
    return this.#catalog.find(({ name }) => name === this.state.style)?.title
  }

  set busy(busy) {
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

  rollSeed() {
    this.state.seed = randomSeed()
    $('seed').value = this.state.seed
  }

  /** Labels, styles and backend of the model that has just been loaded. */
  adopt({ labels, catalog, backend, backendNote }) {
    if (String(labels) !== String(this.#digits.buttons.map(button => button.dataset.value))) {
      this.#digits.fill(labels.map(label => ({ value: label, title: label })), this.state.digit)
    }
    this.#catalog = catalog
    if (!catalog.some(({ name }) => name === this.state.style)) this.state.style = catalog[0]?.name
    this.#styles.fill(catalog.map(({ name, title = name }) => ({ value: name, title })), this.state.style)
    $('lora').disabled = !catalog.length
    if (!catalog.length) $('styles').textContent = live.noStyles
    this.loaded = true
    $('chip').textContent = live.backends[backend]
    $('chip').setAttribute('aria-label', live.runsOn[backend])
    $('chip').title = backendNote
    $('backend-note').textContent = backendNote
    this.describeStyle()
  }

  /** @param {{ rank: number, modules: number } | undefined} adapter known once it is loaded */
  describeStyle(adapter) {
    $('lora-note').textContent = [this.title, adapter && live.adapter(adapter)].filter(Boolean).join(' · ')
  }

  #set(name, value) {
    this.state[name] = value
    this.#onchange(name)
  }

  #choice(id, name) {
    return new RadioGroup($(id), { onchange: value => this.#set(name, value) })
  }

  #range(id, name, format) {
    const show = () => {
      $(`${id}-value`).textContent = format($(id).valueAsNumber)
    }
    // Browsers keep what was set before a reload; the page starts anew.
    $(id).value = this.state[name]
    show()
    $(id).addEventListener('input', show)
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
    $('seed').value = this.state.seed
    $('seed').addEventListener('change', () => {
      const seed = $('seed').valueAsNumber
      if (Number.isSafeInteger(seed) && seed >= 0) this.#set('seed', seed)
      else $('seed').value = this.state.seed
    })
    $('dice').addEventListener('click', () => {
      this.rollSeed()
      this.#onchange('seed')
    })
  }

  #sampler() {
    const select = $('sampler')
    select.append(...Object.entries(samplers).map(([value, { title }]) => new Option(title, value)))
    const show = () => {
      $('sampler-hint').textContent = samplers[select.value].hint
    }
    select.value = this.state.sampler
    show()
    select.addEventListener('change', () => {
      show()
      this.#set('sampler', select.value)
    })
  }
}
