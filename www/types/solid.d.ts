// `import 'digit-diffusion/solid'`: the module, and the types of <digit-diffusion> in Solid's JSX. Nothing of it runs.
// Tests: tests/page/everywhere/frameworks.test.mjs
import type { JSX } from 'solid-js'
import type { DigitDiffusionElement } from './element.js'
import type { CapitalisedListeners, DigitDiffusionListeners, DigitDiffusionProps } from './tag.js'

export * from '../digit-diffusion.js'

type Properties = { [Name in keyof DigitDiffusionProps as `prop:${Name}`]?: DigitDiffusionProps[Name] }
type Own = DigitDiffusionProps & Properties & DigitDiffusionListeners<'on:'> & CapitalisedListeners

declare module 'solid-js' {
  namespace JSX {
    interface IntrinsicElements {
      'digit-diffusion': Own & Omit<JSX.HTMLAttributes<DigitDiffusionElement>, keyof Own>
    }
  }
}
