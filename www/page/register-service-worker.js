// Registers the service worker (sw.js), which keeps the page for visits without a network. Where that cannot be, the page works all the same.
// Tests: tests/page/service-worker-offline.test.mjs, service-worker-releases.test.mjs
import { findBuild } from '../client.js'
import { store } from '../early-downloads.js'

const QUIET = 3000 // milliseconds: the first visit is not to be slowed down by it

let asked = false

/** To be called once everything has arrived. */
export function registerServiceWorker() {
  if (asked) return
  asked = true
  // In someone else's frame nothing is left behind.
  if (!('serviceWorker' in navigator) || window.top !== window) return void store()
  setTimeout(() => register().catch(error => console.debug(error.message)), QUIET)
  beOfOneVersion()
}

/** What this visit has downloaded need not be downloaded again for the copy (VISIT in sw.js). */
async function register() {
  await store(navigator.serviceWorker.controller ? undefined : `digit-diffusion visit ${new URL('./', location.href).pathname}`)
  await navigator.serviceWorker.register(`sw.js?build=${findBuild()}`)
}

/** A page that was left does not hold its copy; if the browser brings it back after that has been replaced, it begins anew. */
function beOfOneVersion() {
  const begun = copy()
  addEventListener('pageshow', async ({ persisted }) => {
    if (persisted && (await begun) !== (await copy())) location.reload()
  })
}

/** The name of the copy that the service worker serves, once there is one. @returns {Promise<string | undefined>} */
async function copy() {
  const { active } = await navigator.serviceWorker.ready
  const { port1, port2 } = new MessageChannel()
  return new Promise(resolve => {
    port1.onmessage = ({ data }) => resolve(data)
    active.postMessage('copy', [port2])
  })
}
