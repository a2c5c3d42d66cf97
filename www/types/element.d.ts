import type { Sampler } from './manifest.js'
import type { Device, DigitDiffusion, Label, Step } from './model.js'
import type { TrainOptions, TrainProgress } from './training.js'

/** The events of `<digit-diffusion>`; none of them bubbles. A `load`, `done` or `error` that nobody has heard is told to the first
 * listener that comes after it. */
export interface DigitDiffusionElementEventMap {
  load: CustomEvent<{ model: DigitDiffusion }>
  progress: CustomEvent<
    | { phase: 'download'; loaded: number; total: number | undefined }
    | ({ phase: 'sample'; loaded: number } & Step)
  >
  done: CustomEvent<{ label: string; seed: number; image: ImageData }>
  error: ErrorEvent
  /** Of train(): how far it is. */
  train: CustomEvent<TrainProgress>
  /** Of train(): the adapter is there, at the end or where the loop was left; `lora` may name it. */
  trained: CustomEvent<{ name: string; model: DigitDiffusion }>
}

type ElementEvents = Omit<HTMLElementEventMap, keyof DigitDiffusionElementEventMap> & DigitDiffusionElementEventMap

/** `<digit-diffusion label="7" seed="42" lora="outline" lora-scale="0.8" steps="12">`, `<digit-diffusion label="7" turbo>`
 * Loads when it comes into view; elements of the same base, device and threads share one engine. Attributes and properties are in step:
 * `lora-scale` is `loraScale`, the others have one name. null, undefined, false and '' take the attribute away,
 * which gives the default.
 * CSS parts: picture, progress, error. Custom properties: --digit-diffusion-size, --digit-diffusion-ground, --digit-diffusion-accent. */
export class DigitDiffusionElement extends HTMLElement {
  static readonly observedAttributes: string[]
  /** Is told of finished pictures, as `onerror` is of errors. */
  get ondone(): ((this: DigitDiffusionElement, event: DigitDiffusionElementEventMap['done']) => void) | null
  set ondone(listener: ((this: DigitDiffusionElement, event: DigitDiffusionElementEventMap['done']) => void) | null | undefined)
  /** A class name; nothing is drawn without it. */
  get label(): string | null
  set label(value: Label | null | undefined)
  /** Random where there is none. */
  get seed(): number | undefined
  set seed(value: number | null | undefined)
  /** An adapter's name in the manifest, or its folder's address. */
  get lora(): string | null
  set lora(value: string | null | undefined)
  get loraScale(): number
  set loraScale(value: number | null | undefined)
  /** The same, as Solid writes it in lower case. */
  get lorascale(): number
  set lorascale(value: number | null | undefined)
  /** Draws in few steps, by an adapter that was taught it: true or the attribute alone takes the first that the manifest lists, a number the one
   * of so many steps, a text an adapter's name or its folder's address. `steps`, `sampler` and `guidance` are its own where they are not set. */
  get turbo(): boolean | number | string
  set turbo(value: boolean | number | string | null | undefined)
  get steps(): number
  set steps(value: number | null | undefined)
  get sampler(): Sampler
  set sampler(value: Sampler | null | undefined)
  get guidance(): number
  set guidance(value: number | null | undefined)
  get device(): Device
  set device(value: Device | null | undefined)
  /** 'auto', or how many workers may compute on the CPU, see LoadOptions. */
  get threads(): number | 'auto'
  set threads(value: number | 'auto' | null | undefined)
  /** The base folder's address, absolute when read. */
  get base(): string
  set base(value: string | URL | null | undefined)
  /** The model behind this element; null before it was first visible. Rejects with an AbortError where nobody waits for it any more. */
  get model(): Promise<DigitDiffusion> | null
  /** Draws again. Resolves when the picture is finished, failed or replaced. */
  draw(): Promise<void>
  /** Teaches the model behind this element, as DigitDiffusion.train() does, and loads it where it is not there yet; `train` and `trained`
   * tell of it, too. Then `lora = name` draws with what has been learnt, in all elements of that model. Where the element is taken away
   * from the page, or changes its base, device or threads, it stops as by `signal`. */
  train(name: string, options: TrainOptions): AsyncGenerator<TrainProgress, void, undefined>
  /** Stops within one step. Training goes on. */
  cancel(): void

  addEventListener<K extends keyof ElementEvents>(
    type: K,
    listener: (this: DigitDiffusionElement, event: ElementEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void
  removeEventListener<K extends keyof ElementEvents>(
    type: K,
    listener: (this: DigitDiffusionElement, event: ElementEvents[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | EventListenerOptions): void
}

declare global {
  interface HTMLElementTagNameMap {
    'digit-diffusion': DigitDiffusionElement
  }
}
