export type ErrorCode =
  /** The browser is too old, or has WebAssembly switched off: it lacks `details.what`. */
  | 'unsupported'
  /** The worker did not start; `details.why`: 'status', 'page' (a web page came instead), 'file', 'network' or 'refused'. */
  | 'start'
  /** The engine refuses something that has no code of its own; `details.kind` says what. */
  | 'engine'
  /** Not a safetensors file, or not all of it. */
  | 'unreadable'
  /** An adapter for another base: `details.path` is where they differ. */
  | 'misfit'
  /** An adapter that needs its adapter_config.json. */
  | 'unconfigured'
  /** Something else is wrong with an adapter; `details.kind` says what. */
  | 'adapter'
  /** A picture that cannot be used; `details.kind` says why: 'no-ink', 'picture-file' (none that this browser reads), 'picture-size' … */
  | 'picture'
  /** What was to be taught, or a checkpoint, cannot be used; `details.kind` says why. */
  | 'training'
  /** The engine's file is not what it must be. */
  | 'engine-file'
  /** `details.worker`, the release of the worker, is not that of the module: one of them is an old copy. */
  | 'release'
  /** A policy of the page forbids `file`: `details.directive` would have to name `details.need`. */
  | 'policy'
  /** The connection broke off. */
  | 'network'
  /** The server does not give a file: it answers `details.status`. */
  | 'missing'
  /** A file is shorter than the manifest says: `details.received` of `details.expected` bytes. */
  | 'truncated'
  /** A file is longer than the `details.expected` bytes of the manifest. */
  | 'oversized'
  /** A file has another SHA-256 than the manifest says. */
  | 'mismatch'
  /** The manifest cannot be used. `details.why`: 'json', 'format' or 'shape'. */
  | 'manifest'
  /** WebGPU was chosen and cannot be had. `details.why`: 'browser', 'insecure' or 'machine'. */
  | 'webgpu-unavailable'
  /** The GPU was lost, and the model with it. */
  | 'device-lost'
  /** The engine stopped unexpectedly. */
  | 'crashed'
  /** The model was disposed of. */
  | 'disposed'

/** What went wrong, in one sentence for people (`message`) and by a stable `code` for programs. */
export class DigitDiffusionError extends Error {
  readonly code: ErrorCode
  /** The file it is about, where there is one. */
  readonly file: string | undefined
  /** What the sentence is made of. What the engine refuses has a `kind` in it, finer than the code, and the fields of that kind; these may grow. */
  readonly details: Record<string, unknown>
}
