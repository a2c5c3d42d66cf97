// Runs the model, one run at a time: the digit, the same again as a strength moves, the attention maps, many small pictures.
// Tests: tests/page/page.test.mjs, strengths.test.mjs, contact-sheet.test.mjs, races.test.mjs
import { isAbort } from '../errors.js'
import { live } from '../texts/page.js'
import { faceOf, words } from '../words.js'
import { hideNotice } from './notice.js'
import { Recording, lockstep } from './recording.js'

/**
 * @typedef {import('./recording.js').Track} Track
 * @typedef {import('./recording.js').Step} Step
 * @typedef {import('../digit-diffusion.js').DigitDiffusion} DigitDiffusion
 * @typedef {import('../digit-diffusion.js').Adapter} Adapter
 * @typedef {{ signal: AbortSignal, doing: 'load' | 'style' | 'run', model: DigitDiffusion }} Task what is under way, and which part of it
 * @typedef {{ session: import('./model-session.js').ModelSession, controls: import('./controls.js').Controls,
 *   stage: import('./stage.js').Stage, attention: import('./attention-maps.js').AttentionMaps,
 *   changes: import('./style-changes.js').StyleChanges, sheet: import('./contact-sheet.js').ContactSheet, compose: () => string,
 *   announce: (text: string) => void, onsettled: () => void, onfail: (error: Error, doing: Task['doing']) => void, onstylefail: (error: Error, name: string) => void,
 *   onprogress: (progress: import('./model-session.js').Progress & { title: string }) => void }} Page
 */

const MOMENT = 90 // milliseconds that a step stays for, so that the eye can follow
const GRACE = 1000 // milliseconds in which a failed run may turn out to be a dying engine
const MANY = 10 // pictures on a sheet of seeds
const FATAL = ['crashed', 'device-lost', 'disposed'] // of the model: nothing goes on without it
const calm = matchMedia('(prefers-reduced-motion: reduce)')
/** The seeds of a sheet: this one and those after it. @param {number} first */
const seeds = first => Array.from({ length: MANY }, (_, i) => Math.min(first, Number.MAX_SAFE_INTEGER + 1 - MANY) + i)
/** @param {number} ms */
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/**
 * The steps of a run with one picture.
 * @param {DigitDiffusion} model
 * @param {import('../digit-diffusion.js').SampleOptions<string, number, false>} options
 * @returns {AsyncGenerator<Step, void, undefined>}
 */
const sampleOne = (model, options) => model.sample(options)

export class Runner {
  #page
  /** @type {Recording | null} */
  #recording = null
  /** Of what is under way. @type {AbortController | null} */
  #run = null
  /** The same, while a strength is being moved. @type {AbortController | null} */
  #tuned = null
  #released = true // no strength is being moved just now

  /** @param {Page} page */
  constructor(page) {
    this.#page = page
  }

  get busy() {
    return this.#run !== null
  }

  stop() {
    this.#run?.abort()
  }

  /** Draws with the model for another device that has just come, unless what is under way goes on with it anyway. */
  renew() {
    if (!this.#run || this.#run.signal.aborted) return this.draw()
  }

  /** Stops, and has nothing more to say about it. */
  abandon() {
    this.stop()
    this.#run = null
  }

  /**
   * Draws the digit: by the base alone, or in lockstep by the base and the styled model from the same noise.
   * `keepBase` replays the base's steps when they are there already and nothing that they depend on has changed.
   */
  draw({ keepBase = false } = {}) {
    const { session, stage, controls, compose, announce } = this.#page
    const { state, styles } = controls
    if (!session.model) stage.say(live.waiting(state.digit))
    return this.#perform(async task => {
      if (state.digit === undefined) return // the model that has come has no such class, and that has been said
      stage.say('')
      const { signal, model } = task
      const { digit, steps: total } = state // a change begins another draw()
      const { strengths } = styles
      const options = this.#options()
      const adapters = state.lora ? await this.#tryStyles(strengths, task) : []
      const lora = state.lora && adapters !== null
      announce(live.drawing(digit, lora))

      const key = this.#baseKey(model)
      const kept = keepBase && this.#recording?.key === key && this.#recording.tracks.base.length === total
      /** @type {Partial<Record<Track, Step[]>>} */
      const tracks = { base: kept ? this.#recording.tracks.base : [], ...(lora && { lora: [] }) }
      const recording = (this.#recording = new Recording({ key, settings: compose(), digit, total, alphas: model.alphasCumprod, tracks }))
      stage.open(recording)
      this.#page.changes.show(model, lora ? strengths : {})
      if (lora) controls.describeStyle()

      const listens = this.#page.attention.open && recording.track
      /** @param {Track} track @param {Record<string, number>} adapters */
      const sample = (track, adapters) => sampleOne(model, { ...options, adapters, signal, attention: track === listens })
      const runs = { ...(!kept && { base: sample('base', {}) }), ...(lora && { lora: sample('lora', strengths) }) }
      for await (const fresh of lockstep(runs)) {
        for (const [track, step] of Object.entries(fresh)) tracks[/** @type {Track} */ (track)].push(step)
        stage.update({ follow: !calm.matches || recording.complete })
        const spent = Object.values(fresh).reduce((sum, { ms }) => sum + ms, 0)
        if (!recording.complete && !state.fullSpeed) await pause(MOMENT - spent)
      }
      if (!Object.keys(runs).length) stage.update() // every step was there already
      await this.#attend(task)
      announce(live.done(digit, total))
    })
  }

  /**
   * While a strength moves, the styled run is drawn anew behind the one on show, again and again until it is that of the
   * newest strengths. The base's run and the chosen step stay.
   * @param {boolean} moving whether the slider is still held
   */
  tune(moving) {
    const { session, stage, controls, compose, announce } = this.#page
    const { styles } = controls
    const recording = this.#recording
    this.#released = !moving
    if (this.#run && this.#run === this.#tuned) return // it looks at the strengths itself
    const tunable = session.model && recording?.complete && recording.tracks.lora && recording.key === this.#baseKey(session.model)
    if (!tunable) {
      this.draw({ keepBase: true })
      return
    }
    const wanted = () => JSON.stringify(styles.strengths)
    this.#perform(async task => {
      let drawn
      while (drawn !== wanted()) {
        drawn = wanted()
        const { strengths } = styles
        const settings = compose()
        /** @type {Step[]} */
        const steps = []
        await this.#addStyles(strengths, task)
        controls.describeStyle()
        this.#page.changes.show(task.model, strengths)
        const { open: attention } = this.#page.attention
        for await (const step of sampleOne(task.model, { ...this.#options(), adapters: strengths, signal: task.signal, attention })) {
          steps.push(step)
          if (this.#released && drawn !== wanted()) break // on the move, a picture now and then is better than none
        }
        if (steps.length < recording.total) continue
        recording.tracks.lora = steps
        recording.settings = settings
        stage.repaint()
      }
      this.#tuned = null // from here on nobody looks at the strengths
      await this.#attend(task)
      announce(live.done(recording.digit, recording.total))
    })
    this.#tuned = this.#run
  }

  /** Attention maps are wanted from now on: also of what is on show already. */
  attend() {
    if (this.#run || !this.#attendable) return // what is under way sees to it itself
    return this.#perform(async task => {
      await this.#attend(task)
      this.#page.announce(live.attended)
    })
  }

  /**
   * Draws many small pictures as one batch: all classes from this seed, as many as go on a sheet, or this class from many seeds.
   * @param {'digits' | 'seeds'} kind
   * @param {number} [from] the first of the classes
   * @returns {Promise<unknown>}
   */
  drawSheet(kind, from = 0) {
    const { controls, sheet, announce } = this.#page
    const onstop = () => sheet.say(() => live.stopped)
    return this.#perform(
      async task => {
        if (kind === 'seeds') controls.pickAny()
        const { digit, seed, lora } = controls.state
        const { strengths } = controls.styles
        const { labels } = task.model
        const to = Math.min(labels.length, from + words.sheet)
        const next = kind === 'digits' && to < labels.length ? { from: to, to: Math.min(labels.length, to + words.sheet) } : undefined
        const cells =
          kind === 'digits'
            ? labels.slice(from, to).map((digit, i) => ({ digit, name: faceOf(digit, from + i), seed, title: faceOf(digit, from + i) }))
            : seeds(seed).map(seed => ({ digit, name: faceOf(digit, labels.indexOf(digit)), seed, title: String(seed) }))
        if (lora) await this.#addStyles(strengths, task)
        task.doing = 'run'
        sheet.open(cells, next)
        task.signal.addEventListener('abort', onstop, { once: true }) // also where something else takes its place
        sheet.say(() => live.drawingMany(cells.length)) // in place of what was said of the one before
        announce(live.drawingMany(cells.length))
        const batch = { label: cells.map(cell => cell.digit), seed: cells.map(cell => cell.seed) }
        const steps = task.model.sample({ ...this.#options(), ...batch, adapters: lora ? strengths : {}, signal: task.signal })
        for await (const { step, total, image, ms, threads } of steps) {
          if (!calm.matches || step === total) sheet.show(image)
          sheet.say(() => live.sheetPosition({ step, total, ms, threads }))
        }
        sheet.say(() => live.sheetDone)
        announce(live.drawnMany(cells.length))
      },
      { onstop, again: () => this.drawSheet(kind, from) },
    )
  }

  /** Whether the recording on show is whole, still what the controls say, and without the attention maps that are unfolded. */
  get #attendable() {
    const recording = this.#recording
    return this.#page.attention.open && recording?.complete && !recording.attended && recording.settings === this.#page.compose()
  }

  /** Draws the recording's closer track once more, behind the same pictures, with attention maps. @param {Task} task */
  async #attend(task) {
    const recording = this.#recording
    if (!this.#attendable) return
    const { styles } = this.#page.controls
    const adapters = recording.track === 'lora' ? styles.strengths : {}
    /** @type {Step[]} */
    const steps = []
    await this.#addStyles(adapters, task)
    for await (const step of sampleOne(task.model, { ...this.#options(), adapters, signal: task.signal, attention: true })) steps.push(step)
    recording.tracks[recording.track] = steps
    this.#page.stage.repaint()
  }

  /**
   * Runs `work` as the one thing that is under way, with the model loaded; what goes wrong is told.
   * @param {(task: Task) => Promise<unknown>} work
   * @param {{ onstop?: () => void, again?: () => unknown }} options
   * @returns {Promise<unknown>}
   */
  async #perform(work, { onstop = () => this.#stopped(), again = () => this.draw() } = {}) {
    const { session, onsettled, onfail } = this.#page
    this.stop()
    const mine = (this.#run = new AbortController())
    const { signal } = mine
    /** @type {Task} */
    const task = { signal, doing: 'load', model: undefined }
    hideNotice()
    onsettled()
    try {
      task.model = await session.ready()
      signal.throwIfAborted()
      task.doing = 'run'
      await work(task)
    } catch (error) {
      if (this.#run !== mine) return
      if (signal.aborted) onstop()
      else if (error.code === 'disposed' && session.model) return again() // one for another device has taken its place
      else if (!isAbort(error) && !(await this.#dies(task)) && this.#run === mine) onfail(error, task.doing)
    } finally {
      if (this.#run === mine) this.#run = null
      onsettled()
    }
  }

  /** Whether it failed because its engine is dying, which `onlost` of the session handles. @param {Task} task */
  #dies({ model, doing }) {
    return doing === 'run' && Promise.race([model.lost.then(() => true), pause(GRACE).then(() => false)])
  }

  #stopped() {
    const { session, stage, announce } = this.#page
    if (!session.model && session.loading) return // for another device: it goes on then
    stage.update() // where a reduced-motion run has not shown its steps yet
    if (!this.#recording?.length) stage.say(session.model ? live.stopped : live.loadStopped)
    announce(live.stopped)
  }

  #options() {
    const { digit, seed, steps, sampler, guidance } = this.#page.controls.state
    return { label: digit, seed, steps, sampler, guidanceScale: guidance }
  }

  /** What a run of the base depends on. @param {DigitDiffusion} model */
  #baseKey({ baseHash, backend }) {
    return JSON.stringify([...Object.values(this.#options()), baseHash, backend])
  }

  /**
   * The same, but a style that does not arrive is told, and leaves the rest alone.
   * @param {Record<string, number>} strengths
   * @param {Task} task
   * @returns {Promise<Adapter[] | null>}
   */
  async #tryStyles(strengths, task) {
    try {
      return await this.#addStyles(strengths, task)
    } catch (error) {
      if (task.signal.aborted || this.#page.session.model !== task.model || FATAL.includes(error.code)) throw error
      const loaded = task.model.adapters.map(({ name }) => name)
      this.#page.onstylefail(error, Object.keys(strengths).find(name => !loaded.includes(name)))
      task.doing = 'run'
      return null
    }
  }

  /**
   * @param {Record<string, number>} strengths
   * @param {Task} task
   * @returns {Promise<Adapter[]>} the adapters of `strengths`, loaded
   */
  async #addStyles(strengths, task) {
    const { session, controls, onprogress, onsettled } = this.#page
    /** @type {Adapter[]} */
    const adapters = []
    task.doing = 'style'
    try {
      for (const name of Object.keys(strengths)) {
        const title = live.fetchingStyle(controls.styles.title(name))
        adapters.push(await session.addStyle(name, { signal: task.signal, onprogress: progress => onprogress({ ...progress, title }) }))
      }
    } finally {
      onsettled()
    }
    task.doing = 'run'
    return adapters
  }
}
