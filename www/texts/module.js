// Every sentence that the module can say: errors, why a backend computes, mistakes of callers, and what the element reads out.
// Tests: tests/page/texts.test.mjs, class-arguments.test.mjs
const bytes = n => n.toLocaleString('en')
const isName = word => /\w[._/]\w/.test(word) // of a file or a module: not to be capitalised
/** A list may be of hundreds. */
const some = names => (names.length > 20 ? `${names.slice(0, 20).join(', ')}, …` : names.join(', '))
const sentence = text =>
  (isName(text.split(' ', 1)[0]) ? text : text.charAt(0).toUpperCase() + text.slice(1)) + (/[.!?]$/.test(text) ? '' : '.')

/** Why WebGPU is not used, by a reason's `code`: beginnings of sentences. */
export const noWebGpu = {
  browser: () => 'This browser has no WebGPU',
  insecure: () => 'Browsers offer WebGPU only to pages served over HTTPS, and to no sandboxed frame',
  machine: () => 'This browser has WebGPU, but no GPU for it',
  emulated: () => 'WebGPU is only emulated on this machine, slower than the CPU',
  'not-started': ({ reason }) => `WebGPU could not be started (${reason})`,
  refused: ({ error: { message } }) => `WebGPU could not run this model (${message})`,
  wrong: ({ difference }) => `WebGPU does not compute this model correctly here (off by ${difference.toExponential(1)})`,
}

const backends = { webgpu: 'on the GPU, with WebGPU', cpu: 'on the CPU' }

/** Why the model computes where it does: `backendNote`. */
export const backend = {
  note({ backend, code, cpuMs, gpuMs, ...details }) {
    if (code in noWebGpu) return `${noWebGpu[code](details)}, so the pictures are computed on the CPU.`
    const [cpu, gpu] = [cpuMs, gpuMs].map(ms => `${ms?.toFixed(1)} ms`)
    const measured = { webgpu: `: a step takes ${gpu} there, ${cpu} on the CPU`, cpu: `: a step takes ${cpu} there, ${gpu} on the GPU, with WebGPU` }
    const why = {
      start: '',
      chosen: ', as was asked',
      'chosen-emulated': ', as was asked, though it is only emulated on this machine',
      measured: measured[backend],
    }
    return `The pictures are computed ${backends[backend]}${why[code]}.`
  },
}

/** What the engine refuses: the worker has composed it of the error's fields (engine.js). */
const refusal = ({ message }) => sentence(message)

/** What a visitor or a developer reads when something fails, by the error's `code`. */
export const errors = {
  unsupported: ({ what }) =>
    what === 'WebAssembly'
      ? 'WebAssembly is switched off in this browser (by Lockdown Mode, or another setting), and the model cannot run without it. Allow it for this site, then reload the page.'
      : `This browser is too old to run the model: it has no ${what}. Any browser updated since 2023 will do.`,
  start: ({ why, address, status }) =>
    `The background worker that runs the model could not be started: ${{
      file: 'this page was opened as a file, and browsers start no worker for files. Serve the folder over HTTP and open that address.',
      status: `the server answered ${status} for its script, ${address}. Check whether the site was copied whole.`,
      page: `a web page came instead of its script, ${address}. Check whether the site was copied whole.`,
      refused: `its script is there (${address}), but the browser did not run it. A policy of this page may forbid it.`,
    }[why] ?? 'its script did not arrive. Check the network and try again.'}`,
  policy: ({ file, directive, address, need }) =>
    `A policy of this page forbids ${file}: its Content-Security-Policy needs ${need ?? address} in ${directive}.`,
  release: ({ module, worker }) =>
    `The background worker is of another release (${worker}) than the script that started it (${module}): one of them is an old copy. Reload the page; if it stays so, the server’s files do not fit together.`,
  engine: refusal,
  unreadable: refusal,
  misfit: refusal,
  unconfigured: refusal,
  adapter: refusal,
  picture: refusal,
  training: refusal,
  'engine-file': ({ file }) => `The engine could not be started because ${file} could not be loaded. Check the network and try again.`,
  network: ({ file }) => `The connection broke off while ${file} was loading. Check the network and try again.`,
  missing: ({ file, status, page, unnamed }) =>
    unnamed && (page || status === 404)
      ? `The models are not at ${unnamed}, where they are looked for unless a page names another place (${page ? 'a web page came instead' : 'the server answered 404'}). Copy the package’s folder models to your site, and name it: DigitDiffusion.load('/models/base/'), or base="/models/base/".`
    : page
      ? `The file ${file} is missing: a web page came instead of it, as from hosts that answer every address with one page. Check the address, or whether the site was copied whole.`
    : status === 404
      ? `The file ${file} is missing: the server has no such file (404). Check the address, or whether the site was copied whole.`
      : `The file ${file} could not be loaded: the server answered ${status}. Try again in a moment.`,
  truncated: ({ file, received, expected }) =>
    `The file ${file} is cut short: ${bytes(received)} of ${bytes(expected)} bytes arrived. Try again; if it stays so, the copy on the server is damaged.`,
  mismatch: ({ file }) =>
    `The file ${file} is not the one that belongs to this model: its SHA-256 differs from the manifest’s. Try again; if it stays so, the server’s files do not fit together.`,
  oversized: ({ file, expected }) =>
    `The file ${file} is not the one that belongs to this model: it is larger than the ${bytes(expected)} bytes that the manifest lists. Try again; if it stays so, the server’s files do not fit together.`,
  manifest: ({ file, why }) =>
    `The list of files ${file} cannot be used: ${
      { json: 'it is not JSON', page: 'it is not JSON but a web page', format: 'it is not of the format digit-diffusion/1', shape: 'it lists no base model' }[why]
    }.`,
  'webgpu-unavailable': ({ why }) =>
    ({
      browser: 'WebGPU is not available in this browser.',
      insecure: 'WebGPU is not available: browsers offer it only to pages served over HTTPS, and to no sandboxed frame.',
      machine: 'WebGPU is not available: the browser knows it, but finds no GPU to use.',
    })[why],
  'device-lost': ({ message }) =>
    `The GPU was lost, and the model with it.${message ? ` The browser says: ${message.replace(/\.?$/, '.')}` : ''} Load it again, or use the CPU.`,
  crashed: ({ message }) => `The engine stopped unexpectedly${message ? ` (${message.replace(/\.$/, '')})` : ''}. Load the model again.`,
  disposed: () => 'This model was disposed of and cannot be used any more.',
}

/** Of training. */
export const training = {
  lost: reason => `the training stopped unexpectedly${reason ? ` (${reason})` : ''}; begin it again from its last checkpoint`,
}

/** Programming mistakes: thrown as TypeError or RangeError. */
export const mistakes = {
  options: got => `sample() takes an object such as { label: 7, seed: 42 }, not ${got}.`,
  assets: got => `assets must be the address of a folder, not ${got}.`,
  noAssets: () => `The module does not know where its files are, since a bundler has made a classic script of it. Copy worker.js, engine and models to your site and name their folder: DigitDiffusion.assets = '/digit-diffusion/'.`,
  noBase: () => `The module does not know where the models are, since a bundler has moved it. Copy the package’s folder models to your site, and name it: DigitDiffusion.load('/models/base/'), or base="/models/base/".`,
  address: got => `'${got}' is not an address of a folder.`,
  device: got => `device must be 'auto', 'webgpu' or 'cpu', not ${got}.`,
  threads: got => `threads must be 'auto' or a whole number of at least 1, not ${got}.`,
  label: (got, labels) =>
    `label must be one of ${some(labels.map(label => `'${label}'`))} or an index from 0 to ${labels.length - 1}, not ${got}.`,
  seed: got => `seed must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, not ${got}.`,
  turbo: (got, steps) => `turbo="${got === true ? '' : got}": ${steps.length ? `the manifest lists adapters that draw in ${steps.join(' or ')} steps alone.` : 'the manifest lists no adapter that was taught to draw in few steps.'}`,
  notTurbo: name => `The adapter "${name}" was not taught to draw in few steps: name it as lora instead of turbo.`,
  noiseWay: () => 'share is of the way to another seed: name it as to.',
  share: got => `share must be a number from 0 to 1, not ${got}.`,
  steps: got => `steps must be a whole number of at least 1, not ${got}.`,
  sampler: (got, samplers) => `sampler must be one of ${samplers.map(name => `'${name}'`).join(', ')}, not ${got}.`,
  timestepSpacing: (got, spacings) => `timestepSpacing must be one of ${spacings.map(name => `'${name}'`).join(', ')}, not ${got}.`,
  guidanceScale: got => `guidanceScale must be a finite number (1 turns guidance off), not ${got}.`,
  guidanceStart: got => `guidanceStart must be a number of at least 0 and below 1, not ${got}.`,
  guidanceStop: (start, got) => `guidanceStop must be a number from guidanceStart, ${start}, to 1, not ${got}.`,
  guidanceEta: got => `guidanceEta must be a number from 0 to 1, not ${got}.`,
  eta: got => `eta must be a number from 0 to 1, not ${got}.`,
  batch: (labels, seeds) => `label and seed must have the same length when both are arrays, not ${labels} and ${seeds}.`,
  emptyBatch: () => 'label and seed must not be empty arrays.',
  latentsType: got => `latents must be a Float32Array, not ${got}.`,
  latentsLength: (got, want) => `latents must hold ${bytes(want)} numbers for this batch, not ${bytes(got)}.`,
  adapterName: got => `An adapter’s name must be a non-empty string, not ${got}.`,
  adapterTaken: name => `There is already an adapter called '${name}': remove it first.`,
  adapterUnknown: (name, known) =>
    `There is no adapter called '${name}': ${known.length ? `loaded are ${known.map(n => `'${n}'`).join(', ')}` : 'none is loaded'}.`,
  adapterSource: got => `An adapter comes from a folder’s address, a File, a Blob or a list of files, not from ${got}.`,
  adapterFiles: () => 'The list of files holds no .safetensors file, so there is no adapter in it.',
  adapterUnlisted: name => `The manifest lists no adapter called '${name}': give its folder’s address.`,
  scale: (name, got) => `The strength of '${name}' must be a finite number, not ${got}.`,
  picture: got => `A picture is an ImageData, an ImageBitmap, a Blob, a canvas or an <img>, not ${got}.`,
  train: got => `train() takes an object such as { images, labels }, not ${got}.`,
  trains: name => `This model is being taught '${name}': wait for its end, or stop it first.`,
  toLearn: (images, labels) => `images and labels must be arrays of the same length, with one picture at least, not ${images} and ${labels}.`,
  toLearnSize: (i, got, want) => `images[${i}] must hold the ${want} grey values of a picture, not ${got}.`,
  whole: (name, got) => `${name} must be a whole number of at least 1, not ${got}.`,
  resume: got => `resume must be the Uint8Array of a checkpoint, not ${got}.`,
  choice: (name, known, got) => `${name} must be one of ${known.map(one => `'${one}'`).join(', ')}, not ${got}.`,
  scales: got => `setAdapters() takes an object such as { outline: 0.8 }, not ${got}.`,
}

/** <digit-diffusion>. */
export const element = {
  idle: label => `A picture${label === null ? '' : ` of ${label}`} will be drawn here`, // what it is called is not known yet
  loading: 'Loading the model',
  drawing: (label, noun) => `Drawing the ${noun} ${label}`,
  done: (label, noun) => `The ${noun} ${label}, drawn from noise`,
}
