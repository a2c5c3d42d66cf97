//! TypeScript's view of this module.

use wasm_bindgen::prelude::wasm_bindgen;

/// What `training.d.ts` says of the objects that go in and out.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
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
