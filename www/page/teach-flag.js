// Whether an earlier visit has left something that was drawn or taught: known before anything of it is fetched. The page and teach.js each
// have this file in them.
// Tests: tests/page/teach-storage.test.mjs

/** What of it is this site's: other sites may be at the same origin. */
export const OWN = `digit-diffusion teach ${new URL('./', document.baseURI).pathname}`

export function isFlagged() {
  try {
    return localStorage.getItem(OWN) !== null
  } catch {
    return false // storage is forbidden
  }
}

/** @param {boolean} on */
export function flag(on) {
  try {
    if (on) localStorage.setItem(OWN, '1')
    else localStorage.removeItem(OWN)
  } catch {
    // then the section is opened by hand
  }
}
