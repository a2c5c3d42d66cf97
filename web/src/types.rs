//! TypeScript's view of the engine.

use wasm_bindgen::prelude::wasm_bindgen;

/// What `engine.d.ts` says of the objects that go in and out.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export type Backend = "webgpu" | "cpu";

/** What is thrown: a TypeError for wrong arguments, else an Error. */
export interface EngineError extends Error {
  /** Stable, for programs. */
  code: "engine" | "unreadable" | "misfit" | "unconfigured" | "adapter" | "training";
  /** Which sentence is to be said. */
  kind: string;
  /** What the sentence needs. */
  fields: Record<string, unknown>;
}

/** Why the model computes where it does. */
export type BackendReason =
  | { code: "start" | "chosen" | "chosen-emulated" | "emulated" | "browser" | "insecure" | "machine" }
  /** Milliseconds of a step on one picture with guidance. */
  | { code: "measured"; cpuMs: number; gpuMs: number }
  | { code: "not-started"; reason: string }
  | { code: "refused"; error: Pick<EngineError, "code" | "kind" | "fields"> }
  | { code: "wrong"; difference: number };

/** The files of a base folder. */
export interface EngineFiles {
  /** digit_diffusion.json */
  info: string;
  /** unet/config.json */
  unetConfig: string;
  /** scheduler/scheduler_config.json */
  schedulerConfig: string;
  /** unet/diffusion_pytorch_model.safetensors, or its shards in the order of their names */
  weights: Uint8Array | Uint8Array[];
  /** vae/config.json and vae/diffusion_pytorch_model.safetensors, of a base that works behind an autoencoder */
  vaeConfig?: string;
  vaeWeights?: Uint8Array;
}

/** Milliseconds of a step on one picture with guidance. */
export interface Timing {
  cpu: number;
  gpu: number;
}

export interface AdapterInfo {
  name: string;
  /** The kinds of change in it, such as LoRA, DoRA, LoHa or OFT. */
  kinds: string[];
  /** The largest rank; 0 where no kind in it has one. */
  rank: number;
  /** How many layers it changes. */
  modules: number;
  /** How many of the file's tensors are used: all of them, unless it was added partially. */
  used: number;
  /** How many tensors the file has. */
  tensors: number;
  /** The tensors that are not used, and why; where there are any. */
  unused?: { tensor: string; error: Pick<EngineError, "code" | "kind" | "fields"> }[];
  /** How it is drawn with, where it was taught to draw in few steps: what `sample` is asked for. */
  turbo?: Required<Pick<SampleOptions, "steps" | "sampler" | "timestepSpacing" | "guidanceScale">>;
  /** The guidance that it is drawn with where nothing else is said, where its file says so. */
  guidanceScale?: number;
  /** What a file of kohya says of alpha and nobody heeds: it has no alphas, so that alpha is the rank. */
  ignoredAlpha?: string;
}

/** A layer that an adapter changes. */
export interface AdapterModule {
  /** Its path in the base. */
  path: string;
  /** The kind of change, such as LoRA or OFT. */
  kind: string;
  /** Rank of the factors; 0 where there is none. */
  rank: number;
  /** Frobenius norm of the update at strength 1: of the weight, or of the bias where that alone is changed. */
  updateNorm: number;
  /** That over the norm of the base's own weight, or bias. */
  relativeNorm: number;
}

export interface SampleOptions {
  /** Class names or indices; as many as seeds. The index after the last class means "no class". */
  labels: (string | number)[];
  /** Whole numbers from 0 to Number.MAX_SAFE_INTEGER. */
  seeds: number[];
  /** This and what follows: where it is left out, as `defaults()` says; guidance as the base or the adapters that are on say. */
  steps?: number;
  sampler?: "ddpm" | "ddim" | "dpm++2m" | "euler";
  /** Which timesteps are visited; where it is left out, as the base's scheduler says, or else as diffusers does for the sampler. */
  timestepSpacing?: "linspace" | "leading" | "trailing";
  /** 1 is off. */
  guidanceScale?: number;
  /** At least 0 and below 1: share of the run before which there is no guidance, and a step costs half. */
  guidanceStart?: number;
  /** guidanceStart to 1: share of the run from which on there is none. */
  guidanceStop?: number;
  /** 0 to 1: how much of what guidance adds along the predicted picture itself, its ink, is kept; 1 is plain guidance. */
  guidanceEta?: number;
  /** 0 to 1: how much fresh noise DDIM adds. */
  eta?: number;
  /** Standard normal starting noise, [labels.length, channels, height, width], in place of that of the seeds. */
  latents?: Float32Array;
  /** Adds rawImage and rawX0. */
  raw?: boolean;
  /** Adds attention: one more forward per step, on the CPU. */
  attention?: boolean;
}

export type SampleDefaults = Required<
  Pick<SampleOptions, "steps" | "sampler" | "guidanceScale" | "guidanceStart" | "guidanceStop" | "guidanceEta" | "eta">
>;

/** What a step asks the network, all rows one after the other. */
export interface ModelInput {
  sample: Float32Array;
  /** The class of each row. */
  labels: Uint32Array;
  timestep: number;
}

/**
 * What one step gave: all pictures of the batch, one after the other. Of a base behind an autoencoder those of the last step are decoded,
 * and those before previews, which cost next to nothing: a linear map of the latents, enlarged.
 */
export interface Step {
  /** 1 to total. */
  step: number;
  total: number;
  timestep: number;
  /** x_t after the step, brought to the scale of pictures: imageSize * imageSize * 4 bytes of RGBA each. */
  image: Uint8ClampedArray;
  /** The clean picture as predicted at this step. */
  x0: Uint8ClampedArray;
  /** x_t as the sampler has it: imageSize * imageSize numbers each, of a picture in colour red, green and blue after each other; neither rescaled nor clipped. */
  rawImage?: Float32Array;
  /** The clean picture as the sampler has it. */
  rawX0?: Float32Array;
  /** How much each pixel of the latents listened to each token of its class: [pictures, tokens, height, width], 1 in sum at each pixel. */
  attention?: Float32Array;
}
"#;
