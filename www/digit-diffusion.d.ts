/** A small class-conditional diffusion model that runs in the browser. For JSX and templates import digit-diffusion/react, /preact,
 * /solid, /vue or /svelte in place of this: the same module, with types for the tag. */
export * from './types/manifest.js'
export * from './types/model.js'
export * from './types/training.js'
export * from './types/element.js'
/** The same class by a name that Vue's `<script setup>` does not take for the component of the tag. */
export { DigitDiffusion as DigitDiffusionModel } from './types/model.js'
