// What a visitor takes along: the share link, the picture as PNG, the run as an animated PNG. The settings are in each.
// Tests: tests/page/files.test.mjs, share-link.test.mjs
import { live, page } from '../texts/page.js'
import { words } from '../words.js'
import { $ } from './dom.js'
import { encodePng } from './png.js'

/** What is on show, and the whole run of it. @typedef {{ picture: ImageData, frames: ImageData[], digit: string, settings: string }} Shown */

const CONFIRMED = 2000 // milliseconds that "Copied" stays
const FRAME = 120 // milliseconds of a frame …
const LAST = 1600 // … and of the last
const SIDE = { picture: 560, animation: 280 } // pixels of the file, about
const NAMED = 60 // characters of a class's name in a file's

/**
 * The PNG keywords under which a picture's settings stand in its file: the one that is written, one of older files, and what
 * the library sharp leaves of that. It cuts a keyword at its first space.
 */
export const KEYWORDS = ['digit-diffusion', 'Digit Diffusion', 'Digit']

export class ExportButtons {
  /** @param {{ link: () => string, shown: () => Shown | undefined, announce: (text: string) => void, onfail: (error: Error) => void }} page */
  constructor({ link, shown, announce, onfail }) {
    /** @param {string} id @param {() => Promise<unknown>} act */
    const button = (id, act) => $(id).addEventListener('click', () => act().catch(onfail))
    button('copy-link', async () => {
      if (!navigator.clipboard) throw new Error(live.noClipboard(link()))
      await navigator.clipboard.writeText(link())
      acknowledge('copy-link')
      announce(live.copied)
    })
    // The first step of a new run may still be under way.
    const saveShown = async (/** @type {'picture' | 'animation'} */ what) => {
      const on = shown()
      if (on) await save(on, what)
    }
    button('save-picture', () => saveShown('picture'))
    button('save-film', () => saveShown('animation'))
  }

  /** Whether there is something to keep. @param {boolean} ready */
  set ready(ready) {
    $('keep').hidden = !ready
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let restore
/** @param {string} id */
function acknowledge(id) {
  const button = $(id)
  button.textContent = live.copiedShort
  clearTimeout(restore)
  restore = setTimeout(() => {
    button.textContent = page[/** @type {keyof typeof page} */ (button.dataset.text)]
  }, CONFIRMED)
}

/** What a file may be called anywhere: letters and digits of any script. @param {string[]} words */
const fileName = words =>
  words.map(word => [...word.normalize().replace(/[^\p{L}\p{M}\p{N}\p{Emoji_Presentation}]+/gu, '-').replace(/^-|-$/g, '')].slice(0, NAMED).join('')).filter(Boolean).join('-') || 'picture'

/** @param {Shown} shown @param {'picture' | 'animation'} what */
async function save({ picture, frames, digit, settings }, what) {
  const images = what === 'animation' ? frames : [picture]
  const delays = images.map((_, i) => (i === images.length - 1 ? LAST : FRAME))
  const scale = Math.max(1, Math.round(SIDE[what] / picture.width))
  const blob = await encodePng(images, { scale, keyword: KEYWORDS[0], text: settings, delays })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = `${fileName(words.count === 1 ? [words.one] : [words.one, digit])}-seed-${new URLSearchParams(settings).get('seed')}${what === 'animation' ? '-steps' : ''}.png`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
