// What www/worker.js and www/worker/ use of the engine, for a check without a build; the build generates all of it (dist/engine/engine.d.ts).
export default function init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>
export function version(): string
export function lastPanic(): string | undefined
export function sha256(bytes: Uint8Array): string
export function shardNames(index: string): string[]
export const Engine: any
export interface ModelInput {
  sample: Float32Array<ArrayBuffer>
  labels: Uint32Array
  timestep: number
}
export interface Run {
  input(): ModelInput | undefined
  predict(from: number, to: number): Float32Array<ArrayBuffer> | undefined
  next(output?: Float32Array): Promise<any>
  free(): void
}
export class Network {
  static load(info: string, unetConfig: string, weights: Float32Array): Network | undefined
  predict(sample: Float32Array, labels: Uint32Array, timestep: number): Float32Array<ArrayBuffer> | undefined
  free(): void
}
