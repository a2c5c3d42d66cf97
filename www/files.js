// The files that a model is loaded from.
// Tests: tests/page/engine.test.mjs, first-visit.test.mjs

export const WEIGHTS = 'unet/diffusion_pytorch_model.safetensors'
/** The same in fewer bits, which the page takes where it is. */
export const QUANTIZED_WEIGHTS = 'unet/diffusion_pytorch_model.quantized.safetensors'
/** Of a base folder. */
export const BASE_FILES = ['digit_diffusion.json', 'unet/config.json', 'scheduler/scheduler_config.json', WEIGHTS]
/** Of the autoencoder that a base may work behind: configuration and weights. */
export const VAE_FILES = ['vae/config.json', 'vae/diffusion_pytorch_model.safetensors']
/**
 * What is taken of the files that a manifest lists: those that are in another's place instead of it, or, where `quantized` is false, not.
 * @template {{ in_place_of?: string }} T @param {Record<string, T>} files @param {boolean} [quantized]
 */
export function taken(files, quantized = true) {
  const replaced = Object.values(files).map(({ in_place_of: other }) => other)
  return Object.fromEntries(Object.entries(files).filter(([path, entry]) => (quantized ? !replaced.includes(path) : !entry.in_place_of)))
}
/**
 * How an adapter is drawn with that was taught to draw in few steps, of what a manifest says, by the class's names; undefined of any other.
 * @param {any} said @returns {import('./digit-diffusion.js').Turbo | undefined}
 */
export function turboOf(said) {
  if (!Number.isInteger(said?.steps) || said.steps < 1) return undefined
  const { steps, sampler, timestep_spacing: timestepSpacing, guidance_scale: guidanceScale = 1, with: others } = said
  return { steps, sampler, timestepSpacing, guidanceScale, ...(others && { with: others }) }
}
/** Names of other programs' weights: what they are instead of safetensors, the engine says. */
export const OTHER_WEIGHTS = /\.(bin|pth?|ckpt|gguf|onnx|h5|zip|gz)$/i
/** The engine's builds, beside the module. */
export const ENGINE_FILES = { relaxed: 'engine/engine-relaxed_bg.wasm', plain: 'engine/engine_bg.wasm' }
/** The builds of the module that teaches. */
export const TRAINING_FILES = { relaxed: 'engine/training-relaxed_bg.wasm', plain: 'engine/training_bg.wasm' }
