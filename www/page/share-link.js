// The share link: the address bar's settings are brought to the page, and the page's settings to the address bar, without a network request
// or a history entry. Their text form: settings-text.js.
// Tests: tests/page/share-link.test.mjs
import { readSettings } from './settings-text.js'

const QUIET = 300 // milliseconds without a change; browsers count how often an address changes

export class ShareLink {
  #compose
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #known = location.href // what was last read or written here

  /** @param {{ compose: () => string | undefined, onchange: (read: NonNullable<ReturnType<typeof readSettings>>) => void }} events */
  constructor({ compose, onchange }) {
    this.#compose = compose
    addEventListener('hashchange', () => {
      this.#known = location.href
      const read = this.read()
      if (read) onchange(read)
      else this.#write() // a place on the page was asked for: it is on view now, and the settings come back
    })
    addEventListener('pagehide', () => this.#timer && this.#write())
  }

  read() {
    return readSettings(location.hash.slice(1))
  }

  /** The page's address with the present settings. */
  get link() {
    const settings = this.#compose()
    return `${location.href.split('#')[0]}${settings ? `#${settings}` : ''}`
  }

  /** Brings the address up to date, after a moment without changes. */
  update() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#write(), QUIET)
  }

  #write() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#known !== location.href) {
      // A link was just pasted, and its event is on the way: it stands. Or a script changed the address: no event comes.
      this.#known = location.href
      return this.update()
    }
    if (this.link === location.href) return
    history.replaceState(history.state, '', this.link)
    this.#known = location.href
  }
}
