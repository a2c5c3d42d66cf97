// Moves the page to another base: until that is there, and where it does not come, the one that is there draws.
// Tests: tests/page/bases.test.mjs
import { isAbort } from '../errors.js'
import { live } from '../texts/page.js'
import { hideNotice } from './notice.js'

/**
 * @typedef {object} Page
 * @property {import('./model-session.js').ModelSession} session
 * @property {import('./bases.js').Bases} bases
 * @property {import('./controls.js').Controls} controls
 * @property {import('./runner.js').Runner} runner
 * @property {import('./contact-sheet.js').ContactSheet} sheet
 * @property {import('./stage.js').Stage} stage
 * @property {() => void} onsettled something has begun or ended
 * @property {() => void} onkept it stays with the base before
 * @property {(error: Error) => void} onfail there is no model now
 * @property {(error: { message: string }, title: string, more?: { mild?: boolean }) => void} refuse
 */

export class Move {
  #page

  /** @param {Page} page */
  constructor(page) {
    this.#page = page
  }

  /** @param {string | undefined} address of the base's folder; undefined: the page's own */
  async to(address) {
    const { session, bases, controls, runner, sheet, stage, onsettled, onkept, onfail, refuse } = this.#page
    runner.stop()
    hideNotice()
    bases.chosen = address
    try {
      const loading = session.load(session.wanted.device, address)
      onsettled()
      await loading
      sheet.clear()
      if (controls.state.digit !== undefined) runner.renew()
    } catch (error) {
      if (session.loading) return // another choice has been made meanwhile
      bases.chosen = session.base
      controls.device = session.device
      onkept()
      if (session.model) controls.adopt(session.model, session)
      if (isAbort(error)) return session.model || stage.say(live.loadStopped)
      if (!session.model) return onfail(error)
      refuse(error, live.failed.base(bases.title(session.base)), { mild: true })
    }
  }
}
