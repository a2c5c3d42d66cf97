// The element, alone in a frame, with the attributes that the frame's address gives it.
import { DigitDiffusionElement } from '../digit-diffusion.js'

const element = document.querySelector('digit-diffusion')
for (const [name, value] of new URLSearchParams(location.search)) {
  // Whoever sets the address must not choose from where the site fetches.
  if (DigitDiffusionElement.observedAttributes.includes(name) && name !== 'base') element.setAttribute(name, value)
}
