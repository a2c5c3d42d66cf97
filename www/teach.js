// What the page fetches when a visitor wants to teach the model a hand: a script of its own, which holds nothing of the page's.
// Tests: tests/page/teach-pad.test.mjs
export { Teach } from './page/teach/teach.js'
