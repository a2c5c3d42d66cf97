// Firefox, driven by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), which it speaks itself.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import WebSocket from 'ws'
import { start } from './process.mjs'

/**
 * Firefox 140 mixes AVX and SSE instructions in the code that it makes of WebAssembly's SIMD. Where a processor's upper halves of registers are
 * in use, some of Intel's take about 70 cycles for each change from one to the other: a drawing of 60 ms then takes 14 seconds. SSE alone draws the same.
 */
const PREFERENCES = 'user_pref("javascript.options.wasm_simd_avx", false);\n'

/** Opens Firefox without a window, in a profile of its own. @param {string} command @returns {Promise<import('./engines.mjs').Driver>} */
export async function openFirefox(command) {
  const profile = await mkdtemp(join(tmpdir(), 'digit-diffusion-firefox-'))
  await writeFile(join(profile, 'user.js'), PREFERENCES)
  const firefox = start(command, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const end = async () => {
    await firefox.stop()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    return await connect(await firefox.says(firefox.child.stderr, /WebDriver BiDi listening on (ws:\S+)/), end)
  } catch (error) {
    await end()
    throw error
  }
}

/** @param {string} address @param {() => Promise<unknown>} end */
async function connect(address, end) {
  const socket = new WebSocket(`${address}/session`)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  const asked = new Map()
  /** @type {string[]} */
  const errors = []
  socket.on('message', data => {
    const { id, type, method, result, params, message } = JSON.parse(String(data))
    if (method === 'log.entryAdded' && params.level === 'error') errors.push(params.text)
    if (type === 'success') asked.get(id)?.resolve(result)
    if (type === 'error') asked.get(id)?.reject(new Error(message))
    asked.delete(id)
  })
  let last = 0
  const send = (/** @type {string} */ method, /** @type {object} */ params) =>
    new Promise((resolve, reject) => {
      asked.set(++last, { resolve, reject })
      socket.send(JSON.stringify({ id: last, method, params }))
    })

  await send('session.new', { capabilities: {} })
  await send('session.subscribe', { events: ['log.entryAdded'] })
  const { contexts } = await send('browsingContext.getTree', {})
  const { context } = contexts[0]
  await send('browsingContext.setViewport', { context, viewport: { width: 1280, height: 900 } })
  return {
    errors,
    goto: (/** @type {string} */ url) => send('browsingContext.navigate', { context, url, wait: 'complete' }),
    async evaluate(/** @type {string} */ expression) {
      // As JSON: BiDi's own form of values is another one.
      const text = `Promise.resolve(${expression}).then(value => JSON.stringify(value))`
      const { type, result, exceptionDetails } = await send('script.evaluate', { expression: text, target: { context }, awaitPromise: true })
      if (type === 'exception') throw new Error(exceptionDetails.text)
      return result.value === undefined ? undefined : JSON.parse(result.value)
    },
    drag(/** @type {import('./engines.mjs').Place[]} */ [first, ...others]) {
      const move = (/** @type {import('./engines.mjs').Place} */ place) => ({ type: 'pointerMove', ...place })
      const actions = [move(first), { type: 'pointerDown', button: 0 }, ...others.map(move), { type: 'pointerUp', button: 0 }]
      return send('input.performActions', { context, actions: [{ type: 'pointer', id: 'mouse', actions }] })
    },
    async close() {
      await send('session.end', {}).catch(() => {})
      socket.close()
      await end()
    },
  }
}
