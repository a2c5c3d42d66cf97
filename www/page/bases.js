// Which base draws: the one that the page comes with, or another that its manifest lists. The choice is there where there is one.
// Tests: tests/page/bases.test.mjs
import { peek } from '../early-downloads.js'
import { live } from '../texts/page.js'
import { $ } from './dom.js'
import { RadioGroup } from './radio-group.js'
import { isBase, isHash } from './settings-text.js'

/**
 * Of a manifest; `path` of a models folder, from the manifest's own; `bytes`: what choosing it downloads.
 * @typedef {{ path: string, title?: string, image_size?: number, bytes?: number }} Listed
 */

/** The page's own base, by a name that no other has. */
const OWN = 'base'

/** By what links call it. @param {Listed} base */
const nameOf = ({ path }) => path.replace(/^\.?\/|\/+$/g, '') || OWN

/** Whether a link's `base` is a name. @param {string | undefined} base */
export const namesBase = base => base !== undefined && !isHash(base)

/**
 * The manifest, as far as it is to be had; what is wrong with it is told when the model is loaded. `needed`: also where the page has not begun to
 * fetch it (early.js).
 * @param {boolean} needed
 * @returns {Promise<any>}
 */
export async function readManifest(needed) {
  const { href } = new URL('models/manifest.json', document.baseURI)
  try {
    const response = await (peek(href) ?? (needed ? fetch(href, { cache: 'no-cache' }) : undefined))
    return (response?.ok && (await response.json())) || {}
  } catch {
    return {}
  }
}

export class Bases {
  /** The page's own first. @type {Listed[]} */
  #list = []
  /** Which one is chosen. */
  #shown = OWN
  #group

  /** @param {{ onchange: (name: string) => void }} events */
  constructor({ onchange }) {
    this.#group = new RadioGroup($('bases'), { onchange: name => name !== this.#shown && onchange(name) })
    // The build has written down what it knows (xtask/bundle/words.mjs).
    const listed = $('bases').dataset.listed
    if (listed) this.#fill(JSON.parse(listed))
  }

  /** What the manifest says of the page's own base, and of others. @param {{ image_size?: number }} own @param {Listed[] | undefined} others */
  offer({ image_size }, others) {
    const list = Array.isArray(others) ? others.filter(({ path }) => typeof path === 'string') : []
    this.#fill(list.length ? [{ path: '', image_size }, ...list] : [])
  }

  /** Whether there is one of this name. @param {string} name */
  has(name) {
    return this.#list.some(base => nameOf(base) === name)
  }

  /** Its folder, as the class takes it; undefined of the page's own. @param {string} name */
  address(name) {
    const base = this.#list.find(base => nameOf(base) === name)
    return base && name !== OWN ? new URL(`models/${base.path.replace(/\/*$/, '/')}base/`, document.baseURI).href : undefined
  }

  /**
   * What a link or a picture asks for: the address of a base, the one that draws where it asks for none; the hash that is to be its; and a
   * sentence where there is no such base.
   * @param {string | undefined} base its name, or the beginning of its hash @param {import('./model-session.js').ModelSession} session
   * @returns {{ address: string | undefined, hash?: string, unknown: string[] }}
   */
  asked(base, session) {
    const now = { address: session.base, unknown: [] }
    if (base === undefined) return now
    if (this.has(base)) return { address: this.address(base), unknown: [] }
    if (!isHash(base)) return { ...now, unknown: [live.noSuchBase(base)] }
    // The page's own is known by its hash alone.
    return { ...(session.model && isBase(base, session.model.baseHash) ? now : { address: undefined, unknown: [] }), hash: base }
  }

  /** What a link calls a base, which it does not of the page's own. @param {string | undefined} address */
  linked(address) {
    return address === undefined ? undefined : this.#list.map(nameOf).find(name => this.address(name) === address)
  }

  /** @param {string | undefined} address */
  title(address) {
    const name = this.linked(address) ?? OWN
    const base = this.#list.find(base => nameOf(base) === name)
    return base ? this.#titleOf(base) : ''
  }

  /** Which one is chosen, by its address. @param {string | undefined} address */
  set chosen(address) {
    this.#shown = this.linked(address) ?? OWN
    this.#group.value = this.#shown
  }

  /** In the language that has just been chosen. */
  translate() {
    this.#fill(this.#list)
  }

  /** @param {Listed} base */
  #titleOf(base) {
    const { title, image_size: size } = base
    return live.base({ title: title ?? (nameOf(base) === OWN ? live.pixels : nameOf(base)), size })
  }

  /** @param {Listed[]} list */
  #fill(list) {
    const same = JSON.stringify(list) === JSON.stringify(this.#list)
    this.#list = list
    $('bases-row').hidden = !list.length
    // Who has come to it with the keys stays where they are.
    if (same) for (const [i, input] of this.#group.inputs.entries()) input.nextElementSibling.textContent = this.#titleOf(list[i])
    else this.#group.fill(list.map(base => ({ value: nameOf(base), title: this.#titleOf(base) })), this.#shown)
    const costs = list.filter(({ bytes }) => Number(bytes) > 0).map(base => live.baseCost({ title: this.#titleOf(base), bytes: base.bytes }))
    $('bases-hint').textContent = costs.join(' ')
  }
}
