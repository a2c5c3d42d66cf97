// What www/training.js uses of its module, for a check without a build; the build generates all of it (dist/engine/training.d.ts).
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
