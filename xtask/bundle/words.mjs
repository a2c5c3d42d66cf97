// Fills index.html and app.webmanifest with the words of the models in DIST, where they are not of the shipped digits: so the first paint
// says nothing of digits. What it needs of the page's texts it takes from their sources, before they are bundled.
// Tests: tests/page/own-words.test.mjs
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const escape = text => text.replace(/[&<>"]/g, mark => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[mark])
/** The 7 of the masthead and of the icon, and what stands in its place: a cross that comes out of noise. */
const GLYPH = { seven: 'M2 2h4v1h-1v1h-1v2h-1v-2h1v-1h-2z', other: 'M2 2h1v1h-1zM5 2h1v1h-1zM3 3h2v2h-2zM2 5h1v1h-1zM5 5h1v1h-1z' }
const ICON = { seven: 'M8 8h16v4h-4v4h-4v8h-4v-8h4v-4h-8z', other: 'M8 8h4v4h-4zM20 8h4v4h-4zM12 12h8v8h-8zM8 20h4v4h-4zM20 20h4v4h-4z' }

const WEIGHTS = 'unet/diffusion_pytorch_model.safetensors'
const QUANTIZED = 'unet/diffusion_pytorch_model.quantized.safetensors'
/** The style of the example that is shown before the model is there. */
const EXAMPLE = 'outline'

/** @param {string} dist */
export async function fillWords(dist) {
  const at = path => join(dist, path)
  const source = path => import(pathToFileURL(at(path)).href)
  const { DIGITS, faceOf, isDigits, pickerOf, wordsOf } = await source('words.js')
  const { textsOf } = await source('texts/page.js')
  const { base, adapters, bases } = JSON.parse(await readFile(at('models/manifest.json'), 'utf8'))
  const words = wordsOf({ ...base, adapters })
  if (bases?.length) await writeFile(at('index.html'), basesOf(await readFile(at('index.html'), 'utf8'), base, bases, textsOf(words).live))
  await writeFile(at('index.html'), turboOf(await readFile(at('index.html'), 'utf8'), adapters.filter(({ turbo }) => turbo).map(({ name }) => name)))
  if (!base.files[QUANTIZED]) await writeFile(at('index.html'), (await readFile(at('index.html'), 'utf8')).replace('<html lang="en">', '<html lang="en" data-full>'))
  const isShipped = base.files[WEIGHTS]?.sha256 === (await shippedWeights())
  const hasExample = isShipped && adapters.some(({ name }) => name === EXAMPLE)
  if (JSON.stringify(words) === JSON.stringify(DIGITS) && hasExample) return
  const [before, after] = [textsOf(DIGITS), textsOf(words)]
  let html = await readFile(at('index.html'), 'utf8')
  /** Replaces what must be there. @param {RegExp | string} pattern @param {string | ((...parts: string[]) => string)} by */
  const replace = (pattern, by) => {
    const isThere = typeof pattern === 'string' ? html.includes(pattern) : html.search(pattern) >= 0
    if (!isThere && !(typeof by === 'string' && html.includes(by))) throw new Error(`index.html has no ${pattern}`)
    html = html.replace(pattern, typeof by === 'string' ? () => by : by)
  }
  if (!hasExample) {
    // The example is of the shipped base and a style that comes with it.
    html = html.replace(/ *<img class="preview" data-digits\b[^>]*>\n| ?<span class="fine preview-note" data-digits\b[^>]*>[^<]*<\/span>/g, '')
    replace(' data-example', '')
  }
  // Who is thanked for what the shipped base was trained on, and pictures of its.
  if (!isShipped) {
    html = html.replace(/ ?<(span|a)\b[^>]* data-digits\b[^>]*>[^<]*<\/\1>/g, '')
    html = html.replace(/ *<meta (?:property="og:image|name="twitter:card)[^>]*>\n/g, '')
  }
  if (!isDigits(base.labels)) {
    html = html.replace(/ *<link rel="apple-touch-icon"[^>]*>\n/g, '')
    replace(GLYPH.seven, GLYPH.other)
    const kind = pickerOf(base.labels)
    const keys = ['keys', 'chips'].includes(kind) ? base.labels : []
    const faces = keys.map((label, i) => `<label><input type="radio" name="digits" value="${escape(label)}"><span><bdi>${escape(faceOf(label, i))}</bdi></span></label>`)
    replace(/(<div class="digits" id="digits")([^>]*>)[^]*?<\/div>/, (_, head, rest) => `${head} data-kind="${kind}"${rest}${faces.join('')}</div>`)
    if (kind === 'none') {
      replace('<div class="pick">', '<div class="pick" hidden>')
      replace('id="many-digits"', 'id="many-digits" hidden')
    }
    replace('<link rel="stylesheet" href="style.css">', '<link rel="stylesheet" href="style.css">\n    <link rel="stylesheet" href="picker.css">')
    const icon = await readFile(at('favicon.svg'), 'utf8')
    await writeFile(at('favicon.svg'), icon.replace(ICON.seven, ICON.other))
  }
  for (const [key, text] of Object.entries(after.page)) {
    if (text === before.page[key]) continue
    const place = new RegExp(`(data-text="${key}"[^>]*>)[^<]*(<)`, 'g')
    replace(place, (_, head, tail) => head + escape(text) + tail)
  }
  const { title } = after.page
  const { description } = after.live
  for (const name of ['name="description"', 'property="og:description"']) replace(new RegExp(`(<meta ${name} content=")[^"]*`), (_, head) => head + escape(description))
  replace(/(<meta property="og:title" content=")[^"]*/, (_, head) => head + escape(title))
  const files = Object.fromEntries(Object.entries(base.files).map(([path, { bytes, in_place_of }]) => [path, { bytes, in_place_of }]))
  const known = JSON.stringify({ title: base.title, noun: base.noun, labels: base.labels, image_size: base.image_size, files, adapters: adapters.map(({ turbo }) => ({ turbo })) })
  replace('  </body>', `  <script type="application/json" id="base">${known.replaceAll('<', '\\u003c')}</script>\n  </body>`)
  if (!(await exists(at('models/README.md')))) html = html.replace(/ *<a href="models\/README.md"[^>]*>[^<]*<\/a>\n/, '')
  await writeFile(at('index.html'), html)
  const app = JSON.parse(await readFile(at('app.webmanifest'), 'utf8'))
  const icons = isDigits(base.labels) ? app.icons : app.icons.filter(({ src }) => src.endsWith('.svg'))
  await writeFile(at('app.webmanifest'), `${JSON.stringify({ ...app, name: title, short_name: title, description, icons }, null, 2)}\n`)
}

/** Where there is Turbo, its place is taken from the first paint on: that of the shipped adapters, or of one, or of others, whose names come later. */
function turboOf(html, names) {
  if (names.join() === 'turbo-4,turbo-2') return html
  const others = html.replace(/(id="turbo-calls"[^>]*)>.*<\/div>/, '$1 hidden></div>')
  return names.length ? others : others.replace('id="turbo-row"', 'id="turbo-row" hidden')
}

/** The choice of a base, where there is one, is there from the first paint on. */
function basesOf(html, { image_size }, others, texts) {
  const list = [{ path: '', image_size }, ...others]
  const titles = list.map(({ path, title, image_size: size }) => texts.base({ title: title ?? (path || texts.pixels), size }))
  const choices = list.map(({ path }, i) => `<label><input type="radio" name="bases" value="${escape(path.replace(/^\.?\/|\/+$/g, '') || 'base')}"${path ? '' : ' checked'}><span>${escape(titles[i])}</span></label>`)
  const costs = list.flatMap(({ bytes }, i) => (bytes > 0 ? [texts.baseCost({ title: titles[i], bytes })] : []))
  return html
    .replace('id="bases-row" hidden', 'id="bases-row"')
    .replace(/(id="bases")([^>]*>)/, (_, id, rest) => `${id} data-listed="${escape(JSON.stringify(list))}"${rest}${choices.join('')}`)
    .replace(/(id="bases-hint">)/, (_, head) => head + escape(costs.join(' ')))
}

/** SHA-256 of the weights that the repository ships. */
async function shippedWeights() {
  const manifest = new URL('../../www/models/manifest.json', import.meta.url)
  return JSON.parse(await readFile(manifest, 'utf8')).base.files[WEIGHTS].sha256
}

const exists = path => access(path).then(() => true, () => false)
