import { render } from 'solid-js/web'
import 'digit-diffusion'
import { App } from './App'

render(() => <App />, document.querySelector('#app')!)
