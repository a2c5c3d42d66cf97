// The module to import: the DigitDiffusion class, and the <digit-diffusion> element.
// Nothing is fetched beyond these scripts until a model is loaded or an element comes into view.
// Tests: tests/page/class.test.mjs, custom-element.test.mjs, types.test.mjs, two-copies.test.mjs
import { DigitDiffusionElement } from './element.js'

export { DigitDiffusionElement }
export { DigitDiffusion, DigitDiffusionError } from './model.js'
/** The class by a name that Vue's <script setup> does not take for the component of the tag <digit-diffusion>. */
export { DigitDiffusion as DigitDiffusionModel } from './model.js'

// Where another copy was first, the tag is that one's.
if (globalThis.customElements && !customElements.get('digit-diffusion')) {
  customElements.define('digit-diffusion', DigitDiffusionElement)
}
