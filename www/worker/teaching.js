// A run of training, in the worker that leads it: some steps at a time, for as long as somebody asks for more.
// Tests: tests/page/train.test.mjs, train-sleep.test.mjs
import * as wasm from '../engine/training.js'
import { readBase } from './base-files.js'
import { Jobs } from './jobs.js'
import { awake } from './shares.js'
import { picturesOf } from './teaching-pictures.js'

const CHUNK = 300 // milliseconds after which what has been done is told
const CHECKPOINT = 8000 // milliseconds between checkpoints: less than ten seconds are ever lost
const PREVIEW = 2000 // milliseconds between files to draw previews with

/** Numbers of a recipe by what the class calls them. */
const recipeOf = ({ steps, seed }) => JSON.stringify({ ...(steps !== undefined && { steps }), ...(seed !== undefined && { seed }) })

export class Teaching {
  #base
  #teacher
  #network
  #jobs
  #previews
  #images = 0
  #ms = 0
  #steps = 0
  #checkpoint = performance.now()
  #preview = -Infinity
  /** Whether validation has found that more does not help. */
  #settled = false

  /**
   * @param {any} params of `model.train`, with what the model's own worker has told
   * @param {{ module: WebAssembly.Module, post: (message: object) => void }} options
   */
  static async begin({ base: files, images, labels, heldOut, size, options, init, resume, threads, previews }, { module, post }) {
    const base = wasm.Base.load(await readBase(files))
    try {
      const pictures = { ...(await picturesOf(images, labels, size)), heldOut: heldOut && (await picturesOf(heldOut.images, heldOut.labels, size)) }
      const { rank, alpha, targets } = options
      const teacher = resume
        ? wasm.Teacher.resume(base, pictures, resume)
        : wasm.Teacher.begin(base, pictures, { recipe: recipeOf(options), steps: options.steps, init, rank, alpha, targets })
      return new Teaching({ base, teacher, files, module, threads, previews, post })
    } catch (error) {
      base.free()
      throw error
    }
  }

  constructor({ base, teacher, files, module, threads, previews, post }) {
    const adapter = teacher.files('', false)
    this.#base = base
    this.#teacher = teacher
    this.#network = wasm.Network.load(base, adapter)
    this.#previews = previews
    this.#jobs = new Jobs({ threads, network: this.#network, start: { module, base: files, adapter }, post })
  }

  get progress() {
    return { step: this.#teacher.step, total: this.#teacher.total, heldOut: this.#teacher.heldOut }
  }

  told(helper) {
    this.#jobs.told(helper)
  }

  /** Some steps, and how they went. @param {AbortSignal} signal stops between two */
  async next(signal) {
    const begun = performance.now()
    let [loss, images, steps] = [0, 0, 0]
    /** @type {number | undefined} */
    let validationLoss
    while (!this.#over && !signal.aborted) {
      const report = await this.#step()
      steps++
      loss += report.loss
      images += report.images
      if (this.#teacher.validates()) validationLoss = await this.#validate()
      if (performance.now() - begun >= CHUNK) break
    }
    this.#ms += awake(performance.now() - begun, this.#steps && (steps * this.#ms) / this.#steps)
    this.#images += images
    this.#steps += steps
    return { ...this.progress, ...(steps && { loss: loss / steps }), ...(validationLoss !== undefined && { validationLoss }), ...this.#speed(), ...this.#extras(), done: this.#over }
  }

  /** What has been learnt. @param {string} title */
  finish(title) {
    return this.#teacher.files(title, true)
  }

  end() {
    this.#jobs.end()
    this.#network.free()
    this.#teacher.free()
    this.#base.free()
  }

  get #over() {
    return this.#settled || this.#teacher.step >= this.#teacher.total
  }

  async #step() {
    const results = await this.#jobs.run('gradients', this.#teacher.parameters(), this.#teacher.jobs(), () => this.#teacher.thinkAhead())
    return this.#teacher.advance(results)
  }

  async #validate() {
    const losses = await this.#jobs.run('loss', this.#teacher.averaged(), this.#teacher.validationJobs())
    const { loss, stop } = this.#teacher.validated(Float32Array.from(losses))
    this.#settled = stop
    return loss
  }

  #speed() {
    if (!this.#steps) return {}
    const left = this.#over ? 0 : this.#teacher.total - this.#teacher.step
    return { rate: (1000 * this.#images) / this.#ms, secondsLeft: (left * this.#ms) / this.#steps / 1000 }
  }

  /** What is not told each time. */
  #extras() {
    const now = performance.now()
    const told = {}
    if (this.#previews && (this.#over || now - this.#preview >= PREVIEW)) {
      this.#preview = now
      Object.assign(told, { files: this.#teacher.files('', false) })
    }
    if (this.#over || now - this.#checkpoint >= CHECKPOINT) {
      this.#checkpoint = now
      Object.assign(told, { checkpoint: this.#teacher.checkpoint() })
    }
    return told
  }
}
