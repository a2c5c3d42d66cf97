import { StrictMode } from 'react'
import { createRoot, hydrateRoot } from 'react-dom/client'
import 'digit-diffusion'
import { App } from './App'

const root = document.querySelector('#app')!
const written = root.firstElementChild !== null
const app = <StrictMode><App written={written} /></StrictMode>
if (!written) createRoot(root).render(app)
else {
  // A slow page: the element is defined, and finished, before React takes the page over.
  if (location.hash === '#late') await new Promise<void>(resolve => Object.assign(window, { hydrate: resolve }))
  hydrateRoot(root, app)
}
