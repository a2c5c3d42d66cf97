// What the engine that draws refuses, in English; refusals-zh.js has it in Chinese. Only the model's worker loads it.
// Tests: tests/page/texts.test.mjs, engine.test.mjs
import { noWebGpu } from './module.js'

const batch = ({ pictures, height, width }) => `${pictures} pictures of ${height} x ${width}`
const noResult = reason => `the device did not give its result back: ${reason}`

/** By the error's `kind`: beginnings of sentences. */
export const refusals = {
  // Requests.
  'unknown-adapter': ({ name, loaded }) => `no adapter called "${name}" is loaded (loaded: ${loaded.join(', ') || 'none'})`,
  steps: ({ sampler, most, found }) => `steps must be 1 to ${most} for ${sampler}, not ${found}`,
  eta: ({ found }) => `eta must be 0 to 1, not ${found}`,
  'guidance-scale': ({ found }) => `guidance must be a number, not ${found}`,
  'guidance-start': ({ found }) => `the start of guidance must be at least 0 and below 1, not ${found}`,
  'guidance-stop': ({ start, found }) => `the end of guidance must be ${start}, its start, to 1, not ${found}`,
  'guidance-eta': ({ found }) => `the eta of guidance must be 0 to 1, not ${found}`,
  batch: ({ labels, seeds }) => `there must be as many seeds as labels and at least one, not ${seeds} and ${labels}`,
  'class-name': ({ found, known }) => `there is no class "${found}", the model has ${known.length > 20 ? `${known.slice(0, 20).join(', ')}, …` : known.join(', ')}`,
  sampler: ({ found, known }) => `there is no sampler "${found}", choose one of ${known.join(', ')}`,
  'timestep-spacing': ({ found, known }) => `there is no timestep spacing "${found}", choose one of ${known.join(', ')}`,
  latents: ({ expected, found }) => `latents must have ${expected.join(' x ')} values, not ${found}`,
  'latents-values': () => 'latents must be finite numbers',
  strength: ({ name, found }) => `the strength of adapter "${name}" must be a number, not ${found}`,
  // Devices.
  'not-finite': ({ step }) => `the network’s output at step ${step} is not finite: the weights or the device are broken`,
  'gpu-lost': () => noResult('the GPU was lost'),
  'gpu-memory': details => noResult(`${batch(details)} at once need more memory than it has`),
  'gpu-batch': details => noResult(`${batch(details)} are more than this GPU takes at once`),
  'device-refused': ({ reason }) => noResult(reason),
  'device-length': ({ found, expected }) => noResult(`${found} values came back, ${expected} were asked for`),
  'webgpu-limit': ({ reason }) => `the WebGPU kernels cannot run this network: ${reason}`,
  'no-webgpu': ({ why }) => `${noWebGpu[why.code](why)}; choose the device "auto" or "cpu" instead`,
}
