// Which element an id or a selector finds is written in the HTML, which TypeScript does not read.
interface NonElementParentNode {
  getElementById(id: string): any
}
interface Document {
  getElementById(id: string): any
}
interface ParentNode {
  querySelector(selectors: string): any
  querySelectorAll(selectors: string): NodeListOf<any>
}
interface Element {
  closest(selectors: string): any
}
