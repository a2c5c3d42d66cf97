import type { ErrorCode, DigitDiffusionError } from './errors.js'
import type { CatalogEntry, Manifest, Noun, Sampler, TimestepSpacing, Turbo } from './manifest.js'
import type { ExportOptions, PreparedDrawing, PrepareOptions, TrainOptions, TrainProgress } from './training.js'

export * from './errors.js'

export type Device = 'auto' | 'webgpu' | 'cpu'
export type Backend = 'webgpu' | 'cpu'

/** Why the model computes where it does. Times are milliseconds of a step on one picture with guidance.
 * `start`: every model begins on the CPU; `chosen`, `chosen-emulated`: as `device` says; `measured`: the faster one is taken;
 * `emulated`: there is no GPU behind this WebGPU. The others say why WebGPU cannot be used: the browser has none (`browser`), or only
 * for pages served over HTTPS (`insecure`), or finds no GPU (`machine`); no device could be opened (`not-started`); it refused the model
 * (`refused`); its output is not the CPU's (`wrong`). */
export type BackendReason =
  | { code: 'start' | 'chosen' | 'chosen-emulated' | 'emulated' | 'browser' | 'insecure' | 'machine' }
  | { code: 'measured'; cpuMs: number; gpuMs: number }
  | { code: 'not-started'; reason: string }
  | { code: 'refused'; error: { code: ErrorCode; kind: string; fields: Record<string, unknown>; message: string } }
  | { code: 'wrong'; difference: number }

/** A class name, such as '7', or an index into `labels`. */
export type Label = string | number

export type Progress =
  /** Bytes so far. `total` is undefined while, or where, the size is not known. `retry`: the connection broke off, and the file
   * is taken up again, for the first, second or third time. */
  | { phase: 'download'; file: string; loaded: number; total: number | undefined; retry: number | undefined }
  /** Everything has arrived; the engine starts and checks itself. */
  | { phase: 'start' }

export interface LoadOptions {
  /** Default 'auto': the CPU at first; WebGPU as soon as it has shown that it computes correctly and faster (see `settled`). */
  device?: Device | undefined
  /** How many workers may compute the pictures on the CPU, each on a core of its own. Default 'auto': as many as there are cores, eight at
   * most; they are started once a picture has been drawn, or for a batch, and ended after a minute without work. 1: never another
   * one. The pictures are the same, bit for bit. */
  threads?: number | 'auto' | undefined
  /** Stops the download. */
  signal?: AbortSignal | undefined
  onprogress?: ((progress: Progress) => void) | undefined
  /** By what to check the files' sizes and SHA-256: an address, the list itself (paths then relative to the folder above the
   * base), or false for no check. By default `../manifest.json`, where there is one of this very base. */
  manifest?: string | URL | Manifest | false | undefined
  /** Default true: weights in fewer bits are taken where the manifest lists them; pictures differ by a level or two. false: those they are of. */
  quantized?: boolean | undefined
}

export interface Adapter {
  name: string
  /** The kinds of change in it, such as 'LoRA', 'DoRA', 'LoHa' or 'OFT'. */
  kinds: string[]
  /** The largest rank; 0 where no kind in it has one. */
  rank: number
  /** How many layers it changes. */
  modules: number
  /** How many of the file's tensors are used: all of them, unless it was added with `partial`. */
  used: number
  /** How many tensors the file has. */
  tensors: number
  /** The tensors that are not used, each with a sentence that says why, and its kind as errors have it in `details`; where there are any. */
  unused?: { tensor: string; reason: string; kind: string }[]
  /** How it is drawn with, where it was taught to draw in few steps: while it is on, what `sample` does where nothing else is said. */
  turbo?: Turbo
  /** The guidance that it is drawn with where nothing else is said, where its file says so. */
  guidanceScale?: number
  /** What a file of kohya says of alpha, where it has no alphas: nobody heeds it, alpha is the rank. */
  ignoredAlpha?: string
}

export type NoiseOptions = { signal?: AbortSignal | undefined } & (
  | { to?: undefined; share?: undefined }
  /** `share` from 0, the noise of `seed`, to 1, that of the seed `to`. */
  | { to: number; share: number }
)

/** What an adapter changes in one layer. */
export interface AdapterModule {
  /** The layer's path in the base, as diffusers has it. */
  path: string
  /** The kind of change, such as 'LoRA' or 'OFT'. */
  kind: string
  /** Rank of the factors; 0 where the kind has none. */
  rank: number
  /** Frobenius norm of the update at strength 1: of the weight, or of the bias where that alone is changed (kind 'bias'). */
  updateNorm: number
  /** That over the norm of the base's own weight, or bias. */
  relativeNorm: number
}

export interface AdapterOptions {
  /** adapter_config.json. Without it the file's own metadata must say what PEFT's configuration would. */
  config?: File | Blob | string | object | undefined
  /** Uses what fits the base, and says in `unused` what does not and why. By default a file that does not fit as a whole is refused. */
  partial?: boolean | undefined
  signal?: AbortSignal | undefined
  onprogress?: ((progress: Progress) => void) | undefined
}

/** Adapter names and strengths. {} is the base model; 0 is off; negative strengths lean the other way. */
export type Scales = Record<string, number>

interface SampleOptionsBase {
  /** At least 1; default 12. */
  steps?: number | undefined
  /** Default 'dpm++2m'. */
  sampler?: Sampler | undefined
  /** Which timesteps the sampler visits (arXiv 2305.08891, table 2). By default what the base's scheduler says, or else diffusers' default for
   * the sampler. */
  timestepSpacing?: TimestepSpacing | undefined
  /** 1 turns guidance off; by default the largest that an adapter which is on asks for, else the model's guidanceScale, usually 1.6. */
  guidanceScale?: number | undefined
  /** Share of the run before which there is no guidance, and a step costs half; default 0.2. */
  guidanceStart?: number | undefined
  /** Share of the run from which on there is none; default 0.75. */
  guidanceStop?: number | undefined
  /** 0 (default) to 1: how much of what guidance adds along the predicted picture itself, its ink, is kept (arXiv 2410.02416); 1 is plain guidance. */
  guidanceEta?: number | undefined
  /** 0 (default) to 1: how much fresh noise DDIM adds. */
  eta?: number | undefined
  /** Starting noise in place of the seed's: standard normal, as many numbers as noise() gives for every picture of the batch, in the layout
   * that the network works in, [channels, height, width]. */
  latents?: Float32Array | undefined
  /** Adapters for this run alone, in place of those of setAdapters(). */
  adapters?: Scales | undefined
  /** Stops between two steps. The model stays loaded. */
  signal?: AbortSignal | undefined
}

export interface SampleOptions<L extends Label | Label[], S extends number | number[], R extends boolean, A extends boolean = boolean>
  extends SampleOptionsBase {
  /** An array draws a batch. */
  label: L
  /** A whole number; random by default. An array draws a batch. */
  seed?: S | undefined
  /** Adds the pictures as floats. */
  raw?: R | undefined
  /** Adds what the pixels attend to, for one more pass through the network per step, on the CPU. */
  attention?: A | undefined
}

export interface Step<P = ImageData> {
  /** 1 to total. */
  step: number
  total: number
  timestep: number
  /** Milliseconds that the engine took for this step. */
  ms: number
  /** How many workers computed it: 1 where it had one row alone, as for a single picture without guidance, or no other was there. */
  threads: number
  /** The noisy picture after this step. Of a base behind an autoencoder a preview, but for the last step's, which is decoded: to decode
   * both pictures costs twice what a step does. A preview is each latent's colour by a linear map, enlarged. */
  image: P
  /** The clean picture as the model guesses it at this step, likewise. */
  x0: P
}

export interface RawStep {
  /** x_t as the sampler has it, black -1 and white 1, neither scaled nor clipped; channels times imageSize² numbers, picture
   * after picture; in colour all of red, then green, then blue. Of a base behind an autoencoder previews but for the last step's. */
  rawImage: Float32Array
  /** The guess, likewise. */
  rawX0: Float32Array
}

/** How much every pixel listened to every token of its label at this step, before guidance: the network's cross-attention, its
 * mean over heads and layers. */
export interface AttentionMaps {
  /** How many learned tokens a label has. */
  tokens: number
  /** Rows and columns: pixels as the network sees them, which may each be several of the picture's. */
  height: number
  width: number
  /** Token after token, row after row, from 0 to 1; at each pixel the tokens' sum is 1. */
  weights: Float32Array
}

export interface AttentionStep<M = AttentionMaps> {
  attention: M
}

type PerPicture<T, L, S> = L extends unknown[] ? T[] : S extends unknown[] ? T[] : T

export class DigitDiffusion {
  private constructor()

  /** The folder of worker.js, engine/ and models/: the module's own, unless it is set, before a model is loaded. */
  static get assets(): string | undefined
  static set assets(address: string | URL | undefined)
  /** Loads a base model's folder, by default the one next to this script; or the one in a models folder that the manifest beside that lists (`bases`). */
  static load(base?: string | URL, options?: LoadOptions): Promise<DigitDiffusion>

  /** Where the next run computes. With 'auto' it may change once, see `settled`; runs under way stay where they are. */
  readonly backend: Backend
  /** Resolves when it is decided where the model computes: with 'auto', as soon as nothing has been asked of it for a tenth of a second and the
   * GPU has been tried; otherwise at once. How fast each device was, is kept in localStorage for a month. */
  readonly settled: Promise<Backend>
  /** How many workers compute at this moment. 1 on the GPU, before others are there, and where the browser gives no more. */
  readonly threads: number
  /** Why this backend, for programs. */
  readonly backendReason: BackendReason
  /** Why this backend, for people: one sentence, in English; on this project's page in the page's language. */
  readonly backendNote: string
  readonly labels: string[]
  /** What the manifest calls the base. */
  readonly title: string | undefined
  /** What the manifest calls its pictures; where it does not say, digits for the labels 0 to 9, pictures for others. */
  readonly noun: Noun
  /** Whether guidance changes anything: a base that never had its labels dropped in training, as one of a single class, draws without. */
  readonly guided: boolean
  /** What guidanceScale is where nothing else is said: what the base says of itself, or 1.6. */
  readonly guidanceScale: number
  /** Pixels along one side. */
  readonly imageSize: number
  /** 1 of a base that draws in grey, 3 of one in colour. Pictures are RGBA, whatever it is. */
  readonly channels: number
  /** Whether it works behind an autoencoder (`vae/` in its folder): the pictures of a run's steps are previews, but for the last, and it cannot
   * be taught by train(). The autoencoder computes on the CPU, wherever the network does. */
  readonly autoencoder: boolean
  /** 'sha256-…' of the weights file. */
  readonly baseHash: string
  /** The noise schedule that the model was trained with, as diffusers calls it: for every timestep the share of the clean
   * picture's energy that is left in x_t, from near 1 down to near 0. */
  readonly alphasCumprod: Float32Array
  /** The adapters that are loaded, with their present strength. */
  readonly adapters: (Adapter & { scale: number })[]
  /** The adapters that the manifest offers; addAdapter(name) loads one. */
  readonly catalog: CatalogEntry[]
  /** Resolves when the engine dies: its device was lost or it crashed. Load a new model then. */
  readonly lost: Promise<DigitDiffusionError>

  /** @param source the address of a PEFT folder or of a .safetensors file; such a file; or a list of files with its configuration among them.
   * Without it, the adapter of that name in the manifest. */
  addAdapter(name: string, source?: string | URL | Blob | Iterable<File>, options?: AdapterOptions): Promise<Adapter>
  removeAdapter(name: string): Promise<void>
  /** What a loaded adapter changes, layer by layer. */
  adapterModules(name: string): Promise<AdapterModule[]>
  /** For the runs that are begun from then on. */
  setAdapters(scales: Scales): Promise<void>

  /** The noise that a picture begins with, `channels` times `imageSize` squared values, or, behind an autoencoder, as many as it makes of a
   * picture: what `sample` takes as `latents`. With `to` and `share`, of the way
   * along the arc to another seed's noise (slerp): a morph between two pictures. */
  noise(seed: number, options?: NoiseOptions): Promise<Float32Array<ArrayBuffer>>

  /** Draws step by step, each when it is asked for: stop iterating and the run is over and freed.
   * Wrong arguments throw a TypeError or RangeError at once. */
  sample<
    L extends Label | Label[],
    S extends number | number[] = number,
    R extends boolean = false,
    A extends boolean = false,
  >(
    options: SampleOptions<L, S, R, A>,
  ): AsyncGenerator<
    Step<PerPicture<ImageData, L, S>> &
      (R extends true ? RawStep : unknown) &
      (A extends true ? AttentionStep<PerPicture<AttentionMaps, L, S>> : unknown),
    void,
    undefined
  >

  /** A drawing, a photograph or a sheet of paper as the pictures that the network sees, by the rule by which `trainer` reads them. It is done
   * in a worker of its own, whose module is fetched when it is first used (0.1 MB).
   * @param source an ImageData, an ImageBitmap, a Blob, a canvas, an <img> or whatever else createImageBitmap() takes; left as it is */
  prepareDrawing(source: ImageBitmapSource, options?: PrepareOptions): Promise<PreparedDrawing>

  /** Teaches: trains a LoRA on pictures, in workers of its own, while the model goes on drawing. Nothing runs ahead of the loop by more than
   * one turn, so that waiting in it is a pause. Leaving the loop keeps what has been learnt so far: then, as at the end,
   * `name` is an adapter like any other, switched off. Wrong arguments throw at once. */
  train(name: string, options: TrainOptions): AsyncGenerator<TrainProgress, void, undefined>
  /** The file of an adapter that is loaded, to be saved. */
  exportAdapter(name: string, options?: ExportOptions): Promise<File>

  /** Ends the worker and frees everything. */
  dispose(): void
}
