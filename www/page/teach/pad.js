// The pad: one character at a time, by pointer or by keyboard. What is drawn is handed over after a pause, by a button or by a key.
// Tests: tests/page/teach-pad.test.mjs
import { element } from './element.js'
import { drawStrokes, extend, widthOf } from './strokes.js'

/** @typedef {import('./strokes.js').Stroke} Stroke */

const SIDE = 560 // pixels of the canvas, for screens of two and more pixels a point
const PAUSE = 1500 // milliseconds without the pen after which a drawing is handed over
const PALM = 1000 // milliseconds after a pen's touch in which a hand is no finger
const [STEP, FINE] = [0.04, 0.01] // of the pad's side, that an arrow key moves the pen by; the second one with Shift
/** @type {Record<string, [number, number]>} */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
/** @param {number} value */
const within = value => Math.max(0, Math.min(1, value))

export class Pad {
  /** To be shown on the page. @type {HTMLElement} */
  root
  #canvas
  #buttons
  #events
  #announce
  #speech
  /** @type {Stroke[]} */
  #strokes = []
  /** What is just being drawn. @type {{ id: number, stroke: Stroke } | null} */
  #pointer = null
  /** The pen of the arrow keys, once it is used. @type {{ x: number, y: number, stroke: Stroke | null } | null} */
  #pen = null
  #penTouched = -Infinity
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #drawing = false // with the screen's next frame
  #auto = true
  #hasBefore = false

  /**
   * @param {{ speech: import('./element.js').Speech, announce: (text: string) => void }} room
   * @param {{ ondone: (strokes: Stroke[]) => void, onback: () => void, ontyped: (character: string) => boolean, onauto: (on: boolean) => void }} events
   * `ondone`: a drawing is finished; `onback`: the one before is wanted back; `ontyped`: a class is asked for, if it is one
   */
  constructor({ speech, announce }, events) {
    this.#speech = speech
    this.#announce = announce
    this.#events = events
    // Whoever draws here wants its keys to be the pad's.
    this.#canvas = element('canvas', { id: 'pad', class: 'pad', width: String(SIDE), height: String(SIDE), tabindex: '0', role: 'application', 'aria-describedby': 'pad-hint pad-keyboard' })
    const auto = element('button', { type: 'button', class: 'switch', id: 'pad-auto', role: 'switch', 'aria-checked': 'true' }, element('span', { class: 'track', 'aria-hidden': 'true' }), speech.text(element('span'), t => t.auto))
    auto.addEventListener('click', () => {
      this.auto = !this.#auto
      events.onauto(this.#auto)
    })
    const buttons = {
      undo: speech.button('pad-undo', 'plain', t => t.undo, () => this.undo()),
      clear: speech.button('pad-clear', 'plain', t => t.clear, () => this.clear()),
      next: speech.button('pad-next', 'primary', t => t.next, () => this.done()),
    }
    this.#buttons = { ...buttons, auto }
    this.root = element('div', { class: 'pad-and-keys' },
      element('div', { class: 'pad-frame' }, this.#canvas),
      element('div', { class: 'pad-keys' }, ...Object.values(buttons)),
      auto,
      speech.text(element('p', { class: 'fine', id: 'pad-hint' }), t => t.padHint),
      speech.text(element('p', { class: 'fine', id: 'pad-keyboard' }), t => t.padKeyboard),
    )
    this.#listen()
    this.#changed()
  }

  /** Whether a drawing is handed over by itself. @param {boolean} on */
  set auto(on) {
    this.#auto = on
    this.#buttons.auto.setAttribute('aria-checked', String(on))
    if (!on) this.#wait(false)
  }

  /** What is asked for, in words. @param {string} name */
  set name(name) {
    this.#canvas.setAttribute('aria-label', name)
  }

  /** Whether there is a drawing before this one that could come back. @param {boolean} has */
  set hasBefore(has) {
    this.#hasBefore = has
    this.#changed()
  }

  get empty() {
    return !this.#strokes.length
  }

  /** @param {Stroke[]} strokes to go on with */
  set strokes(strokes) {
    this.#strokes = [...strokes]
    this.#pen = null
    this.#changed()
  }

  focus() {
    this.#canvas.focus()
  }

  undo() {
    this.#lift()
    if (this.empty) return this.#events.onback()
    this.#strokes.pop()
    this.#changed()
  }

  clear() {
    this.#lift()
    this.strokes = []
  }

  done() {
    this.#lift()
    if (this.empty) return
    const strokes = this.#strokes
    this.strokes = []
    this.#events.ondone(strokes)
  }

  #listen() {
    const canvas = this.#canvas
    canvas.addEventListener('pointerdown', event => this.#down(event))
    canvas.addEventListener('pointermove', event => this.#move(event))
    canvas.addEventListener('pointerup', event => this.#up(event))
    canvas.addEventListener('pointercancel', event => this.#up(event, true))
    canvas.addEventListener('lostpointercapture', event => this.#up(event)) // also where the end itself never comes
    canvas.addEventListener('keydown', event => this.#key(event))
    canvas.addEventListener('blur', () => this.#lift())
    canvas.addEventListener('contextmenu', event => event.preventDefault()) // a long press is a drawing
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const { isPrimary, button, pointerType, pointerId, timeStamp } = event
    if (pointerType === 'pen') this.#penTouched = timeStamp
    if (!isPrimary || button || this.#pointer || (pointerType === 'touch' && timeStamp - this.#penTouched < PALM)) return
    event.preventDefault()
    this.#lift()
    this.#pen = null
    this.#canvas.focus({ preventScroll: true, focusVisible: false })
    this.#canvas.setPointerCapture(pointerId)
    this.#pointer = { id: pointerId, stroke: [] }
    this.#strokes.push(this.#pointer.stroke)
    this.#wait(false)
    this.#add(event)
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerId !== this.#pointer?.id) return
    if (event.pointerType === 'pen') this.#penTouched = event.timeStamp
    const all = event.getCoalescedEvents?.() ?? []
    for (const one of all.length ? all : [event]) this.#add(one)
  }

  /** @param {PointerEvent} event @param {boolean} [cancelled] the browser has taken it for something else */
  #up(event, cancelled = false) {
    if (event.pointerId !== this.#pointer?.id) return
    const { stroke } = this.#pointer
    this.#pointer = null
    if (cancelled) this.#strokes = this.#strokes.filter(other => other !== stroke)
    this.#changed()
    this.#wait(!this.empty)
  }

  /** @param {PointerEvent} event */
  #add(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect()
    extend(this.#pointer.stroke, within((event.clientX - left) / width), within((event.clientY - top) / height), widthOf(event))
    this.#changed()
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key, shiftKey } = event
    const takesBack = key === 'z' && (event.ctrlKey || event.metaKey) && !shiftKey && !event.altKey
    if (!takesBack && (event.ctrlKey || event.metaKey || event.altKey || event.isComposing)) return
    if (takesBack || key === 'Backspace') this.undo()
    else if (key === 'Delete') this.clear()
    else if (key === 'Enter') this.done()
    else if (key === 'Escape') this.#lift()
    else if (key === ' ') this.#togglePen()
    else if (Object.hasOwn(MOVES, key)) this.#movePen(MOVES[key], shiftKey ? FINE : STEP)
    else if ([...key].length !== 1 || !this.#events.ontyped(key)) return
    event.preventDefault()
    this.#wait(false) // who draws by keyboard takes the time
  }

  #togglePen() {
    const pen = (this.#pen ??= { x: 0.5, y: 0.5, stroke: null })
    if (pen.stroke) return this.#lift()
    pen.stroke = []
    this.#strokes.push(pen.stroke)
    extend(pen.stroke, pen.x, pen.y)
    this.#changed()
    this.#announce(this.#speech.texts.penDown)
  }

  /** @param {[number, number]} direction @param {number} by */
  #movePen([x, y], by) {
    const pen = (this.#pen ??= { x: 0.5, y: 0.5, stroke: null })
    pen.x = within(pen.x + x * by)
    pen.y = within(pen.y + y * by)
    if (pen.stroke) extend(pen.stroke, pen.x, pen.y)
    this.#changed()
  }

  /** Ends what the arrow keys draw. */
  #lift() {
    if (!this.#pen?.stroke) return
    this.#pen.stroke = null
    this.#changed()
    this.#announce(this.#speech.texts.penUp)
  }

  /** Hands it over after a pause, or not yet. @param {boolean} on */
  #wait(on) {
    clearTimeout(this.#timer)
    const waits = on && this.#auto
    this.#buttons.next.toggleAttribute('data-waiting', waits)
    if (waits) this.#timer = setTimeout(() => this.done(), PAUSE)
  }

  #changed() {
    if (this.empty) this.#wait(false)
    this.#buttons.next.disabled = this.#buttons.clear.disabled = this.empty
    this.#buttons.undo.disabled = this.empty && !this.#hasBefore
    if (this.#drawing) return
    this.#drawing = true
    requestAnimationFrame(() => {
      this.#drawing = false
      this.#draw()
    })
  }

  #draw() {
    const context = this.#canvas.getContext('2d')
    context.clearRect(0, 0, SIDE, SIDE)
    drawStrokes(context, SIDE, this.#strokes.filter(({ length }) => length))
    if (!this.#pen) return
    const { x, y, stroke } = this.#pen
    Object.assign(context, { lineWidth: 4, strokeStyle: '#fff' })
    context.beginPath()
    context.arc(x * SIDE, y * SIDE, stroke ? 8 : 16, 0, 2 * Math.PI)
    // Seen on black and on white.
    context.stroke()
    Object.assign(context, { lineWidth: 2, strokeStyle: '#000' })
    context.stroke()
  }
}
