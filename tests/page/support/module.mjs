// The module in a page with nothing else: for what a program does with it.
import { page, server } from './setup.mjs'

/** Opens a page with the module's exports as globals. */
export async function openModule() {
  await page.goto(`${server.url}blank.html`)
  await page.evaluate(async () => Object.assign(window, await import(new URL('digit-diffusion.js', location.href).href)))
}

/**
 * The same with a loaded `model`, on the CPU; `events`, the progress of its loading; draw(), the last of two steps; same(), whether two
 * pictures are; failure(), what an action throws.
 */
export async function openModel() {
  await openModule()
  await page.evaluate(async () => {
    window.events = []
    window.model = await DigitDiffusion.load('models/base/', { device: 'cpu', onprogress: event => events.push(event) })
    window.draw = async options => {
      let last
      for await (const step of model.sample({ steps: 2, label: 7, seed: 42, ...options })) last = step
      return last
    }
    window.same = (a, b) => String(a.data ?? a) === String(b.data ?? b)
    window.failure = async action => {
      try {
        await action()
      } catch (error) {
        return { name: error.name, message: error.message, code: error.code, file: error.file }
      }
    }
  })
}
