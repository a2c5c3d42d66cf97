import { DigitDiffusion } from 'digit-diffusion'

document.querySelector('digit-diffusion').addEventListener('done', ({ target }) => {
  target.dataset.done = ''
})
const canvas = document.querySelector('canvas')
const model = await DigitDiffusion.load('/models/base/', { device: 'cpu' })
await model.addAdapter('outline')
for await (const { image } of model.sample({ label: 7, seed: 42, steps: 2, adapters: { outline: 1 } })) {
  canvas.getContext('2d').putImageData(image, 0, 0)
}
canvas.dataset.done = ''
