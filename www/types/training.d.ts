import type { Progress } from './model.js'

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
