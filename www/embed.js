// The running examples of embed.html.
import { DigitDiffusion } from './digit-diffusion.js'

const $ = id => document.getElementById(id)

for (const address of document.querySelectorAll('.here')) address.textContent = new URL('digit-diffusion.js', import.meta.url).href

// The style shown is the first one that the manifest offers.
document.querySelector('digit-diffusion').addEventListener('load', ({ detail: { model } }) => {
  const [style] = model.catalog
  if (!style) return
  document.querySelector('.style').textContent = style.name
  Object.assign($('styled'), { lora: style.name, label: '7' })
})

$('next').addEventListener('click', () => {
  $('changing').label = String((Number($('changing').label) + 1) % 10)
})

$('start').addEventListener('click', async () => {
  const canvases = [...$('canvases').children]
  const status = $('status')
  $('start').disabled = true
  try {
    status.textContent = 'Loading'
    const model = await DigitDiffusion.load()
    for await (const { step, total, image } of model.sample({ label: [0, 1, 2, 3], seed: 1 })) {
      image.forEach((picture, i) => canvases[i].getContext('2d').putImageData(picture, 0, 0))
      status.textContent = `${step} of ${total}`
    }
    model.dispose()
  } catch (error) {
    status.textContent = error.message
  }
  $('start').disabled = false
})
