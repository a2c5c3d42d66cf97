// Every sentence on the page, in English; texts/zh.js has them in Chinese. Both are functions of what the base calls its pictures.
// index.html repeats `page` of digits word for word (elements with data-text), so that the first paint needs no script;
// tests/page/texts.test.mjs keeps the two equal. For another base the build fills in its words (xtask/bundle/words.mjs).
// Tests: tests/page/texts.test.mjs, own-words.test.mjs
import { DIGITS, forms } from '../words.js'

/** @typedef {import('../digit-diffusion.js').Adapter} Adapter */

const megabytes = n => `${(n / 1e6).toFixed(1)} MB`
const percent = share => (share < 0.01 ? 'under 1%' : share > 0.99 ? 'over 99%' : `${Math.round(share * 100)}%`)
/** How large an update is beside its matrix: above 100% a factor reads better. */
const beside = (share, change, of = change === 'bias' ? 'the bias' : 'W') => (share < 1 ? `${(share * 100).toFixed(1)}% of ${of}` : `${share.toFixed(1)} times ${of}`)
const plural = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`
/** How many workers computed a step, where they were several. */
const by = threads => (threads > 1 ? ` on ${threads} threads` : '')

/** Each by its own name. */
export const languages = { en: { name: 'English', tag: 'en' }, zh: { name: '中文', tag: 'zh-Hans' } }

/** The samplers by their command-line names. */
export const samplers = {
  'dpm++2m': { title: 'DPM-Solver++ 2M', hint: 'Second order: clean pictures in a dozen steps.' },
  ddim: { title: 'DDIM', hint: 'Deterministic: the noise alone decides the picture.' },
  ddpm: { title: 'DDPM', hint: 'The original: adds fresh noise at every step, and wants many steps.' },
  euler: { title: 'Euler', hint: 'First order, one straight line per step.' },
}

/** What the page says of a base. @param {import('../words.js').Words} words */
export function textsOf({ one, many, title, count, sheet, styled, megabytes: size }, { an, isolate, quote } = forms) {
  const alone = count === 1 // nothing to pick
  const digits = one === 'digit'
  const capital = text => text.charAt(0).toUpperCase() + text.slice(1)
  /** A class: “letter A”; the only one has no name. */
  const named = label => (alone ? one : `${one} ${quote(label)}`)
  /** What is drawn: “a 7”, “the letter A”. */
  const drawn = label => (alone ? an(one) : digits ? an(quote(label)) : `the ${named(label)}`)
  /** Plain strings appear in index.html too. */
  const page = {
    title,
    headline: `Watch noise become ${an(one)}`,
    lead: `${alone ? 'Press Draw' : `Pick ${an(one)}`}, and a small diffusion model in your browser draws ${alone ? an(one) : 'it'} out of noise.${styled ? ' Switch LoRA on, and the same noise takes on another style.' : ''}`,
    cost: `It loads ${size} MB, once.`,
    exampleNote: 'drawn beforehand',
    exampleNoteLora: 'Outline, drawn beforehand',
    exampleAlt: 'A 7 comes out of noise: an example, drawn beforehand',
    exampleAltLora: 'From the same noise comes an outlined 7: an example, drawn beforehand',
    bases: 'Base model',
    pick: `Pick ${an(one)}`,
    seed: 'Seed',
    dice: 'Roll a new seed',
    tour: 'Random tour: draws one after the other',
    draw: 'Draw',
    stop: 'Stop',
    lora: 'LoRA',
    loraStyle: 'Style',
    strength: 'Strength',
    turbo: 'Turbo',
    turboHint: 'Draws in 4 or 2 network calls instead of 19, by an adapter that was taught it. It goes with any style, and the picture follows what you move.',
    turboCalls: 'How many network calls',
    turboRule: 'While Turbo is on, its adapter says these three.',
    morph: 'Morph to another seed',
    morphPlay: 'Play the morph, there and back',
    morphShare: 'How far the morph is',
    morphTo: 'Morph to seed',
    compare: 'Compare',
    compareSide: 'Side by side',
    compareWipe: 'Wipe',
    compareDifference: 'Difference',
    wipe: 'Divider between base model and LoRA',
    legendMore: 'more ink',
    legendLess: 'less ink, with LoRA',
    captionBase: 'Base model',
    captionLora: 'With LoRA',
    invitation: 'Same noise, another style',
    invitationNote: styled ? 'Switch LoRA on to draw it here.' : 'Open a LoRA file to draw it here.',
    film: 'Film strip: choose a step to look at',
    filmStart: 'noise',
    filmEnd: one,
    view: 'Show',
    viewImage: 'Noisy picture',
    viewX0: 'Model’s guess',
    schedule: 'How far down the noise?',
    scheduleText: `The curve says how much of ${an(one)} is still there under the noise of timestep t, in percent of the picture’s energy: nothing on the left, all of it on the right. The network was trained on every t; drawing walks the curve from left to right. Each dot is a step of this run, the ringed one is the step above: fewer steps are longer strides.`,
    attention: 'What does each pixel listen to?',
    attentionTokens: 'Token of the label',
    attentionLeast: 'listens least',
    attentionMost: 'most',
    attentionText: 'The label reaches the network as eight learned tokens, as a prompt reaches Stable Diffusion as words. At every step each place of the picture spreads its attention over the eight: 100% in all. Each tile is one token over the picture: bright places listen most to it, dark ones least. Every map is coloured from its own least to its own most, the two shares beside its name, so compare places, not tiles. Heads and layers of the network are averaged. Choose a tile to see it large, a step above to see it then.',
    changes: 'What does the style change?',
    changesText: 'Each cell is one of the network’s matrices, W; its colour says how large what the style adds is beside it, at strength 1: BA, for LoRA. A change of a bias alone is beside that bias. From top to bottom is the way of the picture: down to coarse, through the middle, and up to fine again. From left to right: attention within the picture, attention to the label, the layers that work on each place by itself, ResNet blocks, and the rest. Where the base has little use for a matrix, W is nearly zero, and the update may be several times as large. Point at a cell, or walk with the arrow keys.',
    copyLink: 'Copy link',
    savePicture: 'Save picture',
    saveFilm: 'Save animation',
    teach: 'Teach it your hand',
    teachText: `Draw a few ${many}, and a LoRA adapter is trained from them here, in your browser: then the model draws ${many} as you do. Nothing that you draw leaves this page.`,
    teachNot: 'The base that draws now works behind an autoencoder, and a hand cannot be taught to such a base here yet. Choose a base of pixels above.',
    teachOpen: `Draw your ${many}`,
    network: 'Inside the network',
    networkText: 'At every step the noisy picture goes once through this network, a UNet: down to a coarse view, through the middle, and up again. Choose a part to read what it does. Dots mark the parts that the style changes: one, two or three, by how much.',
    many: 'Many at once',
    manyText: 'One batch through the same network, with the settings above. Choose a picture to look at it closely.',
    manyDigits: sheet < count ? `The first ${sheet} of ${plural(count, one, many)}` : `All ${digits && count === 10 ? 'ten' : count} ${many}`,
    manySeeds: alone ? 'Ten seeds' : `Ten seeds of one ${one}`,
    settings: 'Settings',
    steps: 'Steps',
    sampler: 'Sampler',
    guidance: 'Guidance',
    guidanceHint: 'How strongly the label pulls. 1 is off.',
    pace: 'Full speed',
    paceHint: 'Otherwise each step stays for a moment, so that you can follow.',
    bring: 'Bring your own',
    open: 'Open a file',
    openHint: 'A LoRA, or an adapter of another kind, for this model (.safetensors, with its adapter_config.json where it has one), or a picture saved here, for its settings. Dropping it anywhere works too.',
    drop: 'Drop it here: a LoRA, or a picture saved on this page',
    backend: 'Runs on',
    auto: 'Auto',
    webgpu: 'WebGPU',
    cpu: 'CPU',
    explain: 'What you are looking at',
    explainNoise: 'From noise',
    explainNoiseText: `The seed fills the picture with noise. At every step the network looks at it, guesses the clean ${one} hidden inside, and removes a little of the noise. “Model’s guess” shows that guess: blurry at first, then ever surer of itself.`,
    explainLabel: 'Steered by a label',
    explainLabelText: `Where Stable Diffusion attends to the words of a prompt, this network attends to ${alone ? 'its one label' : `the ${one} you picked`}, at every resolution. Guidance exaggerates the difference that the label makes.`,
    explainLora: 'Restyled by LoRA',
    explainLoraText: 'LoRA adds a thin pair of matrices to some layers: W becomes W + s·BA. Together they are a few percent of the model’s size, and change its handwriting. Set the strength s to zero and the base is back, bit for bit; below zero it leans the other way.',
    explainLocal: 'All of it on your side',
    explainLocalText: 'The network is written in Rust, compiled to WebAssembly, and runs on your graphics card through WebGPU, or on the CPU. After the download it needs no network, and nothing that you draw leaves this page.',
    embed: 'Put it on your own page',
    about: 'About this site',
    modelCard: 'Model card',
    package: 'About the package',
    licence: 'Licence:',
    authors: 'By the Digit Diffusion authors, in Rust.',
    credits: 'Trained on MNIST by Yann LeCun and Corinna Cortes (CC BY-SA 3.0).',
    noscript: 'This page runs a neural network in your browser, and needs JavaScript for it. Please switch JavaScript on.',
    outdated: 'This browser is too old to run the model. Any browser updated since 2023 will do.',
    broken: 'A part of this page could not be loaded. Check the network and reload the page.',
    asFile: 'This page was opened as a file, and browsers load no module from files. Serve the folder over HTTP, as with python3 -m http.server in it, and open that address.',
  }

  /** What the page composes as it runs. */
  const live = {
    description: `A small diffusion model draws ${digits ? 'handwritten digits' : many} out of noise, in your browser${styled ? ', and LoRA restyles them' : ''}.`,
    ready: alone ? 'Ready. Press Draw.' : `Ready. Pick ${an(one)}.`,
    loading: 'Loading the model',
    downloaded: (loaded, total) => (total ? `${megabytes(loaded)} of ${megabytes(total)}` : megabytes(loaded)),
    retrying: n => `The connection broke off. Taking it up again, try ${n} of 3`,
    starting: 'Starting the engine',
    recovering: 'The model has stopped and is being started again.',
    fetchingStyle: title => `Loading the style “${title}”`,
    fetchingTurbo: 'Loading Turbo',
    waiting: digit => `${digits && !alone ? `The ${quote(digit)}` : capital(drawn(digit))} will be drawn as soon as the model is here.`,
    first: total => `Step 1 of ${total}: the first one also prepares the engine`,
    position: ({ step, total, timestep, next, ms, threads }) =>
      `Step ${step} of ${total} · t = ${timestep}${next === undefined ? '' : ` → ${next}`} · ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms per step${by(threads)}`,
    drawing: (digit, lora) => `Drawing ${drawn(digit)}${lora ? ', with and without LoRA' : ''}.`,
    done: (digit, total) => `Done: ${drawn(digit)} in ${plural(total, 'step')}.`,
    stopped: 'Stopped.',
    loadStopped: 'The download was stopped. Nothing is loaded yet.',
    modelBase: 'base model',
    modelLora: 'with LoRA',
    frame: (digit, step, total, model) => `${capital(named(digit))} at step ${step} of ${total}, ${model}`,
    frameIdle: alone ? 'Noise, waiting to be drawn' : `Noise, waiting for ${an(one)} to be picked`,
    filmStep: step => `Step ${step}`,
    stepOf: (digit, step, total) => `${named(digit)}, step ${step} of ${total}`,
    captionWipe: 'Base model | with LoRA',
    captionDifference: 'What LoRA changed',
    wiped: label => `Base model, wiped over the picture with LoRA: ${label}`,
    wipeAt: percent => `base model on ${percent} %`,
    differenceOf: label => `What LoRA changed: ${label}`,
    scheduleAt: ({ step, total, timestep, share }) =>
      `Step ${step} of ${total} is at t = ${timestep}, with ${percent(share)} of the picture’s energy left`,
    scheduleNoise: t => `t = ${t}, noise`,
    scheduleDigit: `t = 0, ${one}`,
    attentionOf: ({ model, step, total }) => `Step ${step} of ${total}, ${model}`,
    attentionToken: token => `Token ${token}`,
    attentionReading: ({ token, least, most }) => `Token ${token}: from ${least} to ${most}`,
    attentionMap: ({ step, reading }) => `What the places listen to: ${step}. ${reading}`,
    attentionNone: 'No maps of this step yet.',
    attended: 'The maps are here.',
    changesOf: ({ title, mixed }) => (mixed ? `${title}, the strongest of the mix` : title),
    changesPlaces: { down: 'Down', mid: 'Middle', up: 'Up', rest: 'Rest' },
    changesGroups: { attn1: 'Picture', attn2: 'Label', ff: 'Places', resnets: 'ResNet', rest: 'Rest' },
    changesKinds: { to_q: 'Q', to_k: 'K', to_v: 'V', 'to_out.0': 'out', 'net.0.proj': 'in', 'net.2': 'out', proj_in: 'in', proj_out: 'out', time_emb_proj: 'time', conv1: 'conv 1', conv2: 'conv 2', conv_shortcut: 'shortcut', norm: 'norm', norm1: 'norm 1', norm2: 'norm 2', norm3: 'norm 3', downsamplers: 'halve', upsamplers: 'double', conv_in: 'first conv', conv_norm_out: 'last norm', conv_out: 'last conv', encoder_hid_proj: 'tokens', 'time_embedding.linear_1': 'time 1', 'time_embedding.linear_2': 'time 2' },
    changesShare: beside,
    changesReading: ({ row, group, kind, share, change, rank, norm }) => `${row} · ${group} ${kind}: ${beside(share, change)} · ${change}${rank ? `, rank ${rank}` : ''} · norm ${norm}`,
    changesNone: 'not changed',
    mix: 'Mix',
    turboCalls: n => plural(n, 'call'),
    turboHint: (steps, usual) => `Draws in ${steps.join(' or ')} network ${steps.at(-1) === 1 ? 'call' : 'calls'} instead of ${usual}, by an adapter that was taught it. It goes with any style, and the picture follows what you move.`,
    turboFailed: reason => `${reason} Without it, drawing takes its usual time.`,
    noSuchTurbo: name => `There is no Turbo adapter “${name}” here, so this was drawn without it.`,
    morphAt: ({ percent, from, to }) => `${percent} % of the way from seed ${from} to seed ${to}`,
    styleTitles: {},
    cell: ({ digit, seed }) => `${capital(named(digit))} from seed ${seed}`,
    openCell: 'Look at it closely',
    drawingMany: n => `Drawing ${n} pictures.`,
    drawnMany: n => `Done: ${n} pictures.`,
    sheetPosition: ({ step, total, ms, threads }) => `Step ${step} of ${total} · ${Math.round(ms)} ms per step for all${by(threads)}`,
    sheetDone: 'Choose one to look at it closely.',
    sheetMore: (from, to) => `Next: ${from} to ${to} of ${count}`,
    copied: 'The link was copied.',
    copiedShort: 'Copied',
    noClipboard: link => `This browser does not let the page copy. Here it is, to be copied by hand: ${link}`,
    restored: file => `The settings of ${file} are back.`,
    restoredPartly: 'Not all of it could be restored',
    unreadable: (name, value) => `The setting “${name}=${value}” is not one that this page knows, so it was left as it is.`,
    noSuchDigit: digit => `This model has no class “${isolate(digit)}”.`,
    find: `Search ${plural(count, one, many)}`,
    findAll: `Show all ${many}`,
    found: n => (n === count ? plural(n, one, many) : n ? `${n.toLocaleString('en')} of ${plural(count, one, many)}` : `None of ${plural(count, one, many)}`),
    picked: digit => `Picked: ${isolate(digit)}`,
    noSuchStyle: name => `There is no style “${name}” here: if it was someone’s own file, open it first.`,
    pixels: 'Pixels',
    base: ({ title, size }) => `${live.baseTitles[title] ?? title}${size ? ` ${size} × ${size}` : ''}`,
    baseTitles: { Ink: 'Ink' },
    baseCost: ({ title, bytes }) => `${title} loads ${megabytes(bytes)}, once.`,
    noSuchBase: name => `There is no base model “${isolate(name)}” here, so this was drawn by another one.`,
    otherBaseTitle: 'Made for another base model',
    otherBase: 'This was drawn by another base model than the one here, so the picture will be another one too.',
    otherBaseStyle: title => `The file says that “${title}” was trained on another base model. It fits in shape and can be tried, but may draw nonsense.`,
    /** @param {string} title @param {Adapter} adapter */
    added: (title, adapter) => `The style “${title}” was added: ${live.adapter(adapter)}.`,
    addedPartly: title => `The style “${title}” was added in part`,
    /** @param {{ used: number, tensors: number, unused: { tensors: string[], more: boolean, reason: string }[] }} adapter */
    partly: ({ used, tensors, unused }) =>
      `${used} of ${plural(tensors, 'tensor')} used; not used: ${unused.map(({ tensors: [first, ...others], more, reason }) => `${[first, ...others].join(', ')}${more ? ', …' : ''} (${reason.replace(/^Adapter: |\.$/g, '').replace(`tensor ${first}`, others.length ? 'the first' : 'it')})`).join('; ')}.`,
    useFits: 'Use what fits',
    files: {
      several: names => `One style at a time: these are ${names.length} .safetensors files (${names.join(', ')}).`,
      onlyConfig: 'It only describes an adapter. Open it together with its .safetensors file.',
      unknown: 'It is neither a LoRA (.safetensors) nor a picture that was saved here (.png).',
      damaged: 'It is damaged: it ends too early, or its bytes have changed. Take another copy of it.',
      foreign: 'It carries no settings: it was not saved on this page, or another program has saved it since. Programs for messages often do.',
    },
    /** @param {Adapter} adapter */
    adapter: ({ kinds, rank, modules, used, tensors, ignoredAlpha, guidanceScale }) =>
      `${kinds.join(' + ')}, ${rank ? `rank ${rank}, ` : ''}${plural(modules, 'layer')}, ${used.toLocaleString('en')} of ${plural(tensors, 'tensor')}${ignoredAlpha ? `; it notes an alpha of ${ignoredAlpha} but has none, so alpha is the rank, as for other programs` : ''}${guidanceScale === undefined ? '' : `; drawn with guidance ${guidanceScale}`}`,
    noStyles: 'No styles come with this model.',
    backends: { webgpu: 'WebGPU', cpu: 'CPU' },
    runsOn: { webgpu: 'Runs on WebGPU', cpu: 'Runs on the CPU' },
    failed: {
      load: 'The model could not be loaded',
      style: 'The style could not be loaded',
      turbo: 'Turbo could not be loaded',
      run: 'The picture could not be drawn',
      lost: 'The model has stopped',
      file: name => `${name} could not be used`,
      keep: 'It could not be kept',
      base: title => `Still with ${title}`,
      part: 'A part of the page could not be loaded',
      kept: backend => (backend === 'webgpu' ? 'Still on WebGPU' : 'Still on the CPU'),
    },
    styleFailed: reason => `${reason} The base model draws without it.`,
    goOn: 'Go on without it',
    saving: 'Your browser saves data',
    savingNote: `${alone ? 'Press Draw' : `Pick ${an(one)}`} to load the model: ${size} MB.`,
    retry: 'Try again',
    useCpu: 'Use the CPU',
    dismiss: 'Dismiss',
  }
  return { page, live }
}

/** Those of the moment: language.js replaces them in place. */
export const { page, live } = textsOf(DIGITS)
