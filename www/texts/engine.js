// What both engines refuse, the one that draws and the one that teaches, in English; refusals-zh.js has it in Chinese. Only workers load it: the
// module stays small. What only the first refuses is in drawing.js, what only the second, in training.js.
// Tests: tests/page/texts.test.mjs, engine.test.mjs

const list = names => (names.length > 6 ? `${names.slice(0, 6).join(', ')}, …` : names.join(', '))
const shape = sides => `[${sides.join(', ')}]`
const unread = reason => `not a readable safetensors file: ${reason}`
const unpackable = reason => unread(`its quantized weights cannot be unpacked: ${reason}`)

/** What stands where a safetensors file should, and what to do about it. */
const foreign = {
  empty: 'it is empty; fetch it again',
  lfs: 'it is a Git LFS pointer, which only stands for the weights; run `git lfs pull` in its repository, or download the file itself',
  page: 'it is a web page (HTML); the address led to a page, take the link that downloads the file itself',
  pickle: 'it is a pickle of PyTorch (.bin, .pt, .pth, .ckpt), which may run code when it is opened; load it in Python where you trust it, and save it with safetensors.torch.save_file',
  zip: 'it is a ZIP archive; unpack it, and take the .safetensors file in it',
  compressed: 'it is compressed; unpack it first',
  gguf: 'it is a GGUF file; take the model’s .safetensors files',
  onnx: 'it is an ONNX model; take the model’s .safetensors files',
  hdf5: 'it is an HDF5 file (Keras); take the model’s .safetensors files',
  json: 'it is JSON, a configuration or a list of files; take the .safetensors file that belongs to it',
}

/** What the engine refuses, by the error's `kind`: beginnings of sentences. */
export const refusals = {
  // Files.
  json: ({ file, reason }) => `${file} is not the JSON that was expected: ${reason}`,
  'config-unsupported': ({ file, key, found, accepted }) =>
    `${file}: ${key} ${found} is not supported, ${accepted === undefined ? 'leave it out' : `only ${accepted}`}`,
  'config-sampler': ({ file, sampler, key, found, accepted }) =>
    `${file}: ${key} ${found} is not supported with the sampler ${sampler}, only ${accepted}`,
  'config-process': ({ file, key, found }) =>
    `${file}: ${key} ${found} is not of DDPM’s process (flow matching and EDM are others), choose a model that is`,
  'config-value': ({ file, key, accepted, found }) =>
    `${file}: ${key} ${found === undefined ? `is missing, it must be ${accepted}` : `must be ${accepted}, not ${found}`}`,
  'config-changes-base': ({ file, method }) =>
    `${file}: init_lora_weights "${method}" changes the base’s own weights too and is not supported, convert it to plain LoRA`,
  'config-invalid': ({ file, reason }) => `${file}: ${reason}`,
  safetensors: ({ reason }) => unread(reason),
  'foreign-file': ({ what }) => unread(foreign[what]),
  'safetensors-length': ({ found }) =>
    unread(`its header tells of other tensors than these ${found} bytes hold: the download broke off, or the file was damaged; fetch it again`),
  'tensor-twice': ({ tensor }) => unread(`tensor ${tensor} is in two of its shards: they are not of one model`),
  'tensor-type': ({ tensor, found }) => unread(`tensor ${tensor} has type ${found}; floats of 8 to 64 bits and whole numbers are read`),
  'quantized-list': ({ tensor }) => unpackable(tensor ? `the list of them has no bits from 2 to 8 and no shape for ${tensor}` : 'the list of them is no JSON object'),
  'quantized-missing': ({ tensor }) => unpackable(`${tensor} is listed, and it or ${tensor}.scale is not there`),
  'quantized-size': ({ tensor }) => unpackable(`${tensor} has not as many bytes or scales as its shape asks for`),
  'quantized-scale': ({ tensor }) => unpackable(`${tensor}.scale has values that are no numbers`),
  unwritable: ({ reason }) => `no safetensors file can be written: ${reason}`,
  weights: ({ missing, unexpected, wrong }) => {
    const parts = Object.entries({ missing, unexpected, 'of the wrong shape or type': wrong }).filter(([, names]) => names.length)
    return `the weights do not fit the model: ${parts.map(([what, names]) => `${names.length} ${what} (${list(names)})`).join('; ')}`
  },
  'no-numbers': ({ tensor }) => `${tensor} has values that are no numbers: the file is broken, or its training was`,
  // Adapters.
  'adapter-empty': () => 'adapter: the file has no tensors of an adapter in it, such as lora_A and lora_B',
  'unknown-modules': ({ paths, known }) =>
    `adapter: it names ${paths.length > 3 ? `${paths.length} modules (${paths.slice(0, 3).join(', ')}, …)` : paths.join(', ')}, which this base does not have: its modules are called like ${known}`,
  'factor-twice': ({ path }) => `adapter: it has the factors of ${path} twice, under two names; take one of them out`,
  'not-targeted': ({ path, setting }) =>
    `adapter: its file has factors of ${path}, but ${setting} in adapter_config.json leaves it out: PEFT would draw without them; correct one of the two`,
  'not-linear': ({ path }) => `adapter: it changes ${path}, which is neither a Linear nor a convolution`,
  'module-shape': ({ path, a, b, weight }) =>
    `adapter: ${path} has lora_A ${shape(a)} and lora_B ${shape(b)}, the base’s weight is ${shape(weight)}: it was made for another model`,
  'missing-factor': ({ path }) => `adapter: ${path} has only one of its two factors`,
  'factor-shapes': ({ path, a, b }) =>
    `adapter: ${path} has factors ${shape(a)} and ${shape(b)}, not lora_A [rank, in] and lora_B [out, rank], or of a convolution [rank, in, height, width] and [out, rank, 1, 1]`,
  'unknown-alpha': () => 'adapter: alpha is unknown: give adapter_config.json too, or a file that carries lora_adapter_metadata',
  'unconfigured-kind': ({ kind }) => `adapter: its tensors of ${kind} mean nothing without their settings: give adapter_config.json too`,
  alpha: ({ path }) => `adapter: the alpha of ${path} must be a number other than 0`,
  'tensor-shape-of-module': ({ path, tensor, found, weight }) =>
    `adapter: ${path} has ${tensor} ${shape(found)}, which does not go with the base’s weight ${shape(weight)}: it was made for another model, or is damaged`,
  'missing-tensor': ({ path, has, missing }) =>
    `adapter: ${path} has ${has}, but not ${missing}, which belongs to it: the file is damaged or incomplete`,
  'tensors-together': ({ path, tensor, kind }) => `adapter: ${path} has ${tensor} beside ${kind}, which mean nothing together`,
  'no-bias': ({ path }) => `adapter: it changes the bias of ${path}, which has none in this base`,
  'text-encoder': ({ tensor }) =>
    `adapter: tensor ${tensor} is not of this network: it changes a text encoder, which this model does not have`,
  'not-a-factor': ({ tensor }) => `adapter: tensor ${tensor} is of no kind of adapter that is read: LoRA, DoRA, LoHa, LoKr, OFT, BOFT, HRA, (IA)³, GLoRA, and whole layers or differences`,
  // Calls.
  class: ({ found, last }) => `class ${found} does not exist, the model has classes 0 to ${last}`,
  prediction: ({ labels, timesteps, channels, side, found }) =>
    `${labels} labels and ${timesteps} timesteps ask for as many latents of ${channels} channels, sides divisible by ${side}, not for ${shape(found)}`,
  input: ({ values, timesteps, expected }) =>
    `${values} values and ${timesteps} timesteps do not make ${expected[0]} latents of ${expected.slice(1).join(' x ')}`,
  autoencoded: ({ values, expected, factor }) =>
    `${values} values do not make pictures of ${shape(expected)} for the autoencoder, with sides that divide by ${factor}`,
  over: () => 'the run is over, there is no further step',
  argument: ({ reason }) => reason,
  misuse: ({ reason }) => reason,
}
