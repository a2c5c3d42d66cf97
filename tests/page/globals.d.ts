// What the tests' code in the browser finds there: elements of any kind, the module's exports, and what tests hang on `window`. The examples in
// www/embed/, which are shown as they are, find elements of any kind too.
interface Document {
  getElementById(id: string): any
  querySelector(selectors: string): any
  querySelectorAll(selectors: string): any
  readonly activeElement: any
}
interface ParentNode {
  querySelector(selectors: string): any
}
interface Element {
  querySelector(selectors: string): any
}
interface ShadowRoot {
  readonly children: any
}
interface Window {
  [name: string]: any
}
declare const DigitDiffusion: typeof import('../../www/digit-diffusion.js').DigitDiffusion
declare const axe: any
// support/module.mjs
declare const model: any, draw: any, same: any, failure: any, events: any
// support/page.mjs
declare const seen: string[]
// single suites
declare const steps: any, equal: any, ended: number, held: Set<string>, made: number, loads: number, away: HTMLElement
declare const openWith: (threads: number | 'auto') => Promise<any>
declare const engine: any, files: any, load: (path: string) => Promise<any>
declare const drawing: (strokes: number[][][], look?: object) => HTMLCanvasElement, greys: (image: { data: Uint8ClampedArray }) => number[]
// support/drawings.mjs
declare const lessons: (count: number, size?: number) => { images: ImageData[]; labels: number[] }, learnt: any, teach: any, taught: any
