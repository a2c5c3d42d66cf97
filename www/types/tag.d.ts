// What all frameworks have in common in their types of the tag <digit-diffusion>.
// Tests: tests/page/react.test.mjs, tests/page/everywhere/frameworks.test.mjs
import type { DigitDiffusionElement, DigitDiffusionElementEventMap } from './element.js'
import type { Sampler } from './manifest.js'
import type { Device, Label } from './model.js'

/** As a property, or as text in a template. */
type Numeric = number | `${number}` | null | undefined

/** What the tag takes, by property or attribute. Where there is none, null or undefined, the default counts. */
export interface DigitDiffusionProps {
  /** A class name; nothing is drawn without it. */
  label?: Label | null | undefined
  /** Random where there is none. */
  seed?: Numeric
  /** An adapter's name in the manifest, or its folder's address. */
  lora?: string | null | undefined
  /** Strength of the adapter; default 1. */
  loraScale?: Numeric
  /** The attribute of `loraScale`: give one of the two. */
  'lora-scale'?: Numeric
  /** Draws in few steps, by an adapter that was taught it: true for the first that the manifest lists, a number of steps, or a name. */
  turbo?: boolean | number | string | null | undefined
  /** Default 12. */
  steps?: Numeric
  /** Default 'dpm++2m'. */
  sampler?: Sampler | null | undefined
  /** 1 is off; by default what the base says, usually 1.6. */
  guidance?: Numeric
  /** Default 'auto'. */
  device?: Device | null | undefined
  /** How many workers may compute on the CPU. Default 'auto'. */
  threads?: Numeric | 'auto'
  /** The base folder's address. */
  base?: string | URL | null | undefined
}

type Names = keyof DigitDiffusionElementEventMap

/** Its event of this name, as a listener on the tag gets it. */
export type DigitDiffusionEvent<Name extends Names> = DigitDiffusionElementEventMap[Name] & {
  readonly currentTarget: DigitDiffusionElement
  readonly target: DigitDiffusionElement
}

/** Listeners by the framework's own names, such as `on:done`. */
export type DigitDiffusionListeners<Prefix extends string> = {
  [Name in Names as `${Prefix}${Name}`]?: ((event: DigitDiffusionEvent<Name>) => void) | null | undefined
}

/** The same, as `onDone`. */
export type CapitalisedListeners = {
  [Name in Names as `on${Capitalize<Name>}`]?: ((event: DigitDiffusionEvent<Name>) => void) | null | undefined
}
