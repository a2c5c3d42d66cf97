// Runs the model, one run at a time: the digit, the same again as something moves, the attention maps, many small pictures.
// Tests: tests/page/page.test.mjs, strengths.test.mjs, turbo-page.test.mjs, contact-sheet.test.mjs, races.test.mjs
import { isAbort } from '../errors.js'
import { live } from '../texts/page.js'
import { cellsOf } from './contact-sheet.js'
import { FetchAdapters } from './fetch-adapters.js'
import { hideNotice } from './notice.js'
import { Recording, lockstep, sampleOne } from './recording.js'

/**
 * @typedef {import('./recording.js').Track} Track
 * @typedef {import('./recording.js').Step} Step
 * @typedef {import('../digit-diffusion.js').DigitDiffusion} DigitDiffusion
 * @typedef {{ signal: AbortSignal, doing: 'load' | 'style' | 'run', model: DigitDiffusion }} Task what is under way, and which part of it
 * @typedef {{ session: import('./model-session.js').ModelSession, controls: import('./controls.js').Controls,
 *   stage: import('./stage.js').Stage, attention: import('./attention-maps.js').AttentionMaps,
 *   changes: import('./style-changes.js').StyleChanges, sheet: import('./contact-sheet.js').ContactSheet, compose: () => string,
 *   announce: (text: string) => void, onsettled: () => void, onfail: (error: Error, doing: Task['doing']) => void, onwithout: () => void,
 *   onprogress: (progress: import('./model-session.js').Progress & { title: string }) => void }} Page
 */

const MOMENT = 90 // milliseconds that a step stays for, so that the eye can follow
const GRACE = 1000 // milliseconds in which a failed run may turn out to be a dying engine
const calm = matchMedia('(prefers-reduced-motion: reduce)')
/** @param {number} ms */
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

export class Runner {
  #page
  #adapters
  /** @type {Recording | null} */
  #recording = null
  /** Of what is under way. @type {AbortController | null} */
  #run = null
  /** @type {Task | undefined} */
  #task
  /** The same as #run, while it looks at the controls itself. @type {AbortController | null} */
  #following = null
  /** Until it has drawn what they say. @type {Promise<unknown>} */
  #followed = Promise.resolve()
  #released = true // nothing is being moved just now
  /** Of which it is said what they change. @type {{ model?: DigitDiffusion, key?: string }} */
  #told = {}

  /** @param {Page} page */
  constructor(page) {
    this.#page = page
    this.#adapters = new FetchAdapters(page, { again: () => this.draw({ keepBase: true }) })
  }

  get busy() {
    return this.#run !== null
  }

  /** Whether what is under way is over before anybody could stop it. */
  get quick() {
    return this.#run !== null && this.#run === this.#following && this.#page.controls.turbo.on && this.#task.doing === 'run'
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
   * @returns {Promise<unknown>}
   */
  draw({ keepBase = false } = {}) {
    const { session, stage, controls } = this.#page
    if (controls.turbo.on) return this.follow()
    if (!session.model) stage.say(live.waiting(controls.state.digit))
    return this.#perform(task => this.#play(task, keepBase))
  }

  /** @param {Task} task @param {boolean} keepBase */
  async #play(task, keepBase) {
    const { stage, controls, compose, announce, attention } = this.#page
    const { state, styles } = controls
    if (state.digit === undefined) return // the model that has come has no such class, and that has been said
    stage.say('')
    const { signal, model } = task
    const { digit, steps: total } = state // a change begins another draw()
    const { strengths } = styles
    const options = this.#options()
    const lora = state.lora && (await this.#adapters.tryStyles(strengths, task)) !== null
    announce(live.drawing(digit, lora))

    const key = this.#baseKey(model)
    const kept = keepBase && this.#recording?.key === key && this.#recording.tracks.base.length === total
    /** @type {Partial<Record<Track, Step[]>>} */
    const tracks = { base: kept ? this.#recording.tracks.base : [], ...(lora && { lora: [] }) }
    const recording = (this.#recording = new Recording({ key, settings: compose(), digit, total, alphas: model.alphasCumprod, tracks }))
    stage.open(recording)
    this.#tell(model, lora ? strengths : {})

    const listens = attention.open && recording.track
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
  }

  /**
   * What moves is drawn anew behind what is on show, again and again until that is what the controls say: the strengths, and with
   * Turbo whatever there is. What has not changed is not drawn again, and the chosen step stays.
   * @param {boolean} moving whether it is still held
   * @returns {Promise<unknown>}
   */
  follow(moving = false) {
    const { session, stage, controls } = this.#page
    this.#released = !moving
    if (this.#run && this.#run === this.#following && !this.#run.signal.aborted) return this.#followed // it looks at the controls itself
    if (!this.#canFollow(session.model)) return this.draw({ keepBase: true })
    if (!session.model) stage.say(live.waiting(controls.state.digit))
    this.#followed = this.#perform(task => this.#chase(task), { follows: true })
    return this.#followed
  }

  /** @param {Task} task */
  async #chase(task) {
    const { controls, compose, announce } = this.#page
    const { state } = controls
    let drawn = this.#isShown(task) ? compose() : undefined
    while (drawn !== compose()) {
      if (state.digit === undefined) return // the model that has come has no such class, and that has been said
      if (!this.#canFollow(task.model)) break // Turbo's adapter is not to be had
      drawn = compose()
      const settings = drawn
      await this.#redraw(task, settings, () => this.#released && settings !== compose())
    }
    this.#following = null // from here on nobody looks at the controls
    if (drawn !== compose()) return this.#play(task, true)
    await this.#attend(task)
    if (this.#released) announce(live.done(this.#recording.digit, this.#recording.total))
  }

  /**
   * Draws once what the controls say, and shows it when it is whole.
   * @param {Task} task @param {string} settings as text
   * @param {() => boolean} superseded on the move, a picture now and then is better than none; else an old one is given up
   */
  async #redraw(task, settings, superseded) {
    const { stage, attention, controls } = this.#page
    const { state, turbo } = controls
    const { model, signal } = task
    const { digit, lora: restyled } = state
    const { strengths } = controls.styles
    const before = this.#recording
    const [options, ground, key] = [this.#options(), turbo.strengths, this.#baseKey(model)]
    const start = await this.#latents(model, signal)
    if (!(await this.#adapters.turbo(ground, task))) return
    const lora = restyled && (await this.#adapters.tryStyles(strengths, task)) !== null
    const listens = attention.open && (lora ? 'lora' : 'base')
    /** @param {Track} track @param {Record<string, number>} adapters @returns {Promise<Step[] | undefined>} */
    const draw = async (track, adapters) => {
      /** @type {Step[]} */
      const steps = []
      for await (const step of sampleOne(model, { ...options, ...start, adapters, signal, attention: track === listens })) {
        steps.push(step)
        if (step.step < step.total && superseded()) return undefined
      }
      return steps
    }
    const base = before?.complete && before.key === key ? before.tracks.base : await draw('base', ground)
    if (!base) return
    const styled = lora ? await draw('lora', { ...ground, ...strengths }) : undefined
    if (lora && !styled) return
    const tracks = { base, ...(styled && { lora: styled }) }
    const fits = before?.complete && before.total === base.length && !before.tracks.lora === !lora
    if (fits) Object.assign(before, { key, settings, digit, tracks })
    else stage.open((this.#recording = new Recording({ key, settings, digit, total: base.length, alphas: model.alphasCumprod, tracks })))
    this.#tell(model, lora ? strengths : {})
    stage.repaint()
  }

  /** Says what these styles change, once: a morph has many pictures of the same. @param {DigitDiffusion} model @param {Record<string, number>} strengths */
  #tell(model, strengths) {
    const key = JSON.stringify(strengths)
    if (this.#told.model === model && this.#told.key === key) return
    this.#told = { model, key }
    this.#page.changes.show(model, strengths)
    this.#page.controls.describeStyle()
  }

  /** Whether one step after the other need not be shown. @param {DigitDiffusion | null} model */
  #canFollow(model) {
    const recording = this.#recording
    return this.#page.controls.turbo.on || (model && recording?.complete && recording.tracks.lora && recording.key === this.#baseKey(model))
  }

  /** Whether what is on show is what the controls say, whole and drawn where the model computes now. @param {Task} task */
  #isShown({ model }) {
    const recording = this.#recording
    const whole = recording?.complete && !recording.tracks.lora === !this.#page.controls.state.lora
    return whole && recording.key === this.#baseKey(model) && recording.settings === this.#page.compose()
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
        const { cells, next } = cellsOf(kind, { digit, seed, labels: task.model.labels, from })
        const quick = controls.turbo.strengths
        const ground = (await this.#adapters.turbo(quick, task)) ? quick : {}
        if (lora) await this.#adapters.styles(strengths, task)
        task.doing = 'run'
        sheet.open(cells, next)
        task.signal.addEventListener('abort', onstop, { once: true }) // also where something else takes its place
        sheet.say(() => live.drawingMany(cells.length)) // in place of what was said of the one before
        announce(live.drawingMany(cells.length))
        const batch = { label: cells.map(cell => cell.digit), seed: cells.map(cell => cell.seed) }
        const steps = task.model.sample({ ...this.#options(), ...batch, adapters: { ...ground, ...(lora && strengths) }, signal: task.signal })
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
    const { styles, turbo } = this.#page.controls
    const strengths = recording.track === 'lora' ? styles.strengths : {}
    const [options, adapters] = [this.#options(), { ...turbo.strengths, ...strengths }]
    const start = await this.#latents(task.model, task.signal)
    await this.#adapters.styles(strengths, task)
    /** @type {Step[]} */
    const steps = []
    for await (const step of sampleOne(task.model, { ...options, ...start, adapters, signal: task.signal, attention: true })) steps.push(step)
    recording.tracks[recording.track] = steps
    this.#page.stage.repaint()
  }

  /**
   * Runs `work` as the one thing that is under way, with the model loaded; what goes wrong is told.
   * @param {(task: Task) => Promise<unknown>} work
   * @param {{ onstop?: () => void, again?: () => unknown, follows?: boolean }} options
   * @returns {Promise<unknown>}
   */
  async #perform(work, { onstop = () => this.#stopped(), again = () => this.draw(), follows = false } = {}) {
    const { session, onsettled, onfail } = this.#page
    this.stop()
    const mine = (this.#run = new AbortController())
    const { signal } = mine
    /** @type {Task} */
    const task = { signal, doing: session.model ? 'run' : 'load', model: undefined }
    this.#task = task
    this.#following = follows ? mine : null
    if (!follows || this.#released) hideNotice() // what is said while something moves can be read
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

  /** With Turbo, its adapter says the rest; guidance that nobody has chosen is left to base and styles. */
  #options() {
    const { state, turbo, guidance } = this.#page.controls
    const { digit, seed, steps, sampler } = state
    return turbo.on ? { label: digit, seed } : { label: digit, seed, steps, sampler, guidanceScale: guidance }
  }

  /** What a morph begins with, on its way from one seed to another. @param {DigitDiffusion} model @param {AbortSignal} signal */
  async #latents(model, signal) {
    const { state, turbo } = this.#page.controls
    return turbo.way && { latents: await model.noise(state.seed, { ...turbo.way, signal }) }
  }

  /** What a run of the base depends on. @param {DigitDiffusion} model */
  #baseKey({ baseHash, backend }) {
    const { name, way } = this.#page.controls.turbo
    return JSON.stringify([...Object.values(this.#options()), baseHash, backend, name, way])
  }
}
