// Starts a worker in the ways that there are, and says why none was let through.
// Tests: tests/page/policies.test.mjs, other-origins.test.mjs
import { DigitDiffusionError } from './errors.js'

/** The one address that may become a script's at this moment: the policy is for nobody else. */
let wanted = ''
/** @type {{ createScriptURL: (url: string) => any } | null | undefined} */
let policy

/** The address in the form that `require-trusted-types-for 'script'` asks for. @param {string} url @returns {any} */
function trusted(url) {
  if (policy === undefined) {
    const createScriptURL = (/** @type {string} */ url) => {
      if (url !== wanted) throw new TypeError('not the worker of digit-diffusion')
      return url
    }
    try {
      policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('digit-diffusion', { createScriptURL }) ?? null
    } catch {
      policy = null // the page's list of policies has not this one; it may ask for none
    }
  }
  if (!policy) return url
  wanted = url
  const script = policy.createScriptURL(url)
  wanted = ''
  return script
}

/** @param {URL} url */
const directly = url => new Worker(trusted(url.href), { type: 'module' })

/**
 * A worker must come from the page's own origin; a Blob does, and may import from elsewhere. By import(), which a
 * Content-Security-Policy judges by script-src, and as a classic script, which a sandboxed frame may start.
 * @param {URL} url
 */
function fromBlob(url) {
  const source = `import(${JSON.stringify(url.href)}).catch(error => setTimeout(() => { throw error }))`
  const blob = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  const worker = new Worker(trusted(blob))
  for (const type of ['message', 'error']) worker.addEventListener(type, () => URL.revokeObjectURL(blob), { once: true }) // it has been read by then
  return worker
}

/** Of the page's own origin. A sandboxed frame's is "null", whatever its address; that of app://… is one to browsers, though not to `URL`. @param {URL} url */
const isOwn = url => url.origin === self.origin || url.href.startsWith(`${self.origin}/`)

/**
 * Calls `onstart` with a worker that may yet fail, and again with the next if that one does not get as far as its first message; in
 * the end `onfail`. The Blob comes second on the page's own origin: a page under Cross-Origin-Embedder-Policy takes no worker from a
 * host that sends the header with pages alone.
 * @param {URL} url the script's address
 * @param {{ onstart: (worker: Worker) => void, onfail: (error: DigitDiffusionError) => void }} options
 */
export function startWorker(url, { onstart, onfail }) {
  const ways = isOwn(url) || url.protocol === 'data:' ? [directly, fromBlob] : [fromBlob]
  /** The directive of a Content-Security-Policy that has refused it. @type {string | undefined} */
  let directive
  const listen = (/** @type {SecurityPolicyViolationEvent} */ { disposition, effectiveDirective }) => {
    if (disposition === 'enforce' && /^(worker|child|script|require-trusted|trusted-types)/.test(effectiveDirective)) directive = effectiveDirective
  }
  globalThis.document?.addEventListener('securitypolicyviolation', listen)
  const end = () => globalThis.document?.removeEventListener('securitypolicyviolation', listen)
  const next = () => {
    const way = ways.shift()
    if (!way) return whyNot(url, () => directive).then(error => (end(), onfail(error)))
    try {
      onstart(way(url))
    } catch {
      next() // refused at once, as Firefox and Trusted Types do
    }
  }
  next()
  return { next, end }
}

/** @param {URL} url @param {() => string | undefined} refusal @returns {Promise<DigitDiffusionError>} */
async function whyNot(url, refusal) {
  const address = url.href
  if (location.protocol === 'file:') return new DigitDiffusionError('start', { address, why: 'file' })
  let response
  try {
    response = await fetch(url, { cache: 'no-cache' })
  } catch {
    await null // the event of a refusal comes as a task of its own
  }
  const directive = refusal()
  if (directive) {
    const isTyped = /^(require-)?trusted/.test(directive)
    const what = isTyped ? { directive: 'trusted-types', need: 'digit-diffusion' } : { directive, need: isOwn(url) ? `'self'` : `${url.origin} blob:` }
    return new DigitDiffusionError('policy', { file: url.pathname.split('/').at(-1), address, ...what })
  }
  if (!response) return new DigitDiffusionError('start', { address, why: 'network' })
  if (!response.ok) return new DigitDiffusionError('start', { address, why: 'status', status: response.status })
  if (/html/i.test(response.headers.get('content-type'))) return new DigitDiffusionError('start', { address, why: 'page' })
  return new DigitDiffusionError('start', { address, why: 'refused' })
}
