import { DigitDiffusion } from 'digit-diffusion'

// ASSETS
document.querySelector('digit-diffusion').addEventListener('done', ({ target }) => (target.dataset.done = ''))
async function draw(canvas) {
  const model = await DigitDiffusion.load(undefined, { device: 'cpu' })
  await model.addAdapter('outline')
  for await (const { image } of model.sample({ label: 7, seed: 42, steps: 2, adapters: { outline: 1 } })) {
    canvas.getContext('2d').putImageData(image, 0, 0)
  }
  canvas.dataset.done = ''
}
draw(document.querySelector('canvas'))
