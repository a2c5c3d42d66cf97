// The one place where the page says that something went wrong, and what can be done.
// Tests: tests/page/failures.test.mjs
import { $ } from './dom.js'

/** @typedef {{ title: string, run: () => void }} Action */
const root = $('notice')

/** @param {{ title: string, message: string, actions?: Action[], mild?: boolean }} notice */
export function showNotice({ title, message, actions = [], mild = false }) {
  const paragraph = document.createElement('p')
  const strong = document.createElement('strong')
  strong.textContent = title
  paragraph.append(strong, message)
  const row = document.createElement('div')
  row.className = 'actions'
  row.append(
    ...actions.map(({ title, run }) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.className = 'plain'
      button.textContent = title
      button.addEventListener('click', () => {
        hideNotice()
        run()
      })
      return button
    }),
  )
  root.replaceChildren(paragraph, row)
  root.classList.toggle('mild', mild)
  root.hidden = false
  root.scrollIntoView({ block: 'nearest' })
}

export function hideNotice() {
  root.hidden = true
  root.replaceChildren()
}
