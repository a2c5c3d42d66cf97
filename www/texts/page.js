// Every sentence on the page.
// index.html repeats `page` word for word (elements with data-text), so that the first paint needs no script;
// tests/page/texts.test.mjs keeps the two equal.

const megabytes = n => `${(n / 1e6).toFixed(1)} MB`
const plural = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`

/** The samplers by their command-line names. */
export const samplers = {
  'dpm++2m': { title: 'DPM-Solver++ 2M', hint: 'Second order: clean digits in a dozen steps.' },
  ddim: { title: 'DDIM', hint: 'Deterministic: the noise alone decides the picture.' },
  ddpm: { title: 'DDPM', hint: 'The original: adds fresh noise at every step, and wants many steps.' },
  euler: { title: 'Euler', hint: 'First order, one straight line per step.' },
}

/** The page. Plain strings appear in index.html too. */
export const page = {
  title: 'Digit Diffusion',
  headline: 'Watch noise become a digit',
  lead: 'Pick a digit, and a small diffusion model in your browser draws it out of pure noise. Switch LoRA on, and the same noise becomes the same digit in another style.',
  pick: 'Pick a digit',
  seed: 'Seed',
  dice: 'Roll a new seed',
  draw: 'Draw',
  stop: 'Stop',
  lora: 'LoRA',
  loraStyle: 'Style',
  strength: 'Strength',
  captionBase: 'Base model',
  captionLora: 'With LoRA',
  invitation: 'Same noise, another style',
  invitationNote: 'Switch LoRA on to draw it here.',
  film: 'Film strip: choose a step to look at',
  filmStart: 'noise',
  filmEnd: 'digit',
  view: 'Show',
  viewImage: 'Noisy picture',
  viewX0: 'Model’s guess',
  settings: 'Settings',
  steps: 'Steps',
  sampler: 'Sampler',
  guidance: 'Guidance',
  guidanceHint: 'How strongly the label pulls. 1 is off.',
  pace: 'Full speed',
  paceHint: 'Otherwise each step stays for a moment, so that you can follow.',
  backend: 'Runs on',
  auto: 'Auto',
  webgpu: 'WebGPU',
  cpu: 'CPU',
  explain: 'What you are looking at',
  explainNoise: 'From noise',
  explainNoiseText: 'The seed fills the picture with noise. At every step the network looks at it, guesses the clean digit hidden inside, and removes a little of the noise. “Model’s guess” shows that guess: blurry at first, then ever surer of itself.',
  explainLabel: 'Steered by a label',
  explainLabelText: 'Where Stable Diffusion attends to the words of a prompt, this network attends to the digit you picked, at every resolution. Guidance exaggerates the difference that the label makes.',
  explainLora: 'Restyled by LoRA',
  explainLoraText: 'LoRA adds a thin pair of matrices to some layers: W becomes W + s·BA. Together they are a few percent of the model’s size, and change its handwriting. Set the strength s to zero and the base is back, bit for bit; below zero it leans the other way.',
  explainLocal: 'All of it on your side',
  explainLocalText: 'The network is written in Rust, compiled to WebAssembly, and runs on your graphics card through WebGPU, or on the CPU. After the download nothing leaves or enters this page.',
  embed: 'Put it on your own page',
  credits: 'Trained on MNIST by Yann LeCun and Corinna Cortes (CC BY-SA 3.0).',
  noscript: 'This page runs a neural network in your browser, and needs JavaScript for it. Please switch JavaScript on.',
  outdated: 'This browser is too old to run the model. Any browser updated since 2023 will do.',
  broken: 'A part of this page could not be loaded. Check the network and reload the page.',
}

/** What the page composes as it runs. */
export const live = {
  ready: 'Ready. Pick a digit.',
  loading: 'Loading the model',
  downloaded: (loaded, total) => (total ? `${megabytes(loaded)} of ${megabytes(total)}` : megabytes(loaded)),
  starting: 'Starting the engine',
  fetchingStyle: title => `Loading the style “${title}”`,
  waiting: digit => `The ${digit} will be drawn as soon as the model is here.`,
  first: total => `Step 1 of ${total}: the first one also prepares the engine`,
  position: ({ step, total, timestep, ms }) =>
    `Step ${step} of ${total} · t = ${Math.round(timestep)} · ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms per step`,
  drawing: (digit, lora) => `Drawing a ${digit}${lora ? ', with and without LoRA' : ''}.`,
  done: (digit, total) => `Done: a ${digit} in ${plural(total, 'step')}.`,
  stopped: 'Stopped.',
  loadStopped: 'The download was stopped. Nothing is loaded yet.',
  modelBase: 'base model',
  modelLora: 'with LoRA',
  frame: (digit, step, total, model) => `Digit ${digit} at step ${step} of ${total}, ${model}`,
  frameIdle: 'Noise, waiting for a digit to be picked',
  filmStep: step => `Step ${step}`,
  adapter: ({ rank, modules }) => `rank ${rank}, ${plural(modules, 'layer')}`,
  noStyles: 'No styles come with this model.',
  backends: { webgpu: 'WebGPU', cpu: 'CPU' },
  runsOn: { webgpu: 'Runs on WebGPU', cpu: 'Runs on the CPU' },
  failed: {
    load: 'The model could not be loaded',
    style: 'The style could not be loaded',
    run: 'The picture could not be drawn',
    lost: 'The model has stopped',
    kept: backend => (backend === 'webgpu' ? 'Still on WebGPU' : 'Still on the CPU'),
  },
  retry: 'Try again',
  useCpu: 'Use the CPU',
  dismiss: 'Dismiss',
}
