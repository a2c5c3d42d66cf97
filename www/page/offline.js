// Has the page kept for visits without a network. Where that cannot be, the page works all the same.
const QUIET = 3000 // milliseconds: the first visit is not to be slowed down by it

let asked = false

/** To be called once everything has arrived. */
export function keepOffline() {
  // In someone else's frame nothing is left behind.
  if (asked || !('serviceWorker' in navigator) || window.top !== window) return
  asked = true
  setTimeout(() => navigator.serviceWorker.register('sw.js').catch(error => console.debug(error.message)), QUIET)
}
