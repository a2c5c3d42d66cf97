// A run that was drawn: every step of every track, so that all of it can be looked at again.
// Tests: tests/page/page.test.mjs

/** The base alone, or styled. @typedef {'base' | 'lora'} Track */
/** @typedef {import('../digit-diffusion.js').Step & Partial<import('../digit-diffusion.js').AttentionStep>} Step */

export class Recording {
  /** @type {number | null} */
  #pinned = null

  /**
   * @param {{ key: string, settings: string, digit: string, total: number, alphas: Float32Array,
   *   tracks: Partial<Record<Track, Step[]>> }} recording
   * `settings` is what it was drawn with, `alphas` the model's noise schedule; `tracks` may hold steps already
   */
  constructor({ key, settings, digit, total, alphas, tracks }) {
    this.key = key
    this.settings = settings
    this.digit = digit
    this.total = total
    this.alphas = alphas
    this.tracks = tracks
  }

  /** How many steps all tracks have. */
  get length() {
    return Math.min(...Object.values(this.tracks).map(steps => steps.length))
  }

  get complete() {
    return this.length === this.total
  }

  /** The step on show: the newest, unless one was chosen. */
  get position() {
    return Math.min(this.#pinned ?? this.length, this.length)
  }

  set position(step) {
    this.#pinned = step
  }

  /** The track that is looked at closely: the styled one where there is one. @returns {Track} */
  get track() {
    return this.tracks.lora ? 'lora' : 'base'
  }

  /** Whether that track's steps say what they attended to. */
  get attended() {
    return this.tracks[this.track].every(({ attention }) => attention)
  }

  /** The timesteps so far. */
  get timesteps() {
    return Object.values(this.tracks)[0].slice(0, this.length).map(({ timestep }) => timestep)
  }

  get msPerStep() {
    const times = Object.values(this.tracks).flat().map(({ ms }) => ms)
    return times.reduce((sum, ms) => sum + ms, 0) / times.length
  }

  /** The most workers that computed one of its steps. */
  get threads() {
    return Math.max(...Object.values(this.tracks).flat().map(({ threads }) => threads))
  }

  /** @param {number} step 1 to length @returns {Partial<Record<Track, Step>>} */
  at(step) {
    return Object.fromEntries(Object.entries(this.tracks).map(([name, steps]) => [name, steps[step - 1]]))
  }
}

/**
 * The steps of a run with one picture.
 * @param {import('../digit-diffusion.js').DigitDiffusion} model
 * @param {import('../digit-diffusion.js').SampleOptions<string, number, false>} options
 * @returns {AsyncGenerator<Step, void, undefined>}
 */
export const sampleOne = (model, options) => model.sample(options)

/**
 * Steps several runs side by side; each yield is one step of all of them.
 * @param {Partial<Record<Track, AsyncGenerator<Step, void, undefined>>>} runs
 */
export async function* lockstep(runs) {
  if (!Object.keys(runs).length) return
  try {
    for (;;) {
      /** @type {Partial<Record<Track, Step>>} */
      const steps = {}
      for (const [name, run] of Object.entries(runs)) {
        const { done, value } = await run.next()
        if (done) return
        steps[/** @type {Track} */ (name)] = /** @type {Step} */ (value)
      }
      yield steps
    }
  } finally {
    for (const run of Object.values(runs)) run.return()
  }
}
