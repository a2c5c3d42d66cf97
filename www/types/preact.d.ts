// `import 'digit-diffusion/preact'`: the module, and the types of <digit-diffusion> in Preact's JSX. Nothing of it runs.
// Tests: tests/page/everywhere/frameworks.test.mjs
import type { ClassAttributes, HTMLAttributes } from 'preact'
import type { DigitDiffusionElement } from './element.js'
import type { CapitalisedListeners, DigitDiffusionListeners, DigitDiffusionProps } from './tag.js'

export * from '../digit-diffusion.js'

type Own = DigitDiffusionProps & DigitDiffusionListeners<'on'> & CapitalisedListeners

declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements {
      'digit-diffusion': Own & Omit<HTMLAttributes<DigitDiffusionElement>, keyof Own> & ClassAttributes<DigitDiffusionElement>
    }
  }
}
