import { useCallback, useState } from 'react'
import { type DigitDiffusion, type DigitDiffusionElement, type DigitDiffusionElementEventMap } from 'digit-diffusion/react'
import 'digit-diffusion/react'

/** `written`: by a server. React takes its elements over without their listeners, so they are attached by a ref. */
export function App({ written }: { written: boolean }) {
  const [model, setModel] = useState<DigitDiffusion>()
  const [scale, setScale] = useState(0.8)
  const [shown, setShown] = useState(true)
  const [done, setDone] = useState(0)
  const [sampled, setSampled] = useState('')

  const loaded = useCallback((event: DigitDiffusionElementEventMap['load']) => setModel(event.detail.model), [])
  const finished = useCallback((event: DigitDiffusionElementEventMap['done']) => setDone(done => done + Number(event.detail.seed === 42)), [])
  const listen = useCallback((element: DigitDiffusionElement) => {
    element.addEventListener('load', loaded)
    element.addEventListener('done', finished)
    return () => {
      element.removeEventListener('load', loaded)
      element.removeEventListener('done', finished)
    }
  }, [loaded, finished])

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
          className="picture"
          {...(written ? { ref: listen } : { onload: loaded, ondone: finished })}
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
