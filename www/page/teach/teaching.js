// Teaching: starts it, shows how it goes, rests, goes on, ends it; keeps checkpoints, and takes one up again that an earlier visit left.
// Tests: tests/page/teach-training.test.mjs
import { element } from './element.js'
import { Progress } from './progress.js'

/**
 * @typedef {import('./drawings.js').Drawing & { label: string }} Named
 * @typedef {import('../../digit-diffusion.js').DigitDiffusion} DigitDiffusion
 * @typedef {{ step: number, total: number, loss?: number, validationLoss?: number, rate?: number, secondsLeft?: number, images?: ImageData[], checkpoint?: Uint8Array }} Report
 * @typedef {{ bytes: Uint8Array, step: number, total: number, base: string, ids: number[] }} Checkpoint
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

/** Resolves when somebody can see the page. @returns {Promise<void>} */
const seen = () =>
  new Promise(resolve => {
    const look = () => {
      if (document.hidden) return
      document.removeEventListener('visibilitychange', look)
      resolve()
    }
    document.addEventListener('visibilitychange', look)
    look()
  })

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
    for (const key of [teach, on, again]) key.disabled = missing > 0
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
    const all = this.#drawings.named
    const before = checkpoint && all.filter(({ id }) => checkpoint.ids.includes(id))
    const drawings = before?.length ? before : all
    const previews = this.#previewsOf(drawings)
    this.#progress.begin(previews.label)
    this.#progress.root.hidden = false
    this.show()
    this.#keys.pause.focus()
    this.#announce(this.#speech.texts.started(drawings.length))
    const awake = stayAwake()
    let focused = false
    try {
      if (init) await this.#page.ready()
      this.#drawBase(model, previews, controller.signal)
      const resume = checkpoint?.bytes
      const options = { images: drawings.map(({ pixels }) => pixels), labels: drawings.map(({ label }) => label), previews, signal: controller.signal, ...(init && { init: this.#page.taught() }), ...(resume && { resume }) }
      /** @type {AsyncGenerator<Report, void, undefined>} */
      const reports = /** @type {any} */ (model).train(NAME, options)
      for await (const report of reports) {
        this.#progress.show(report)
        if (report.checkpoint) this.#keep({ bytes: report.checkpoint, step: report.step, total: report.total, base: model.baseHash, ids: drawings.map(({ id }) => id) })
        if (run.stops) break
        await run.paused
        if (run.stops) break
        controller.signal.throwIfAborted()
        if (document.hidden) await seen()
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

  /** Classes of the drawings, four where there are as many, each from a seed of its own. @param {Named[]} drawings */
  #previewsOf(drawings) {
    const drawn = new Set(drawings.map(({ label }) => label))
    const labels = this.#page.model().labels.filter(label => drawn.has(label))
    return { label: SEEDS.map((_, i) => labels[Math.floor((i * labels.length) / PREVIEWS)]), seed: SEEDS }
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
