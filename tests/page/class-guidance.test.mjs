// Guidance: in which part of a run, and what it leaves alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adapterSaying, openModule, page, setUp } from './support.mjs'

setUp({
  page: 'once',
  async prepare() {
    await openModule()
    await page.evaluate(async () => {
      window.model = await DigitDiffusion.load('models/base/', { device: 'cpu' })
      /** The raw pictures of four steps, as text. */
      window.steps = async options => {
        const pictures = []
        for await (const { rawImage } of model.sample({ label: 7, seed: 42, steps: 4, raw: true, ...options })) pictures.push(String(rawImage))
        return pictures
      }
      window.equal = (one, other) => one.map((picture, i) => picture === other[i])
    })
  },
})

test('guidance lasts from guidanceStart to guidanceStop', async () => {
  const result = await page.evaluate(async () => {
    const all = { guidanceStart: 0, guidanceStop: 1 }
    const [whole, none] = [await steps(all), await steps({ ...all, guidanceScale: 1 })]
    const [late, early] = [await steps({ ...all, guidanceStart: 0.5 }), await steps({ ...all, guidanceStop: 0.5 })]
    return { late: equal(late, none), early: equal(early, whole) }
  })
  assert.deepEqual(result, { late: [true, true, false, false], early: [true, true, false, false] })
})

test('the default is the rule that the model card measures; eta 1 is another picture', async () => {
  const result = await page.evaluate(async () => {
    const unsaid = await steps({})
    const said = await steps({ guidanceScale: 1.6, guidanceStart: 0.2, guidanceStop: 0.75, guidanceEta: 0 })
    return { same: equal(unsaid, said), plain: equal(unsaid, await steps({ guidanceEta: 1 }))[3] }
  })
  assert.deepEqual(result, { same: [true, true, true, true], plain: false })
})

test('an adapter that says its guidance is drawn with that while it is on', async () => {
  const says = await adapterSaying('outline', { 'digit_diffusion.guidance_scale': '2.4' })
  const result = await page.evaluate(
    async says => {
      const file = new File([Uint8Array.from(atob(says), letter => letter.charCodeAt(0))], 'bold.safetensors')
      const { guidanceScale } = await model.addAdapter('bold', file)
      const drawn = scale => steps({ adapters: { bold: scale } })
      const chosen = (scale, guidanceScale) => steps({ adapters: { bold: scale }, guidanceScale })
      return {
        guidanceScale,
        on: String(await drawn(1)) === String(await chosen(1, 2.4)),
        chosen: String(await drawn(1)) !== String(await chosen(1, 1.6)),
        off: String(await drawn(0)) === String(await steps({})),
        away: String(await drawn(-1)) === String(await chosen(-1, 1.6)),
      }
    },
    says.toString('base64'),
  )
  assert.deepEqual(result, { guidanceScale: 2.4, on: true, chosen: true, off: true, away: true })
})

/** @type {[string, object, RegExp][]} */
const mistakes = [
  ['guidanceStart: 1', { label: 1, guidanceStart: 1 }, /guidanceStart.*below 1, not 1/],
  ['guidanceStart: NaN', { label: 1, guidanceStart: NaN }, /guidanceStart.*NaN/],
  ['guidanceStop before its start', { label: 1, guidanceStart: 0.5, guidanceStop: 0.25 }, /guidanceStop.*0\.5, to 1, not 0\.25/],
  ['guidanceStop: 1.5', { label: 1, guidanceStop: 1.5 }, /guidanceStop.*1\.5/],
  ['guidanceEta: 2', { label: 1, guidanceEta: 2 }, /guidanceEta.*2/],
]
for (const [title, options, message] of mistakes) {
  test(`${title} is told at once`, async () => {
    const error = await page.evaluate(options => {
      try {
        model.sample(options)
      } catch (error) {
        return { name: error.name, message: error.message }
      }
    }, options)
    assert.equal(error?.name, 'RangeError')
    assert.match(error.message, message)
  })
}
