// The section in which visitors teach the model their hand: the pad, the photographs, what there is of each class, teaching, what was taught,
// and all of it kept for the next visit.
// Tests: tests/page/teach-pad.test.mjs, teach-photographs.test.mjs, teach-storage.test.mjs, teach-training.test.mjs
import { teachOf as english } from '../../texts/teach.js'
import { Drawings, greyOf } from './drawings.js'
import { element, Speech } from './element.js'
import { Gallery } from './gallery.js'
import { Pad } from './pad.js'
import { Photographs } from './photographs.js'
import { FORMATS, Result, styleOf } from './result.js'
import { Store } from './store.js'
import { pictureOf } from './strokes.js'
import { Teaching } from './teaching.js'

/**
 * What the page gives: this script has nothing of the page's in it.
 * @typedef {object} Page
 * @property {import('../model-session.js').ModelSession} session
 * @property {import('../../words.js').Words} words
 * @property {typeof import('../../words.js').forms} forms
 * @property {typeof import('../../words.js').faceOf} faceOf
 * @property {(error: any) => boolean} isAbort
 * @property {(text: string) => void} announce
 * @property {() => void} onstyles the styles that there are have changed
 * @property {(name: string) => void} onuse a style is to be drawn with
 *
 * @typedef {import('./result.js').Taught} Taught
 * @typedef {import('../../digit-diffusion.js').DigitDiffusion} DigitDiffusion
 */

/** @param {Page} page */
const readTexts = async ({ words, forms }) => (document.documentElement.lang.startsWith('zh') ? (await import('../../texts/teach-zh.js')).teachOf : english)(words, forms)
/** As a style is called in links. @param {string} title */
const slug = title => title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'style'

export class Teach {
  #page
  #store
  #speech
  #drawings
  #pad
  #gallery
  #photographs
  #teaching
  #result
  #ask = element('h3', { id: 'pad-ask', 'aria-live': 'polite' })
  #select = element('select', { id: 'pad-class' })
  #kept = element('p', { class: 'fine', id: 'teach-kept' })
  #failed = element('p', { class: 'teach-failed', role: 'alert' })
  #sure = element('div', { class: 'teach-sure', hidden: '' })
  /** @type {string | undefined} */
  #label
  /** Of drawings that are being prepared. @type {string[]} */
  #pending = []
  /** @type {Taught | undefined} */
  #taught
  /** Why something could not be kept. */
  #unkept = ''
  /** @type {() => string} */
  #complaint = () => ''

  /** @param {Page} page @param {HTMLElement} root */
  static async open(page, root) {
    const texts = await readTexts(page)
    /** @type {Teach | undefined} */
    let teach = undefined
    const store = await Store.open(error => teach && teach.#storeFailed(error))
    teach = new Teach(page, root, store, texts)
    await teach.#restore()
    return teach
  }

  /** @param {Page} page @param {HTMLElement} root @param {Store} store @param {import('./element.js').Texts} texts */
  constructor(page, root, store, texts) {
    this.#page = page
    this.#store = store
    const speech = (this.#speech = new Speech(texts))
    const room = { speech, announce: page.announce }
    const labels = () => page.session.model?.labels ?? []
    const nameOf = (/** @type {string} */ label) => page.faceOf(label, labels().indexOf(label))
    const drawings = (this.#drawings = new Drawings(store, () => this.#show()))
    this.#pad = new Pad(room, {
      ondone: strokes => this.#take(strokes),
      onback: () => this.#back(),
      ontyped: character => this.#askTyped(character),
      onauto: on => store.keep('auto', on),
    })
    this.#gallery = new Gallery(room, drawings, {
      labels,
      nameOf,
      onask: label => {
        this.#askFor(label)
        this.#pad.focus()
      },
    })
    this.#photographs = new Photographs(room, drawings, { labels, prepare: async file => this.#model.prepareDrawing(file, { several: true }) })
    this.#result = new Result(room, { draw: () => page.onuse(this.#taught.name), rename: title => this.#rename(title), remove: () => this.#removeTaught(), base: () => page.session.model?.baseHash })
    this.#teaching = new Teaching(room, drawings, store, {
      model: () => page.session.model,
      taught: () => this.#taught?.name,
      ready: () => page.session.addStyle(this.#taught.name, {}),
      nameOf,
      isAbort: page.isAbort,
      onlearnt: (model, name) => this.#adopt(model, name),
      onend: () => (this.#result.root.hidden ? this.#teaching : this.#result).focus(),
    })
    this.#select.addEventListener('change', () => this.#askFor(this.#select.value))
    speech.label(this.#select, t => t.which)
    this.#sure.append(
      speech.text(element('p'), t => t.deleteAllSure),
      element('div', { class: 'actions' }, speech.button('teach-delete-yes', 'plain small', t => t.deleteYes, () => this.#deleteAll()), speech.button('teach-delete-no', 'plain small', t => t.deleteNo, () => this.#confirm(false))),
    )
    root.replaceChildren(
      this.#failed,
      element('div', { class: 'teach-columns' },
        element('div', { class: 'pad-side' }, element('div', { class: 'pad-ask' }, this.#ask, this.#select), this.#pad.root),
        element('div', { class: 'hands-side' }, this.#gallery.root, this.#photographs.root, this.#teaching.root, this.#result.root)),
      element('div', { class: 'teach-kept' }, this.#kept, speech.button('teach-delete', 'link fine', t => t.deleteAll, () => this.#confirm(true)), this.#sure),
    )
  }

  /** With the model that has just come. @param {DigitDiffusion} model */
  adopt(model) {
    const { labels } = model
    this.#select.replaceChildren(...labels.map((label, i) => new Option(this.#page.faceOf(label, i), label)))
    this.#select.hidden = labels.length < 2
    if (!labels.includes(this.#label)) this.#label = undefined
    this.#drawings.fit(model)
    this.#askFor(this.#label ?? this.#drawings.fewest())
  }

  /** Photographs that were dropped on the page. @param {File[]} files */
  addPhotographs(files) {
    return this.#photographs.add(files)
  }

  focus() {
    this.#pad.focus()
  }

  async translate() {
    this.#speech.change(await readTexts(this.#page))
    this.#askFor(this.#label)
    this.#show()
  }

  get #model() {
    return this.#page.session.model
  }

  async #restore() {
    try {
      const { drawings, values } = await this.#store.read()
      this.#drawings.restore(drawings)
      this.#pad.auto = values.auto ?? true
      this.#taught = values.taught
      this.#teaching.checkpoint = values.checkpoint
      if (this.#taught) this.#page.session.keepOwn(styleOf(this.#taught))
    } catch (error) {
      this.#storeFailed(error)
    }
    this.#show()
  }

  #show() {
    const { texts } = this.#speech
    this.#pad.hasBefore = this.#drawings.newest !== undefined
    this.#gallery.show(this.#label)
    this.#photographs.show()
    this.#teaching.show()
    this.#result.show(this.#taught)
    const others = this.#drawings.othersCount
    this.#kept.textContent = [this.#unkept ? texts.storeFailed(this.#unkept) : this.#store.keeps ? texts.keptHere : texts.notKept, this.#model && others && texts.otherSize(others)].filter(Boolean).join(' ')
    this.#kept.classList.toggle('warns', !this.#store.keeps || this.#unkept !== '')
    this.#failed.textContent = this.#complaint()
  }

  /** @param {string | undefined} label */
  #askFor(label) {
    this.#label = label
    if (label === undefined) return
    const { texts } = this.#speech
    this.#ask.textContent = texts.ask(label)
    this.#select.value = label
    this.#pad.name = texts.pad(label)
    this.#gallery.show(label)
  }

  /** A typed character asks for the class that is called so, or for the next one that begins so. @param {string} character @returns {boolean} */
  #askTyped(character) {
    const labels = this.#page.session.model?.labels ?? []
    const from = labels.indexOf(this.#label) + 1
    const begins = (/** @type {string} */ label) => label.toLowerCase().startsWith(character.toLowerCase())
    const label = labels.find(label => label === character) ?? [...labels.slice(from), ...labels.slice(0, from)].find(begins)
    if (label !== undefined) this.#askFor(label)
    return label !== undefined
  }

  /** Takes what was drawn, and asks for the next. @param {import('./strokes.js').Stroke[]} strokes */
  async #take(strokes) {
    const label = this.#label
    this.#pending.push(label)
    this.#complaint = () => ''
    this.#askFor(this.#drawings.fewest(label, this.#pending))
    /** @type {Error | undefined} */
    let failure
    try {
      const { images } = await this.#model.prepareDrawing(pictureOf(strokes), { ink: 'light' })
      this.#pending.splice(this.#pending.indexOf(label), 1)
      this.#drawings.add([{ label, strokes, size: images[0].width, pixels: greyOf(images[0]) }])
      this.#page.announce(this.#speech.texts.taken(label, this.#drawings.of(label).length))
    } catch (error) {
      failure = error
      this.#pending.splice(this.#pending.indexOf(label), 1)
    }
    if (!failure) return
    this.#complaint = () => this.#speech.texts.notPrepared(failure.message)
    if (this.#pad.empty) {
      this.#pad.strokes = strokes
      this.#askFor(label)
    }
    this.#show()
  }

  /** The newest drawing comes back on the pad. */
  #back() {
    const drawing = this.#drawings.newest
    if (!drawing) return
    this.#pad.strokes = drawing.strokes
    this.#drawings.remove([drawing])
    this.#askFor(drawing.label)
    this.#page.announce(this.#speech.texts.back)
  }

  /** Makes a style of what the model has learnt, in place of the one before. @param {DigitDiffusion} model @param {string} name */
  async #adopt(model, name) {
    const title = this.#taught?.title ?? this.#speech.texts.styleTitle
    const [peft, config, kohya] = await Promise.all(FORMATS.map(async format => new Uint8Array(await (await model.exportAdapter(name, { format, title })).arrayBuffer())))
    await model.removeAdapter(name)
    const own = this.#taught?.name ?? this.#page.session.freeName(slug(title))
    this.#taught = { name: own, title, base: model.baseHash, peft, config, kohya }
    await this.#page.session.replaceOwn(styleOf(this.#taught))
    this.#store.keep('taught', this.#taught)
    this.#page.onstyles()
    this.#page.announce(this.#speech.texts.done(title))
    this.#show()
  }

  /** @param {string} title */
  #rename(title) {
    this.#taught = { ...this.#taught, title }
    this.#page.session.keepOwn(styleOf(this.#taught))
    this.#store.keep('taught', this.#taught)
    this.#page.onstyles()
    this.#show()
  }

  async #removeTaught() {
    const { name, title } = this.#taught
    this.#taught = undefined
    this.#store.keep('taught', undefined)
    this.#page.announce(this.#speech.texts.deletedStyle(title))
    this.#show()
    await this.#page.session.dropOwn(name)
    this.#page.onstyles()
  }

  /** @param {boolean} open */
  #confirm(open) {
    this.#sure.hidden = !open
    document.getElementById(open ? 'teach-delete-no' : 'teach-delete').focus()
  }

  async #deleteAll() {
    this.#confirm(false)
    this.#teaching.abort()
    this.#gallery.forget()
    this.#drawings.forget()
    this.#teaching.checkpoint = undefined
    if (this.#taught) await this.#removeTaught()
    this.#unkept = ''
    await this.#store.clear()
    this.#page.announce(this.#speech.texts.deletedAll)
    this.#askFor(this.#page.session.model ? this.#drawings.fewest() : undefined)
    this.#show()
  }

  /** @param {Error} error */
  #storeFailed(error) {
    this.#unkept = error.name === 'QuotaExceededError' ? 'QuotaExceededError' : error.message || error.name
    this.#show()
  }
}
