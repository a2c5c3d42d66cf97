// Teaching: starts it, shows how it goes, rests, goes on, ends it; keeps checkpoints, and takes one up again that an earlier visit left.
// Tests: tests/page/teach-training.test.mjs
import { greyOf } from './drawings.js'
import { element } from './element.js'
import { Progress } from './progress.js'

/**
 * @typedef {import('./drawings.js').Drawing & { label: string }} Named
 * @typedef {import('../../digit-diffusion.js').DigitDiffusion} DigitDiffusion
 * @typedef {{ images: Uint8Array[], labels: string[] }} Lessons
 * @typedef {Lessons & { bytes: Uint8Array, step: number, total: number, base: string }} Checkpoint with the pictures that it is of
 * @typedef {{ controller: AbortController, stops: boolean, finishing: boolean, resume?: () => void, paused?: Promise<void> }} Run `resume`: while it is paused
 * @typedef {object} Page
 * @property {() => DigitDiffusion | null} model
 * @property {() => string | undefined} taught the adapter that there is already, once it is loaded
 * @property {() => Promise<unknown>} ready the model has that adapter
 * @property {(label: string) => string} nameOf
 * @property {(error: any) => boolean} isAbort
 * @property {(model: DigitDiffusion, name: string) => Promise<unknown>} onlearnt the model has learnt `name`
 * @property {() => void} onend the focus is to go where one goes on
 */

/** While it is taught; no style's name: theirs are made of letters and digits. */
export const NAME = 'teaching '
const FEWEST = 5 // drawings
const PREVIEWS = 4
const SEEDS = [1, 2, 3, 4]
const OWN = 40 // pictures at most that the base draws of classes without a drawing, so that it does not forget them …
const OF_EACH = 2 // … of each
const AT_ONCE = 10

export class Teaching {
  /** @type {HTMLElement} */
  root
  #speech
  #announce
  #drawings
  #store
  #page
  #progress
  #keys
  #line = element('p', { class: 'fine', id: 'teach-ready' })
  #failed = element('p', { class: 'teach-failed', role: 'alert' })
  /** Of what is under way. @type {Run | null} */
  #run = null
  /** @type {Checkpoint | undefined} */
  #checkpoint
  #saying = () => ''

  /**
   * @param {{ speech: import('./element.js').Speech, announce: (text: string) => void }} room
   * @param {import('./drawings.js').Drawings} drawings @param {import('./store.js').Store} store @param {Page} page
   */
  constructor(room, drawings, store, page) {
    const { speech } = room
    this.#speech = speech
    this.#announce = room.announce
    this.#drawings = drawings
    this.#store = store
    this.#page = page
    this.#progress = new Progress(room, page.nameOf)
    this.#keys = {
      again: speech.button('teach-again', 'primary', t => t.goOn, () => this.#begin({ checkpoint: this.#checkpoint })),
      on: speech.button('teach-on', 'primary', t => t.teachOn, () => this.#begin({ init: true })),
      teach: speech.button('teach-start', 'primary', t => (page.taught() ? t.teachAnew : t.teach), () => this.#begin({})),
      forget: speech.button('teach-forget', 'plain', t => t.throwAway, () => this.forget()),
      pause: speech.button('teach-pause', 'plain', t => (this.#run?.resume ? t.goOn : t.pause), () => this.#pause()),
      keep: speech.button('teach-keep', 'plain', t => t.stopAndKeep, () => this.#stop()),
      away: speech.button('teach-away', 'plain', t => t.throwAway, () => this.#run?.controller.abort()),
    }
    this.root = element('div', { class: 'teach-run' }, this.#line, this.#failed, element('div', { class: 'actions', id: 'teach-keys' }, ...Object.values(this.#keys)), this.#progress.root)
    this.show()
  }

  get running() {
    return this.#run !== null
  }

  /** What an earlier visit left. @param {Checkpoint | undefined} checkpoint */
  set checkpoint(checkpoint) {
    this.#checkpoint = checkpoint
    this.show()
  }

  /** Throws away what it broke off at. */
  forget() {
    this.#drop()
    this.#progress.root.hidden = true
    this.focus()
  }

  #drop() {
    this.#checkpoint = undefined
    this.#store.keep('checkpoint', undefined)
    this.#say(() => '')
  }

  get #hasFocus() {
    return this.root.contains(document.activeElement)
  }

  focus() {
    Object.values(this.#keys).find(({ hidden, disabled }) => !hidden && !disabled)?.focus()
  }

  /** Ends what is under way, and keeps nothing of it. */
  abort() {
    this.#run?.controller.abort()
  }

  /** Brings the buttons to what can be done now. */
  show() {
    const { texts } = this.#speech
    const { teach, on, again, forget, pause, keep, away } = this.#keys
    const run = this.#run
    const missing = FEWEST - this.#drawings.named.length
    const model = this.#page.model()
    const checkpoint = !run && this.#checkpoint && this.#checkpoint.base === model?.baseHash ? this.#checkpoint : undefined
    const taught = this.#page.taught() !== undefined
    teach.hidden = Boolean(run)
    on.hidden = Boolean(run) || !taught || Boolean(checkpoint)
    again.hidden = forget.hidden = !checkpoint
    for (const key of [pause, keep, away]) key.hidden = !run
    for (const key of [teach, on]) key.disabled = missing > 0
    for (const key of [pause, keep, away]) key.disabled = Boolean(run?.finishing)
    teach.className = on.hidden && again.hidden ? 'primary' : 'plain'
    teach.textContent = taught ? texts.teachAnew : texts.teach
    pause.textContent = run?.resume ? texts.goOn : texts.pause
    const labels = model?.labels.length ?? 0
    this.#line.hidden = Boolean(run)
    this.#line.textContent = checkpoint ? texts.brokeOff(checkpoint) : missing > 0 ? texts.few(missing) : texts.ready(labels - this.#drawings.classes)
    const failed = this.#saying()
    if (this.#failed.textContent !== failed) this.#failed.textContent = failed
    this.#progress.translate()
  }

  #pause() {
    const run = this.#run
    if (!run) return
    const { texts } = this.#speech
    if (run.resume) run.resume()
    else run.paused = new Promise(resolve => {
      run.resume = () => {
        run.resume = run.paused = undefined
        resolve()
      }
    })
    this.#announce(run.resume ? texts.paused : texts.wentOn)
    this.show()
  }

  #stop() {
    const run = this.#run
    if (!run) return
    run.stops = true
    run.resume?.()
  }

  /** @param {{ init?: boolean, checkpoint?: Checkpoint }} from what is known already, or from where it broke off */
  async #begin({ init = false, checkpoint }) {
    if (this.#run) return
    const controller = new AbortController()
    /** @type {Run} */
    const run = (this.#run = { controller, stops: false, finishing: false })
    const model = this.#page.model()
    this.#say(() => '')
    const drawings = this.#drawings.named
    const previews = this.#previewsOf(checkpoint?.labels ?? drawings.map(({ label }) => label))
    this.#progress.begin(previews.label)
    this.#progress.root.hidden = false
    this.show()
    this.#keys.pause.focus()
    this.#announce(this.#speech.texts.started(checkpoint?.images.length ?? drawings.length))
    const awake = stayAwake()
    let focused = false
    try {
      if (init) await this.#page.ready()
      this.#drawBase(model, previews, controller.signal)
      const { images, labels } = checkpoint ?? (await this.#lessons(model, drawings, controller.signal))
      const from = checkpoint ? { resume: checkpoint.bytes } : init ? { init: this.#page.taught() } : {}
      for await (const report of model.train(NAME, { images, labels, previews, signal: controller.signal, ...from })) {
        this.#progress.show(report)
        if (report.checkpoint) this.#keep({ images, labels, bytes: report.checkpoint, step: report.step, total: report.total, base: model.baseHash })
        if (run.stops) break
        await run.paused
        if (run.stops) break
        controller.signal.throwIfAborted()
      }
      focused = this.#hasFocus // on a button that goes
      run.finishing = true
      this.show()
      this.#progress.keeping()
      await this.#page.onlearnt(model, NAME)
      this.#drop()
      this.#progress.finish()
    } catch (error) {
      this.#end(error)
    } finally {
      awake.then(lock => lock?.release())
      focused ||= this.#hasFocus
      this.#run = null
      this.show()
      if (focused) this.#page.onend()
    }
  }

  /** @param {any} error */
  #end(error) {
    const { texts } = this.#speech
    if (this.#page.isAbort(error)) {
      this.#drop()
      this.#progress.root.hidden = true
      this.#announce(texts.thrownAway)
      return
    }
    const kept = this.#checkpoint
    this.#progress.root.hidden = true
    this.#say(() => [`${this.#speech.texts.failed}: ${error.message}`, kept && this.#speech.texts.checkpointKept].filter(Boolean).join(' '))
  }

  /** @param {Checkpoint} checkpoint */
  #keep(checkpoint) {
    this.#checkpoint = checkpoint
    this.#store.keep('checkpoint', checkpoint)
  }

  /** Classes of the drawings, four where there are as many, each from a seed of its own. @param {string[]} of the drawings */
  #previewsOf(of) {
    const drawn = new Set(of)
    const labels = this.#page.model().labels.filter(label => drawn.has(label))
    return { label: SEEDS.map((_, i) => labels[Math.floor((i * labels.length) / PREVIEWS)]), seed: SEEDS }
  }

  /**
   * What is learnt: the drawings, and of the classes that have none what the base draws of them.
   * @param {DigitDiffusion} model @param {Named[]} drawings @param {AbortSignal} signal
   * @returns {Promise<Lessons>}
   */
  async #lessons(model, drawings, signal) {
    const drawn = new Set(drawings.map(({ label }) => label))
    const missing = model.labels.filter(label => !drawn.has(label))
    const few = missing.length * OF_EACH > OWN ? missing.filter((_, i) => Math.floor((i * OWN) / missing.length) !== Math.floor(((i - 1) * OWN) / missing.length)) : missing.flatMap(label => Array(OF_EACH).fill(label))
    const lessons = { images: drawings.map(({ pixels }) => pixels), labels: drawings.map(({ label }) => label) }
    for (let at = 0; at < few.length; at += AT_ONCE) {
      const label = few.slice(at, at + AT_ONCE)
      for await (const { step, total, image } of model.sample({ label, seed: label.map((_, i) => at + i), adapters: {}, signal })) {
        if (step !== total) continue
        lessons.images.push(...image.map(greyOf))
        lessons.labels.push(...label)
      }
    }
    return lessons
  }

  /** @param {DigitDiffusion} model @param {{ label: string[], seed: number[] }} previews @param {AbortSignal} signal */
  async #drawBase(model, previews, signal) {
    try {
      for await (const { step, total, image } of model.sample({ ...previews, adapters: {}, signal })) if (step === total) this.#progress.base = image
    } catch (error) {
      console.debug(error.message) // teaching will say what is wrong, or it was ended
    }
  }

  /** @param {() => string} say what went wrong, in the language of the moment */
  #say(say) {
    this.#saying = say
    this.show()
  }
}

/** A phone's screen that goes dark would end it. @returns {Promise<WakeLockSentinel | undefined>} */
async function stayAwake() {
  try {
    return await navigator.wakeLock?.request('screen')
  } catch {
    return undefined // forbidden, or the battery is low
  }
}
