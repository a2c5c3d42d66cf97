// What must not compile.
import 'digit-diffusion/svelte'
import type { SvelteHTMLElements } from 'svelte/elements'

type Tag = SvelteHTMLElements['digit-diffusion']

export const right: Tag = { 'lora-scale': '0.5', turbo: true, seed: 1, class: 'picture', onerror: event => event.message, ondone: event => event.detail.seed, ontrained: event => event.detail.name }
export const wrong: Tag[] = [
  // @ts-expect-error
  { onfinish: () => {} },
  // @ts-expect-error
  { sampler: 'plms' },
  // @ts-expect-error
  { loraScale: 'strong' },
  // @ts-expect-error
  { turbo: { steps: 4 } },
  // @ts-expect-error
  { strength: 1 },
  // @ts-expect-error
  { ondone: event => event.detail.labels },
]
