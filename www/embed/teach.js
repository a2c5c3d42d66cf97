import { DigitDiffusion } from '../digit-diffusion.js'

const [pad, asked, next, wipe, begin, stop, mine, told, file] =
  ['pad', 'asked', 'next', 'wipe', 'begin', 'stop', 'mine', 'told', 'file'].map(id => document.getElementById(id))
const pen = pad.getContext('2d', { willReadFrequently: true })
const images = []
const labels = []
let stopped

function clear() {
  pen.fillRect(0, 0, pad.width, pad.height)
  next.disabled = true
}

Object.assign(pen, { strokeStyle: 'white', lineWidth: 20, lineCap: 'round', lineJoin: 'round' })
pad.style.touchAction = 'none' // a finger draws, and does not scroll
clear()
wipe.addEventListener('click', clear)
pad.addEventListener('pointerdown', ({ pointerId }) => {
  pad.setPointerCapture(pointerId)
  pen.beginPath()
})
pad.addEventListener('pointermove', ({ pointerId, offsetX, offsetY }) => {
  if (!pad.hasPointerCapture(pointerId)) return
  const scale = pad.width / pad.clientWidth
  pen.lineTo(offsetX * scale, offsetY * scale)
  pen.stroke()
  next.disabled = false
})

next.addEventListener('click', () => {
  images.push(pen.getImageData(0, 0, pad.width, pad.height))
  labels.push(asked.textContent)
  asked.textContent = images.length % 10
  told.textContent = `${images.length} ✎`
  begin.disabled = images.length < 10 || !stop.disabled
  clear()
})

stop.addEventListener('click', () => (stopped = true))

begin.addEventListener('click', async () => {
  let model
  begin.disabled = true
  stop.disabled = stopped = false
  try {
    told.textContent = '…'
    model = await DigitDiffusion.load()
    const previews = { label: [1, 3, 5, 7, 9], seed: [1, 2, 3, 4, 5] }
    for await (const turn of model.train('mine', { images, labels, previews })) {
      told.textContent = `${turn.step} / ${turn.total}`
      if (turn.secondsLeft) told.textContent += ` · ${Math.ceil(turn.secondsLeft)} s`
      turn.images?.forEach((image, i) => mine.children[i].getContext('2d').putImageData(image, 0, 0))
      if (stopped) break // what has been learnt so far stays
    }
    const peft = await model.exportAdapter('mine')
    Object.assign(file, { href: URL.createObjectURL(peft), download: peft.name, hidden: false })
  } catch (error) {
    told.textContent = error.message
  }
  model?.dispose()
  stop.disabled = true
  begin.disabled = false
})
