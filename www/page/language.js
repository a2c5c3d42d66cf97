// The page's language: the visitor's choice, else the browser's. All words are replaced in place, so that whoever says
// something from then on says it in that language; what stands on the page already is translated by `onchange`.
import { backend, errors } from '../texts/module.js'
import { languages, live, page, samplers } from '../texts/page.js'

const KEY = 'digit-diffusion language'
const BATCH = 12 // texts at a time: a page of new glyphs laid out at once takes longer than a visitor should wait for a click
const FRAME = 20 // milliseconds
const english = { backend: { ...backend }, errors: { ...errors }, live: { ...live }, page: { ...page }, samplers: { ...samplers } }
const words = { en: () => english, zh: () => import('../texts/zh.js') }
const button = document.getElementById('language')

function preferred() {
  const first = navigator.languages.map(tag => tag.split('-')[0]).find(tag => tag in languages)
  try {
    return localStorage.getItem(KEY) ?? first ?? 'en'
  } catch {
    return first ?? 'en' // storage may be forbidden
  }
}

function remember(language) {
  try {
    localStorage.setItem(KEY, language)
  } catch {
    // then it holds for this visit
  }
}

async function speak(language) {
  const said = await words[language]()
  for (const [name, texts] of Object.entries({ backend, errors, live, page, samplers })) Object.assign(texts, said[name])
  document.querySelector('meta[name=description]').content = live.description
  const news = [...document.querySelectorAll('[data-text]')].filter(element => element.textContent !== page[element.dataset.text])
  for (const [i, element] of news.entries()) {
    if (i % BATCH === BATCH - 1) await new Promise(resolve => setTimeout(resolve, FRAME))
    element.textContent = page[element.dataset.text]
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', page[element.dataset.label])
    if (element.title) element.title = page[element.dataset.label]
  }
  document.documentElement.lang = languages[language].tag // last: who waits for it finds all of it said
  const other = Object.keys(languages).find(name => name !== language)
  Object.assign(button, { hidden: false, value: other, lang: languages[other].tag, textContent: languages[other].name })
}

/** Sets the language before anything is said, and offers the other. @param {() => void} onchange when it is taken */
export async function startLanguage(onchange) {
  const language = preferred()
  await speak(language in languages ? language : 'en').catch(() => speak('en'))
  button.addEventListener('click', async () => {
    const { value } = button
    try {
      await speak(value)
    } catch {
      return // its words did not arrive; the button is still there
    }
    remember(value)
    onchange()
  })
}
