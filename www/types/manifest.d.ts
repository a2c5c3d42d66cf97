export type Sampler = 'dpm++2m' | 'ddim' | 'ddpm' | 'euler'

/** Which timesteps a sampler visits. */
export type TimestepSpacing = 'linspace' | 'leading' | 'trailing'

export interface FileEntry {
  bytes: number
  sha256: string
  /** The file of the same weights, in more bits, that this one stands for. */
  in_place_of?: string
}

/** What a base calls one of its pictures, and several. */
export interface Noun {
  one: string
  many: string
}

/** manifest.json, as `trainer export` writes it. Paths are relative to the manifest. */
export interface Manifest {
  format: 'digit-diffusion/1'
  base: {
    path: string
    title?: string
    noun?: Noun
    labels?: string[]
    image_size?: number
    /** Channels of its pictures: 3 of a base in colour. */
    channels?: number
    files: Record<string, FileEntry>
  }
  /** Other bases that a page offers: models folders with a manifest of their own. `path`: from this manifest's folder; `bytes`: what choosing it
   * downloads. */
  bases?: { path: string; title: string; image_size: number; channels?: number; bytes: number }[]
  adapters: {
    name: string
    title?: string
    description?: string
    path: string
    rank?: number
    lora_alpha?: number
    base_sha256?: string
    /** Guidance that it is drawn with where nothing else is said. */
    guidance_scale?: number
    /** Of an adapter that was taught to draw in few steps. */
    turbo?: { steps: number; sampler: Sampler; timestep_spacing: TimestepSpacing; guidance_scale: number; with?: string[] }
    files: Record<string, FileEntry>
  }[]
}

/** How an adapter is drawn with that was taught to draw in few steps, each one call of the network: guidance is inside. */
export interface Turbo {
  steps: number
  sampler: Sampler
  timestepSpacing: TimestepSpacing
  guidanceScale: number
  /** The adapters, `name` or `name:strength`, that were on when it was taught and have to be on with it; where there were any. */
  with?: string[]
}

/** An adapter that the manifest offers. */
export interface CatalogEntry {
  name: string
  url: string
  title?: string
  description?: string
  rank?: number
  lora_alpha?: number
  base_sha256?: string
  /** The guidance that it is drawn with where nothing else is said; else the base's. */
  guidanceScale?: number
  /** Where it was taught to draw in few steps: known before it is fetched. */
  turbo?: Turbo
}
