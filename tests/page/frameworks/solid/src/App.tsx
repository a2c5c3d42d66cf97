import { createSignal, Show } from 'solid-js'
import { createStore } from 'solid-js/store'
import { type DigitDiffusion } from 'digit-diffusion/solid'
import 'digit-diffusion/solid'

export function App() {
  const [store, setStore] = createStore<{ model?: DigitDiffusion }>({})
  const [scale, setScale] = createSignal(0.8)
  const [shown, setShown] = createSignal(true)
  const [done, setDone] = createSignal(0)
  const [sampled, setSampled] = createSignal('')

  async function sample() {
    const { model } = store
    if (!model) return
    let steps = 0
    for await (const { total } of model.sample({ label: 3, seed: 1, steps: 2 })) steps = total
    setSampled(`${model.backend} ${steps}`)
  }

  return (
    <>
      <Show when={shown()}>
        <digit-diffusion
          base="/models/base/"
          label="7"
          seed={42}
          steps={2}
          lora="outline"
          loraScale={scale()}
          device="cpu"
          class="picture"
          on:load={event => setStore('model', event.detail.model)}
          on:done={event => setDone(done => done + Number(event.currentTarget.loraScale === scale() && event.detail.seed === 42))}
        />
      </Show>
      <output id="done">{done()}</output>
      <button id="scale" onClick={() => setScale(0.4)}>Less</button>
      <button id="toggle" onClick={() => setShown(!shown())}>Away, and back</button>
      <button id="sample" onClick={() => void sample()}>Another</button>
      <output id="sampled">{sampled()}</output>
    </>
  )
}
