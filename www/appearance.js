// How <digit-diffusion> looks: its parts and their style, in whatever document it is, under whatever policy.
// Tests: tests/page/custom-element.test.mjs, element-anywhere.test.mjs
const SHEET = `
:host { display: inline-block; position: relative; overflow: hidden; inline-size: var(--digit-diffusion-size, 280px); aspect-ratio: 1;
  background: var(--digit-diffusion-ground, #000); }
:host([hidden]) { display: none; }
canvas { display: block; inline-size: 100%; block-size: 100%; image-rendering: var(--scaling, pixelated); }
progress { position: absolute; inset: auto 0 0; inline-size: 100%; block-size: 3px; appearance: none; border: 0; background: #fff3;
  accent-color: var(--digit-diffusion-accent, #ff8a4c); color: var(--digit-diffusion-accent, #ff8a4c); }
progress::-webkit-progress-bar { background: #fff3; }
progress::-webkit-progress-value, progress::-moz-progress-bar { background: var(--digit-diffusion-accent, #ff8a4c); }
p { position: absolute; inset: 0; margin: 0; padding: 1em; display: grid; place-items: center; overflow: auto; text-align: center;
  font: 14px/1.4 system-ui, sans-serif; color: #fff; background: #000d; }
[hidden] { display: none; }`

/** One for all elements of a document. @type {WeakMap<Document, CSSStyleSheet>} */
const sheets = new WeakMap()

/** A sheet that belongs to the document: its constructor is that of the document's own window. */
function sheetOf(/** @type {any} */ document) {
  let sheet = sheets.get(document)
  if (!sheet) {
    sheet = new document.defaultView.CSSStyleSheet()
    sheet.replaceSync(SHEET)
    sheets.set(document, sheet)
  }
  return sheet
}

export function dress(/** @type {ShadowRoot} */ root) {
  root.querySelector('style')?.remove()
  try {
    if (!root.adoptedStyleSheets) throw new Error('Safari before 16.4')
    root.adoptedStyleSheets = [sheetOf(root.ownerDocument)]
  } catch {
    root.append(Object.assign(document.createElement('style'), { textContent: SHEET }))
  }
}

/** Parts are made one by one: a page with Trusted Types takes no markup. @param {string} tag @param {any} properties */
export function part(tag, { part, role, ...properties }) {
  const made = Object.assign(document.createElement(tag), properties)
  made.setAttribute('part', part)
  if (role) made.setAttribute('role', role)
  return made
}
