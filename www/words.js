// What a base calls its pictures: its title and the noun of its classes, as the manifest has them. No DOM: the build fills index.html with it.
// Tests: tests/page/own-words.test.mjs, texts.test.mjs

import { taken } from './files.js'

/** What the texts are made of. `megabytes`: of a first visit; `sheet`: how many classes are drawn at once;
 * `styled`: whether styles come with it.
 * @typedef {{ one: string, many: string, title: string, count: number, sheet: number, styled: boolean, megabytes: string }} Words */
/** Of a manifest, or of a loaded model.
 * @typedef {{ title?: unknown, noun?: unknown, labels?: string[], image_size?: number, files?: Record<string, { bytes: number, in_place_of?: string }>, adapters?: { turbo?: unknown }[] }} Base */

const SHELL = 382_000 // bytes of the page and the engine, as gzip packs them
const AT_ONCE = 40 // pictures of a sheet, of 32 x 32 pixels; of larger ones fewer
const FEWEST = 10
const SHORT = 3 // characters that a key has room for
const KEYS = 40 // more classes than these are searched
const CHIPS = 12 // so many are shown, whatever their names …
const ROOM = 320 // … and more, if their names have no more characters than this

/** The words of the shipped base, which index.html has. @type {Readonly<Words>} */
export const DIGITS = Object.freeze({ one: 'digit', many: 'digits', title: 'Digit Diffusion', count: 10, sheet: 10, styled: true, megabytes: '1.3' })

/** @param {string[]} labels */
export const isDigits = labels => labels.length === 10 && labels.every((label, i) => label === String(i))

/** In one line; undefined where it is no text or shows nothing. @param {unknown} text */
const line = text => (typeof text === 'string' && isVisible(text) ? text.replace(/[\p{Cc}\s]+/gu, ' ').trim() : undefined)

/** Whether there is anything to see of it. @param {string} text */
export const isVisible = text => /[^\p{C}\p{Z}\p{M}\u115f\u1160\u2800\u3164\uffa0]/u.test(text)

/** @param {any} noun as the manifest has it @param {string[]} labels @returns {{ one: string, many: string }} */
export function nounOf(noun, labels) {
  const [one, many] = [line(noun?.one), line(noun?.many)]
  if (one && many) return { one, many }
  return isDigits(labels) ? { one: DIGITS.one, many: DIGITS.many } : { one: 'picture', many: 'pictures' }
}

/** @param {Base} base @param {Words} [before] what is not known of the base @returns {Words} */
export function wordsOf({ title, noun, labels = [], image_size: size = 28, files, adapters }, before = DIGITS) {
  const bytes = Object.values(taken(files ?? {})).reduce((sum, { bytes }) => sum + (Number(bytes) || 0), SHELL)
  const sheet = Math.max(FEWEST, Math.min(AT_ONCE, Math.floor((AT_ONCE * 32 * 32) / (size * size))))
  return {
    ...nounOf(noun, labels),
    title: line(title) ?? DIGITS.title,
    count: labels.length,
    sheet: Math.min(sheet, labels.length),
    styled: adapters ? adapters.some(adapter => !adapter.turbo) : before.styled,
    megabytes: files ? (bytes / 1e6).toFixed(1) : before.megabytes,
  }
}

/** What is said of now; language.js replaces it. @type {Words} */
export const words = { ...DIGITS }

/** How one picks among the classes: not at all, by keys, by chips as wide as their names, or by a search. @param {string[]} labels */
export function pickerOf(labels) {
  const lengths = labels.map(label => [...label].length)
  const all = lengths.reduce((sum, length) => sum + length, 0)
  if (labels.length < 2) return 'none'
  if (labels.length > KEYS) return 'search'
  if (lengths.every(length => length <= SHORT)) return 'keys'
  return labels.length <= CHIPS ? (all <= 2 * ROOM ? 'chips' : 'search') : all <= ROOM ? 'chips' : 'search'
}

/** A class's name where nothing else would be seen of it. @param {string} label @param {number} index */
export const faceOf = (label, index) => (isVisible(label) ? label : `“${label}” ${index + 1}`)

const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}\u202e\u2067\u200f]/u
/** A name amid a sentence: one that runs the other way does not turn the words around it. @param {string} label */
export const isolate = label => (RIGHT_TO_LEFT.test(label) ? `\u2068${label}\u2069` : label)
/** The same in quotes where it is more than a character or two. @param {string} label */
export const quote = label => ([...label].length > 2 || !isVisible(label) ? `“${isolate(label)}”` : isolate(label))

const VOWEL = /^(?:[aeiou]|hours?\b|heirs?\b|heirloom|honest|honou?r)/i // by sound
const CONSONANT = /^(?:uni(?!n|m)|use|usu|uter|util|uto|ubi|ura|eu|ewe|ouija|one\b|once\b)/i
const EIGHT = /^(?:8|11$|18$)/
/** With its article in English. @param {string} word */
export const an = word => `${EIGHT.test(word) || (VOWEL.test(word) && !CONSONANT.test(word)) ? 'an' : 'a'} ${word}`

/** How the texts put words into sentences. */
export const forms = { an, isolate, quote }
