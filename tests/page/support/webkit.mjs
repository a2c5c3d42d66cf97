// WebKitGTK's MiniBrowser, driven by WebDriver (https://www.w3.org/TR/webdriver2/) through WebKitWebDriver, on a display of its own.
import { createServer } from 'node:net'
import { start } from './process.mjs'

const freePort = () =>
  new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address())
      probe.close(() => resolve(port))
    })
  })

/**
 * @param {string} command @param {string | undefined} xvfb none: the display that is there is used
 * @returns {Promise<import('./engines.mjs').Driver>}
 */
export async function openWebKit(command, xvfb) {
  const env = { ...process.env }
  const display = xvfb && start(xvfb, ['-displayfd', '3', '-screen', '0', '1280x1000x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  if (display) {
    const stream = /** @type {import('node:stream').Readable} */ (display.child.stdio[3])
    Object.assign(env, { DISPLAY: `:${await display.says(stream, /^(\d+)\n/)}`, GDK_BACKEND: 'x11' })
  }
  const port = await freePort()
  const driver = start(command, ['--host=127.0.0.1', `--port=${port}`], { env, stdio: 'ignore' })
  const end = async () => {
    await driver.stop()
    await display?.stop()
  }
  try {
    return await connect(`http://127.0.0.1:${port}`, { ...driver, end })
  } catch (error) {
    await end()
    throw error
  }
}

/** @param {string} address @param {{ failed: Promise<unknown>, end: () => Promise<unknown> }} driver */
async function connect(address, { failed, end }) {
  const call = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {object} */ body = undefined) => {
    const response = await fetch(address + path, { method, body: body && JSON.stringify(body) })
    const { value } = /** @type {any} */ (await response.json())
    if (!response.ok) throw new Error(`${value.error}: ${value.message}`)
    return value
  }
  const listens = () => call('GET', '/status').then(() => true, () => false)
  while (!(await Promise.race([failed, listens()]))) await new Promise(resolve => setTimeout(resolve, 100))
  const { sessionId } = await call('POST', '/session', { capabilities: {} })
  const session = `/session/${sessionId}`
  await call('POST', `${session}/timeouts`, { script: 120_000, pageLoad: 120_000 })
  return {
    goto: (/** @type {string} */ url) => call('POST', `${session}/url`, { url }),
    async evaluate(/** @type {string} */ expression) {
      const script = `const done = arguments[0]
        try { Promise.resolve(${expression}).then(value => done({ value }), error => done({ error: String(error) })) }
        catch (error) { done({ error: String(error) }) }`
      const { value, error } = await call('POST', `${session}/execute/async`, { script, args: [] })
      if (error !== undefined) throw new Error(error)
      return value
    },
    drag(/** @type {import('./engines.mjs').Place[]} */ [first, ...others]) {
      const move = (/** @type {import('./engines.mjs').Place} */ place) => ({ type: 'pointerMove', duration: 0, ...place })
      const actions = [move(first), { type: 'pointerDown', button: 0 }, ...others.map(move), { type: 'pointerUp', button: 0 }]
      return call('POST', `${session}/actions`, { actions: [{ type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions }] })
    },
    async close() {
      await call('DELETE', session).catch(() => {})
      await end()
    },
  }
}
