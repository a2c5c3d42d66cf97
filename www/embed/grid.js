import { DigitDiffusion } from '../digit-diffusion.js'

const [grid, button, status] = ['digits', 'mix', 'mixed'].map(id => document.getElementById(id))
const adapters = { outline: 0.8, slanted: 0.5 }

button.addEventListener('click', async () => {
  let model
  button.disabled = true
  try {
    status.textContent = '…'
    model = await DigitDiffusion.load()
    for (const name in adapters) await model.addAdapter(name)
    grid.replaceChildren()
    for await (const step of model.sample({ label: model.labels, seed: 42, adapters })) {
      for (const [i, image] of step.image.entries()) {
        const canvas = grid.children[i] ?? grid.appendChild(document.createElement('canvas'))
        if (step.step === 1) canvas.width = canvas.height = model.imageSize
        canvas.getContext('2d').putImageData(image, 0, 0)
      }
      status.textContent = `${step.step} / ${step.total}`
    }
  } catch (error) {
    status.textContent = error.message
  }
  model?.dispose()
  button.disabled = false
})
