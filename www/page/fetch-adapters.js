// What a drawing needs beside the base: the adapters of its styles, and Turbo's. Each is fetched when it is first drawn with.
// Tests: tests/page/page.test.mjs, turbo-page.test.mjs, failures.test.mjs
import { live } from '../texts/page.js'
import { showNotice } from './notice.js'

/**
 * @typedef {import('../digit-diffusion.js').Adapter} Adapter
 * @typedef {import('./runner.js').Task} Task
 */

const FATAL = ['crashed', 'device-lost', 'disposed'] // of the model: nothing goes on without it

export class FetchAdapters {
  #page
  #again

  /** @param {import('./runner.js').Page} page @param {{ again: () => unknown }} runner `again` draws once more what the controls say */
  constructor(page, { again }) {
    this.#page = page
    this.#again = again
  }

  /**
   * @param {Record<string, number>} strengths
   * @param {Task} task
   * @returns {Promise<Adapter[]>} the styles of `strengths`, loaded
   */
  styles(strengths, task) {
    return this.#add(Object.keys(strengths), name => live.fetchingStyle(this.#page.controls.styles.title(name)), task)
  }

  /**
   * The same, but a style that does not arrive is told, and leaves the rest alone.
   * @param {Record<string, number>} strengths
   * @param {Task} task
   * @returns {Promise<Adapter[] | null>}
   */
  async tryStyles(strengths, task) {
    try {
      return await this.styles(strengths, task)
    } catch (error) {
      this.#mustGoOn(error, task)
      const loaded = task.model.adapters.map(({ name }) => name)
      this.#goWithout(error, Object.keys(strengths).find(name => !loaded.includes(name)))
      return null
    }
  }

  /**
   * Turbo's adapter; where it does not arrive, that is told, and nothing is drawn with it.
   * @param {Record<string, number>} strengths
   * @param {Task} task
   * @returns {Promise<boolean>} whether it is there
   */
  async turbo(strengths, task) {
    try {
      await this.#add(Object.keys(strengths), () => live.fetchingTurbo, task)
      return true
    } catch (error) {
      this.#mustGoOn(error, task)
      this.#goSlowly(error)
      return false
    }
  }

  /** Throws what is no matter of one adapter. @param {any} error @param {Task} task */
  #mustGoOn(error, task) {
    if (task.signal.aborted || this.#page.session.model !== task.model || FATAL.includes(error.code)) throw error
    task.doing = 'run'
  }

  /**
   * A style did not arrive: the base draws alone meanwhile.
   * @param {Error} error
   * @param {string} name
   */
  #goWithout({ message }, name) {
    const { announce, controls, onwithout } = this.#page
    announce(message)
    const without = () => {
      controls.without(name)
      onwithout()
      this.#again()
    }
    const actions = [{ title: live.retry, run: this.#again }, { title: live.goOn, run: without }]
    showNotice({ title: live.failed.style, message: live.styleFailed(message), actions })
  }

  /** Turbo's adapter did not arrive: it is off. @param {Error} error */
  #goSlowly({ message }) {
    const { announce, controls, onwithout } = this.#page
    const { name, way } = controls.turbo
    announce(message)
    controls.turbo.on = false
    onwithout()
    const once = () => {
      controls.turbo.restore(name, way)
      onwithout()
      this.#again()
    }
    const actions = [{ title: live.retry, run: once }, { title: live.goOn, run: () => {} }]
    showNotice({ title: live.failed.turbo, message: live.turboFailed(message), actions })
  }

  /** @param {string[]} names @param {(name: string) => string} titleOf @param {Task} task */
  async #add(names, titleOf, task) {
    const { session, onprogress, onsettled } = this.#page
    const { model } = task
    const adapterOf = (/** @type {string} */ name) => model.adapters.find(adapter => adapter.name === name)
    const missing = names.filter(name => !adapterOf(name))
    if (missing.length) {
      task.doing = 'style'
      onsettled()
      try {
        for (const name of missing) {
          const title = titleOf(name)
          await session.addStyle(name, { signal: task.signal, onprogress: progress => onprogress({ ...progress, title }) })
        }
      } finally {
        onsettled()
      }
      task.doing = 'run'
    }
    return names.map(adapterOf)
  }
}
