import { useState } from 'preact/hooks'
import { type DigitDiffusion } from 'digit-diffusion/preact'
import 'digit-diffusion/preact'

export function App() {
  const [model, setModel] = useState<DigitDiffusion>()
  const [scale, setScale] = useState(0.8)
  const [shown, setShown] = useState(true)
  const [done, setDone] = useState(0)
  const [sampled, setSampled] = useState('')

  async function sample(model: DigitDiffusion) {
    let steps = 0
    for await (const { total } of model.sample({ label: 3, seed: 1, steps: 2 })) steps = total
    setSampled(`${model.backend} ${steps}`)
  }

  return (
    <>
      {shown && (
        <digit-diffusion
          base="/models/base/"
          label="7"
          seed={42}
          steps={2}
          lora="outline"
          loraScale={scale}
          device="cpu"
          class="picture"
          onLoad={event => setModel(event.detail.model)}
          onDone={event => setDone(done => done + Number(event.currentTarget.loraScale === scale && event.detail.seed === 42))}
        />
      )}
      <output id="done">{done}</output>
      <button id="scale" onClick={() => setScale(0.4)}>Less</button>
      <button id="toggle" onClick={() => setShown(!shown)}>Away, and back</button>
      <button id="sample" onClick={() => model && void sample(model)}>Another</button>
      <output id="sampled">{sampled}</output>
    </>
  )
}
