// Runs first, in any browser, to say so when the page's modules cannot start. Old JavaScript on purpose.
// Tests: tests/page/failures.test.mjs, embed-page.test.mjs
(function () {
  function tell(id) {
    var element = document.getElementById(id)
    if (element) element.hidden = false
    else document.addEventListener('DOMContentLoaded', function () { tell(id) })
  }
  if (!('noModule' in document.createElement('script'))) {
    tell('outdated')
    return
  }
  if (location.protocol === 'file:') {
    tell('as-file') // browsers load no module from files
    return
  }
  addEventListener('error', function (event) {
    // What begins the downloads early is no part that the page cannot do without.
    var script = /** @type {HTMLScriptElement | null} */ (event.target)
    if (script && /early\.js$/.test(script.src)) return
    // Once it runs, the page reports its troubles itself.
    if (!document.documentElement.hasAttribute('data-started')) tell('broken')
  }, true)
})()
