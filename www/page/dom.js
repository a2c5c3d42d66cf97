// Elements of index.html by their id.
// Tests: tests/page/page.test.mjs

/**
 * The element with that id, of that class.
 * @template {typeof Element} [T=typeof HTMLElement]
 * @param {string} id
 * @param {T} [type]
 * @returns {InstanceType<T>}
 */
export function $(id, type = /** @type {T} */ (/** @type {unknown} */ (HTMLElement))) {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} #${id}`)
  return /** @type {InstanceType<T>} */ (element)
}
