import type { Label, Progress } from './model.js'

export interface PrepareOptions {
  /** Whether there may be several characters on it, each a picture; by default all ink is one, however far apart its strokes are. */
  several?: boolean | undefined
  /** How it is fitted into the network's square. 'mnist' (default): the ink is found, cut out, and placed as MNIST's digits are.
   * 'auto': whichever fits. 'pad', 'crop', 'stretch': the whole picture, scaled. 'none': another size is refused. */
  fit?: 'mnist' | 'auto' | 'none' | 'pad' | 'crop' | 'stretch' | undefined
  /** Whether ink is 'dark' or 'light'; by default it is found out. */
  ink?: 'auto' | 'dark' | 'light' | undefined
  signal?: AbortSignal | undefined
  /** Of the module's download, the first time. */
  onprogress?: ((progress: Progress) => void) | undefined
}

/** What a picture is for the network. */
export interface PreparedDrawing {
  /** One for each character, in reading order: imageSize pixels square, grey, light ink on black. */
  images: ImageData[]
  /** The part of the source that each was made of, in pixels. */
  boxes: { x: number; y: number; width: number; height: number }[]
  notes: {
    /** How it was fitted: never 'auto'. */
    fit: 'mnist' | 'none' | 'pad' | 'crop' | 'stretch'
    /** What was ink. */
    ink: 'dark' | 'light'
    /** There were colours, which are lost. */
    coloured: boolean
    /** Transparent pixels were taken for ground. */
    transparent: boolean
    /** The lines of ruled or squared paper were removed. */
    ruled: boolean
    /** The light on the paper was uneven, and evened out. */
    uneven: boolean
    /** Parts that touch the picture's edge and were left out: the table, a finger, a neighbour that is cut off. */
    atEdge: number
    /** Parts too small to be ink, left out. */
    specks: number
    /** The ink is so faint, so little or so like its ground that a look at the result is due. */
    unsure: boolean
  }
}

/** Pictures with the class of each. */
export interface Lessons {
  /** What prepareDrawing() gives, or takes: what is not of the network's size is prepared first. A Uint8Array has the imageSize² grey
   * values of a picture, light ink on black. */
  images: Iterable<ImageBitmapSource | Uint8Array>
  /** As many class names or indices. */
  labels: Iterable<Label>
}

/** Which pictures show how far training is. */
export interface Previews {
  label: Label[]
  /** As many whole numbers. */
  seed: number[]
  /** Denoising steps; default 12. */
  steps?: number | undefined
}

export interface TrainOptions extends Lessons {
  /** What is measured on, and not learnt; by default one picture in ten, evenly of all classes, none of a class that has but one. `false`:
   * nothing is. */
  heldOut?: Lessons | false | undefined
  /** Default: 240, or two for each picture where that is more. */
  steps?: number | undefined
  /** Rank of the LoRA; default 8. */
  rank?: number | undefined
  /** Its update is scaled by alpha / rank; default: twice the rank. */
  alpha?: number | undefined
  /** Endings of the paths of the layers that are changed; default: the convolutions, to_out.0 and ff.net.2. */
  targets?: string[] | undefined
  /** Decides order, noise, and changes of the pictures; default 0. The same seed and pictures learn the same, whatever the browser and
   * the number of workers. */
  seed?: number | undefined
  /** How many workers may compute, each on a core of its own; default 'auto'. */
  threads?: number | 'auto' | undefined
  /** Stops, and throws away what has been learnt. */
  signal?: AbortSignal | undefined
  /** The name of an adapter that is loaded, to go on with: its kind, rank and layers stay. */
  init?: string | undefined
  /** A checkpoint to go on from, with the same pictures; what `steps`, `rank`, `alpha`, `targets`, `seed` and `init` say is in it. */
  resume?: Uint8Array | undefined
  /** Pictures to be drawn while it trains; by default none. */
  previews?: Previews | undefined
  /** Whether it goes on while the page is hidden; by default it waits until it is seen again. */
  background?: boolean | undefined
  /** Of the module's download, the first time. */
  onprogress?: ((progress: Progress) => void) | undefined
}

/** How far training is; several steps together, where they are quick. */
export interface TrainProgress {
  /** Steps done, from 0. */
  step: number
  total: number
  /** Mean loss of the steps since the last time. */
  loss?: number
  /** The loss on what is held out, where it has just been measured. */
  validationLoss?: number
  /** Pictures per second. */
  rate?: number
  /** At this speed. */
  secondsLeft?: number
  /** How many workers compute. */
  threads?: number
  /** The previews, every few seconds. */
  images?: ImageData[]
  /** All that is needed to go on later, every few seconds and at the end: see `resume`. */
  checkpoint?: Uint8Array<ArrayBuffer>
}

export interface ExportOptions {
  /** 'peft' (default): PEFT's tensors, with its configuration in the header, which diffusers and this model read. 'peft-config':
   * adapter_config.json, which PEFT itself wants beside it. 'kohya': in the words of kohya's scripts. */
  format?: 'peft' | 'peft-config' | 'kohya' | undefined
  /** What the file calls it; default: its name. */
  title?: string | undefined
  signal?: AbortSignal | undefined
}
