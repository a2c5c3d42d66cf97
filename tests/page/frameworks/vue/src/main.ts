import { createApp, createSSRApp } from 'vue'
import App from './App.vue'

const root = document.querySelector('#app')!
if (!root.firstElementChild) createApp(App).mount(root)
else {
  if (location.hash === '#late') await new Promise<void>(resolve => Object.assign(window, { hydrate: resolve }))
  createSSRApp(App).mount(root)
}
