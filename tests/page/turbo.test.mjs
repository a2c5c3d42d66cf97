// An adapter that was taught to draw in few steps: its file says so, and the class draws so while it is on, unless something else is said.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors, openModel, page, setUp } from './support.mjs'

const TURBO = { guidance_scale: 1, sampler: 'ddim', steps: 4, timestep_spacing: 'trailing' }

setUp({
  page: 'once',
  async prepare() {
    await openModel()
    await page.evaluate(async () => {
      const folder = 'models/lora/outline/'
      const [bytes, config] = await Promise.all([(await fetch(`${folder}adapter_model.safetensors`)).arrayBuffer(), (await fetch(`${folder}adapter_config.json`)).text()])
      /** The shipped adapter, with this in its header. */
      window.saying = turbo => {
        const length = Number(new DataView(bytes).getBigUint64(0, true))
        const header = JSON.parse(new TextDecoder().decode(bytes.slice(8, 8 + length)))
        header.__metadata__['digit_diffusion.turbo'] = typeof turbo === 'string' ? turbo : JSON.stringify(turbo)
        const text = new TextEncoder().encode(JSON.stringify(header))
        const padded = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(32)
        padded.set(text)
        const size = new DataView(new ArrayBuffer(8))
        size.setBigUint64(0, BigInt(padded.length), true)
        return [new File([size, padded, bytes.slice(8 + length)], 'adapter_model.safetensors'), new File([config], 'adapter_config.json')]
      }
      /** The timesteps of a run, and its last raw picture. */
      window.run = async options => {
        const timesteps = []
        let last
        for await (const { timestep, rawImage } of model.sample({ label: 7, seed: 42, raw: true, ...options })) {
          timesteps.push(timestep)
          last = String(rawImage)
        }
        return [timesteps, last]
      }
    })
  },
})

test('what it says stands in place of the defaults while it is on', async () => {
  const result = await page.evaluate(async turbo => {
    const [usual] = await window.run({})
    const added = await model.addAdapter('quick', window.saying(turbo))
    const [off] = await window.run({})
    const [for_this_run] = await window.run({ adapters: { quick: 0.9 } })
    await model.setAdapters({ quick: 1 })
    const [on, picture] = await window.run({})
    const [, said] = await window.run({ steps: 4, sampler: 'ddim', timestepSpacing: 'trailing', guidanceScale: 1 })
    const [otherwise] = await window.run({ steps: 2, timestepSpacing: 'leading' })
    await model.setAdapters({})
    return { turbo: added.turbo, usual: usual.length, off: off.length, for_this_run, on, same: picture === said, otherwise }
  }, TURBO)
  const trailing = [999, 749, 499, 249]
  assert.deepEqual(result, {
    turbo: { steps: 4, sampler: 'ddim', timestepSpacing: 'trailing', guidanceScale: 1 },
    usual: 12,
    off: 12,
    for_this_run: trailing,
    on: trailing,
    same: true,
    otherwise: [500, 0],
  })
})

test('a header that says it wrongly is refused in a sentence', async () => {
  const told = await page.evaluate(async () => [
    await failure(() => model.addAdapter('one', window.saying({ steps: 0 }))),
    await failure(() => model.addAdapter('two', window.saying('{'))),
    await failure(() => model.addAdapter('three', window.saying({ steps: 4, sampler: 'lcm', timestep_spacing: 'trailing' }))),
  ])
  for (const [i, part] of [/steps.*1 to 1000.*0/, /turbo/, /sampler.*lcm/].entries()) assert.match(told[i]?.message, part)
})

test('logged no error', () => assert.deepEqual(errors, []))
