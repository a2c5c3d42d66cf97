import { DigitDiffusion } from '../digit-diffusion.js'

const [canvas, button, bar, status] =
  ['picture', 'draw', 'bar', 'status'].map(id => document.getElementById(id))
let model

const onprogress = ({ phase, loaded = 0, total = 1 }) => {
  status.textContent = phase === 'download' ? '↓' : '…'
  Object.assign(bar, { max: total, value: loaded })
}

button.addEventListener('click', async () => {
  button.disabled = true
  try {
    if (!model) {
      model = await DigitDiffusion.load(undefined, { onprogress })
      model.lost.then(() => (model = undefined)) // the next click loads another
    }
    for await (const { step, total, image, ms } of model.sample({ label: '8', steps: 20 })) {
      canvas.getContext('2d').putImageData(image, 0, 0)
      Object.assign(bar, { max: total, value: step })
      status.textContent = `${step} / ${total} · ${ms.toFixed()} ms`
    }
  } catch (error) {
    status.textContent = error.message
  }
  button.disabled = false
})
