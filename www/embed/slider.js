const picture = document.querySelector('#styled')
const strength = document.querySelector('#strength')
const drawn = document.querySelector('#drawn')

strength.addEventListener('change', () => {
  picture.loraScale = strength.valueAsNumber
})
picture.addEventListener('done', () => {
  drawn.textContent = `LoRA × ${picture.loraScale}`
})
