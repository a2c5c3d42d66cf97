// The page's language, the visitor's choice, else the browser's; and the words of its base. The texts are replaced in place, so that all
// that is said from then on is said so; what is on the page already is translated by `onchange`.
// Tests: tests/page/language.test.mjs, own-words.test.mjs, texts.test.mjs
import { backend, errors } from '../texts/module.js'
import { languages, live, page, samplers, textsOf } from '../texts/page.js'
import { forms, isDigits, words, wordsOf } from '../words.js'
import { $ } from './dom.js'

/** @typedef {keyof typeof languages} Language */

const KEY = 'digit-diffusion language'
const BATCH = 12 // texts at a time: a page of new glyphs laid out at once takes longer than a visitor should wait for a click
const FRAME = 20 // milliseconds
const english = { backend: { ...backend }, errors: { ...errors }, samplers: { ...samplers }, textsOf }
const texts = { en: () => english, zh: () => import('../texts/zh.js') }
const button = $('language', HTMLButtonElement)

/** @param {string | undefined} name @returns {name is Language} */
const isLanguage = name => name !== undefined && name in languages

function preferred() {
  const first = navigator.languages.map(tag => tag.split('-')[0]).find(isLanguage)
  try {
    return localStorage.getItem(KEY) ?? first ?? 'en'
  } catch {
    return first ?? 'en' // storage may be forbidden
  }
}

/** @param {Language} language */
function remember(language) {
  try {
    localStorage.setItem(KEY, language)
  } catch {
    // then it holds for this visit
  }
}

/** @param {string} selector @returns {HTMLElement[]} */
const elements = selector => [...document.querySelectorAll(selector)].filter(element => element instanceof HTMLElement)
/** @param {string | undefined} name in `page` */
const textOf = name => page[/** @type {keyof typeof page} */ (name)]

/** Replaces all texts. @param {Language} language */
async function speak(language) {
  const said = await texts[language]()
  const base = said.textsOf(words, forms)
  Object.assign(backend, said.backend)
  Object.assign(errors, said.errors)
  Object.assign(live, base.live)
  Object.assign(page, base.page)
  Object.assign(samplers, said.samplers)
  document.querySelector('meta[name=description]')?.setAttribute('content', live.description)
  const news = elements('[data-text]').filter(element => element.textContent !== textOf(element.dataset.text))
  for (const [i, element] of news.entries()) {
    if (i % BATCH === BATCH - 1) await new Promise(resolve => setTimeout(resolve, FRAME))
    element.textContent = textOf(element.dataset.text)
  }
  for (const element of elements('[data-label]')) {
    const label = textOf(element.dataset.label)
    element.setAttribute('aria-label', label)
    if (element.title) element.title = label
  }
  for (const image of elements('[data-alt]')) image.setAttribute('alt', textOf(image.dataset.alt))
  document.documentElement.lang = languages[language].tag // last: who waits for it finds all of it said
  const other = /** @type {Language} */ (Object.keys(languages).find(name => name !== language))
  Object.assign(button, { hidden: false, value: other, lang: languages[other].tag, textContent: languages[other].name })
}

/** The language of the page. @returns {Language} */
const spoken = () => (document.documentElement.lang === languages.zh.tag ? 'zh' : 'en')

/** Takes over what a base calls itself and its pictures. @param {import('../words.js').Base} base @returns {boolean} whether anything is said in another way now */
function adoptWords(base) {
  const before = JSON.stringify(words)
  Object.assign(words, wordsOf(base, words))
  if (!isDigits(base.labels ?? [])) for (const element of elements('[data-digits]')) element.remove() // what is true of the shipped base alone
  if (!isDigits(base.labels ?? [])) delete $('stage').dataset.example
  return JSON.stringify(words) !== before
}

/** What the build has written down of a base that is not the shipped one. @returns {import('../words.js').Base | undefined} */
export function builtBase() {
  const data = document.getElementById('base')?.textContent
  return data ? JSON.parse(data) : undefined
}

/** The page in the words of a base that has just become known. @param {import('../words.js').Base} base @param {() => void} onchange where they are others */
export async function useWords(base, onchange) {
  if (!adoptWords(base)) return
  await speak(spoken())
  onchange()
}

/** Sets the language before anything is said, and offers the other. @param {() => void} onchange when it is taken */
export async function startLanguage(onchange) {
  const language = preferred()
  const base = builtBase()
  if (base) adoptWords(base)
  await speak(isLanguage(language) ? language : 'en').catch(() => speak('en'))
  button.addEventListener('click', async () => {
    const value = /** @type {Language} */ (button.value)
    try {
      await speak(value)
    } catch {
      return // its words did not arrive; the button is still there
    }
    remember(value)
    onchange()
  })
}
