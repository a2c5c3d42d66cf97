// What www/worker.js uses of the engine, for a check without a build; the build generates all of it (dist/engine/engine.d.ts).
export default function init(options: { module_or_path: Response }): Promise<unknown>
export function version(): string
export function lastPanic(): string | undefined
export function sha256(bytes: Uint8Array): string
export function shardNames(index: string): string[]
export const Engine: any
