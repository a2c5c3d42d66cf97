// Elements of index.html by their id, and styles that come when they are needed.
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

/** Fetches a style sheet, unless it is there. One that did not arrive is asked for again. @param {string} href @returns {Promise<unknown>} */
export function addStyle(href) {
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve()
  const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href })
  const loaded = new Promise((resolve, reject) => {
    link.onload = resolve
    link.onerror = () => {
      link.remove()
      reject(new Error(href))
    }
  })
  document.head.append(link)
  return loaded
}
