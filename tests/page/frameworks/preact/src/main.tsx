import { hydrate, render } from 'preact'
import 'digit-diffusion'
import { App } from './App'

const root = document.querySelector('#app')!
if (!root.firstElementChild) render(<App />, root)
else {
  if (location.hash === '#late') await new Promise<void>(resolve => Object.assign(window, { hydrate: resolve }))
  hydrate(<App />, root)
}
