// What a visitor takes along: a link, the picture, the run as an animation. The settings are in each.
import { live, page } from '../texts/page.js'
import { encodePng } from './png.js'

const $ = id => document.getElementById(id)
const CONFIRMED = 2000 // milliseconds that "Copied" stays
const FRAME = 120 // milliseconds of a frame …
const LAST = 1600 // … and of the last
const SCALE = { picture: 20, film: 10 } // pixels of the file for one of the picture

/** Under which a picture's settings stand in its file. */
export const KEYWORD = 'Digit Diffusion'

export class Keep {
  /** @param {{ link: () => string, shown: () => object | undefined, announce: (text: string) => void, onfail: (error: Error) => void }} page */
  constructor({ link, shown, announce, onfail }) {
    const button = (id, act) => $(id).addEventListener('click', () => act().catch(onfail))
    button('copy-link', async () => {
      if (!navigator.clipboard) throw new Error(live.noClipboard(link()))
      await navigator.clipboard.writeText(link())
      acknowledge('copy-link')
      announce(live.copied)
    })
    button('save-picture', async () => shown() && save(shown(), 'picture')) // the first step of a new run may still be under way
    button('save-film', async () => shown() && save(shown(), 'film'))
  }

  /** What there is to keep. */
  set ready(ready) {
    $('keep').hidden = !ready
  }
}

let restore
function acknowledge(id) {
  const button = $(id)
  button.textContent = live.copiedShort
  clearTimeout(restore)
  restore = setTimeout(() => {
    button.textContent = page[button.dataset.text]
  }, CONFIRMED)
}

async function save({ picture, frames, digit, settings }, what) {
  const images = what === 'film' ? frames : [picture]
  const delays = images.map((_, i) => (i === images.length - 1 ? LAST : FRAME))
  const blob = await encodePng(images, { scale: SCALE[what], keyword: KEYWORD, text: settings, delays })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = `digit-${digit}-seed-${new URLSearchParams(settings).get('seed')}${what === 'film' ? '-steps' : ''}.png`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
