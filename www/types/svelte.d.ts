// `import 'digit-diffusion/svelte'`: the module, and the types of <digit-diffusion> in Svelte's templates (svelte-check, the editor's extension). Nothing of it runs.
// Tests: tests/page/everywhere/frameworks.test.mjs
import type { HTMLAttributes } from 'svelte/elements'
import type { DigitDiffusionElement } from './element.js'
import type { DigitDiffusionListeners, DigitDiffusionProps } from './tag.js'

export * from '../digit-diffusion.js'

type Own = DigitDiffusionProps & DigitDiffusionListeners<'on'>

declare module 'svelte/elements' {
  interface SvelteHTMLElements {
    'digit-diffusion': Own & Omit<HTMLAttributes<DigitDiffusionElement>, keyof Own>
  }
}
