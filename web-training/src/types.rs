//! TypeScript's view of this module.

use wasm_bindgen::prelude::wasm_bindgen;

/// What `training.d.ts` says of the objects that go in and out.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** The files of a base folder. */
export interface EngineFiles {
  info: string;
  unetConfig: string;
  schedulerConfig: string;
  weights: Uint8Array | Uint8Array[];
}

/** An adapter: its weights, and its configuration, empty where the weights' file has it. */
export interface AdapterFiles {
  weights: Uint8Array;
  config: string;
}

/** Pictures of the base's size, one after the other, and the index of the class of each. */
export interface LabelledPictures {
  levels: Uint8Array;
  labels: number[];
}

export interface TeachingPictures extends LabelledPictures {
  /** What is measured on; without it, a share of the pictures. */
  heldOut: LabelledPictures | undefined;
}

export interface TeachingOptions {
  /** JSON with numbers of a recipe, those that are not the default's. */
  recipe: string;
  /** Whether the recipe says how many steps there are; without it, they follow the number of pictures. */
  steps: number | undefined;
  /** An adapter to go on with; without it, one begins that changes nothing. */
  init: AdapterFiles | undefined;
  /** Of one that begins. */
  rank: number | undefined;
  alpha: number | undefined;
  targets: string[] | undefined;
}

export interface StepReport {
  loss: number;
  /** Pictures of the step. */
  images: number;
}

export interface Verdict {
  loss: number;
  /** Whether it is the least so far. */
  least: boolean;
  /** Whether the run should end. */
  stop: boolean;
}

export interface PrepareOptions {
  /** Side of the network's pictures. */
  size: number;
  fit: "auto" | "none" | "pad" | "crop" | "stretch" | "mnist";
  ink: "auto" | "dark" | "light";
  /** Whether all ink is one character, however far apart its strokes are. */
  one: boolean;
}

/** One picture for the network, and the part of the source that it was made of. */
export interface PreparedCharacter {
  /** size * size grey values, light ink on black. */
  pixels: Uint8Array;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Prepared {
  /** In reading order. */
  characters: PreparedCharacter[];
  /** How it was fitted: never "auto". */
  fit: Exclude<PrepareOptions["fit"], "auto">;
  /** What was ink: never "auto". */
  ink: "dark" | "light";
  /** What was done to the picture, or seen in it. */
  notes: {
    /** There were colours, which are lost. */
    coloured: boolean;
    /** Transparent pixels were taken for ground. */
    transparent: boolean;
    /** The lines of ruled or squared paper were removed. */
    ruled: boolean;
    /** The light on the paper was uneven, and evened out. */
    uneven: boolean;
    /** Parts that touch the picture's edge and were left out. */
    atEdge: number;
    /** Parts too small to be ink, left out. */
    specks: number;
    /** A look at the result is due. */
    unsure: boolean;
  };
}
"#;
