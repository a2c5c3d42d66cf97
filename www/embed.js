// embed.html: every example is shown and run from one source, the template in the page and the script that it names.
// Tests: tests/page/embed-page.test.mjs
const here = new URL('./', import.meta.url)
const said = { copy: 'Copy', copied: 'Copied', notAllowed: 'Not allowed here', code: 'Code' }
const CONFIRMED = 2000 // milliseconds that "Copied" stays

const LANGUAGE = 'digit-diffusion language' // as page/language.js keeps it
const LANGUAGES = { en: { tag: 'en', name: 'English' }, zh: { tag: 'zh-Hans', name: '中文' } }

/** The visitor's choice on either page, else the browser's. */
function preferred() {
  const known = [...navigator.languages.map(tag => tag.split('-')[0]), 'en'].find(name => name in LANGUAGES)
  try {
    return localStorage.getItem(LANGUAGE) ?? known
  } catch {
    return known // storage may be forbidden
  }
}

/** Replaces the page's words by `texts`, whose backticks are code. */
function speak({ page, markup, said: words }) {
  Object.assign(said, words)
  for (const element of /** @type {NodeListOf<any>} */ (document.querySelectorAll('[data-text]'))) {
    const parts = page[element.dataset.text].split('`')
    element.replaceChildren(...parts.map((part, i) => (i % 2 ? Object.assign(document.createElement('code'), { textContent: part }) : part)))
  }
  document.querySelector('meta[name=description]').setAttribute('content', page.description)
  for (const template of document.querySelectorAll('template'))
    for (const [english, word] of Object.entries(markup)) template.innerHTML = template.innerHTML.replaceAll(english, word)
}

async function startLanguage() {
  const language = preferred() === 'zh' ? 'zh' : 'en'
  if (language === 'zh') speak(await import('./texts/embed-zh.js'))
  document.documentElement.lang = LANGUAGES[language].tag
  const other = language === 'zh' ? 'en' : 'zh'
  const button = document.getElementById('language')
  Object.assign(button, { hidden: false, lang: LANGUAGES[other].tag, textContent: LANGUAGES[other].name })
  button.addEventListener('click', () => {
    try {
      localStorage.setItem(LANGUAGE, other)
      location.reload()
    } catch {
      button.hidden = true // it could not be kept
    }
  })
}

/** Without the page's own indentation. */
function dedent(text) {
  const lines = text.replace(/^\s*\n|\s+$/g, '').split('\n')
  const margin = Math.min(...lines.filter(line => line.trim()).map(line => line.search(/\S/)))
  return lines.map(line => line.slice(margin)).join('\n')
}

/** Addresses as they must stand on a page elsewhere. */
const absolute = (text, base) => text.replace(/(src="|from ')([^"']+)/g, (_, before, address) => before + new URL(address, base))

/** @param {string} source of the example's script */
function show(example, source) {
  const template = example.querySelector('template')
  const { script } = example.dataset
  const markup = absolute(dedent(template.innerHTML), here)
  const parts = [markup]
  if (/<digit-diffusion/.test(markup)) parts.unshift(`<script type="module" src="${new URL('digit-diffusion.js', here)}"></script>`)
  if (script) {
    parts.push(`<script type="module">\n${absolute(source, new URL(script, here)).trimEnd()}\n</script>`)
  }
  const code = document.createElement('code')
  const pre = document.createElement('pre')
  pre.tabIndex = 0 // it scrolls
  pre.setAttribute('role', 'region')
  pre.setAttribute('aria-label', `${said.code}: ${example.querySelector('h2').textContent}`)
  code.textContent = parts.join('\n\n')
  pre.append(code)
  example.querySelector('.text').append(pre, ...copyButton(code.textContent))

  const shown = document.createElement('div')
  shown.className = 'shown'
  shown.append(template.content.cloneNode(true))
  template.replaceWith(shown)
  if (script) import(new URL(script, here).href)
}

/** @param {any} example */
async function readScript({ dataset: { script } }) {
  if (!script) return ''
  const response = await fetch(new URL(script, here))
  if (!response.ok) throw new Error(`${script}: ${response.status}`)
  return response.text()
}

function copyButton(text) {
  if (!navigator.clipboard) return []
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'plain small copy', textContent: said.copy })
  button.addEventListener('click', async () => {
    const done = await navigator.clipboard.writeText(text).then(() => said.copied, () => said.notAllowed)
    button.textContent = done
    setTimeout(() => (button.textContent = said.copy), CONFIRMED)
  })
  return [button]
}

try {
  await startLanguage()
  await import('./digit-diffusion.js')
  const examples = [...document.querySelectorAll('.example:has(template)')]
  const sources = await Promise.all(examples.map(readScript))
  examples.forEach((example, i) => show(example, sources[i])) // all at once: nothing that is seen moves
} catch (error) {
  console.error(error)
  document.getElementById('broken').hidden = false
}
