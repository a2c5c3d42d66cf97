// `import 'digit-diffusion/vue'`: the module, and the types of <digit-diffusion> in Vue's templates (vue-tsc, the editor's extension). Nothing of it runs.
// Tests: tests/page/everywhere/frameworks.test.mjs
import type { HTMLAttributes } from 'vue'
import type { DigitDiffusionElement } from './element.js'
import type { CapitalisedListeners, DigitDiffusionProps } from './tag.js'

export * from '../digit-diffusion.js'

type Own = DigitDiffusionProps & CapitalisedListeners

declare module 'vue' {
  interface GlobalComponents {
    'digit-diffusion': new () => DigitDiffusionElement & { $props: Own & Omit<HTMLAttributes, keyof Own> }
  }
}
