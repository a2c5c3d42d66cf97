'use client'
import { DigitDiffusion } from 'digit-diffusion'
import { useEffect, useRef } from 'react'

export function Digit() {
  const element = useRef(null)
  const canvas = useRef(null)
  useEffect(() => {
    const { current } = canvas
    element.current.addEventListener('done', ({ target }) => (target.dataset.done = ''))
    async function draw() {
      const model = await DigitDiffusion.load('/models/base/', { device: 'cpu' })
      await model.addAdapter('outline')
      for await (const { image } of model.sample({ label: 7, seed: 42, steps: 2, adapters: { outline: 1 } })) {
        current.getContext('2d').putImageData(image, 0, 0)
      }
      current.dataset.done = ''
    }
    draw()
  }, [])
  return (
    <>
      <digit-diffusion ref={element} base="/models/base/" label="7" seed="42" steps="2" lora="outline" device="cpu" />
      <canvas ref={canvas} width="28" height="28" />
    </>
  )
}
