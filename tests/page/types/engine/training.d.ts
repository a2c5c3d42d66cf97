// What www/training.js and www/worker/ use of its module, for a check without a build; the build generates all of it (dist/engine/training.d.ts).
export default function init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>
export function lastPanic(): string | undefined
export interface Box {
  x: number
  y: number
  width: number
  height: number
}
export function prepare(
  rgba: Uint8ClampedArray,
  width: number,
  height: number,
  options: { size: number; fit: string; ink: string; one: boolean },
): { characters: (Box & { pixels: Uint8Array<ArrayBuffer> })[]; fit: string; ink: string; notes: Record<string, boolean | number> }
export class Base {
  static load(files: object): Base
  free(): void
}
export interface AdapterFiles {
  weights: Uint8Array
  config: string
}
export function toPeft(base: Base, adapter: AdapterFiles, title: string): AdapterFiles
export function toKohya(base: Base, adapter: AdapterFiles, title: string): Uint8Array
export class Network {
  static load(base: Base, adapter: AdapterFiles): Network
  setParameters(values: Float32Array): void
  gradients(job: Float32Array): Float32Array<ArrayBuffer>
  loss(job: Float32Array): number
  free(): void
}
export class Teacher {
  static begin(base: Base, pictures: object, options: object): Teacher
  static resume(base: Base, pictures: object, checkpoint: Uint8Array): Teacher
  readonly step: number
  readonly total: number
  readonly heldOut: boolean
  parameters(): Float32Array<ArrayBuffer>
  averaged(): Float32Array<ArrayBuffer>
  jobs(): Float32Array<ArrayBuffer>[]
  thinkAhead(): void
  advance(results: Float32Array[]): { loss: number; images: number }
  validates(): boolean
  validationJobs(): Float32Array<ArrayBuffer>[]
  validated(losses: Float32Array): { loss: number; least: boolean; stop: boolean }
  checkpoint(): Uint8Array<ArrayBuffer>
  files(title: string, best: boolean): AdapterFiles
  free(): void
}
