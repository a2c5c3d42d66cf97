// `import 'digit-diffusion/react'`: the module, and the types of <digit-diffusion> in React's JSX, from version 19 on. Nothing of it runs.
// Tests: tests/page/react.test.mjs
import type { DetailedHTMLProps, HTMLAttributes } from 'react'
import type { DigitDiffusionElement } from './element.js'
import type { CapitalisedListeners, DigitDiffusionListeners, DigitDiffusionProps } from './tag.js'

export * from '../digit-diffusion.js'

/** React passes these names on as they are written: `onDone` would listen to an event "Done", and never hear of one. */
type Unheard = { [Name in keyof CapitalisedListeners]?: never }
type Own = DigitDiffusionProps & DigitDiffusionListeners<'on'> & Unheard

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'digit-diffusion': Own & Omit<DetailedHTMLProps<HTMLAttributes<DigitDiffusionElement>, DigitDiffusionElement>, keyof Own>
    }
  }
}
