// embed.html: every example is shown and run from one source, the template in the page and the script that it names.
// Tests: tests/page/embed-page.test.mjs
const here = new URL('./', import.meta.url)
const CONFIRMED = 2000 // milliseconds that "Copied" stays

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
  pre.setAttribute('aria-label', `Code: ${example.querySelector('h2').textContent}`)
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
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'plain small copy', textContent: 'Copy' })
  button.addEventListener('click', async () => {
    const done = await navigator.clipboard.writeText(text).then(() => 'Copied', () => 'Not allowed here')
    button.textContent = done
    setTimeout(() => (button.textContent = 'Copy'), CONFIRMED)
  })
  return [button]
}

try {
  await import('./digit-diffusion.js')
  const examples = [...document.querySelectorAll('.example:has(template)')]
  const sources = await Promise.all(examples.map(readScript))
  examples.forEach((example, i) => show(example, sources[i])) // all at once: nothing that is seen moves
} catch (error) {
  console.error(error)
  document.getElementById('broken').hidden = false
}
