// React 19 with Vite, strictly typed: made in the browser, and written by a server and taken over. The other frameworks: everywhere/frameworks.test.mjs.
import { test } from 'node:test'
import { join } from 'node:path'
import { buildWithVite, drive, pictures, project } from './support/frameworks.mjs'
import { serve, server, setUp } from './support.mjs'

/** @type {Awaited<ReturnType<typeof project>>} */
let react
/** @type {string[]} */
let wanted
setUp({
  page: 'none',
  async begin() {
    react = await project('react')
    wanted = await pictures(server)
  },
})

test('its types are right, and strict', () => react.command('typescript/bin/tsc', '--project', '.'))

test('it draws, hears, changes, goes and comes back', async t => {
  await buildWithVite(react, { server: 'src/server.tsx' })
  const site = await serve({ root: join(react.folder, 'dist'), prefix: '/' })
  t.after(() => site.close())
  await t.test('made in the browser', () => drive(site.url, wanted))
  await t.test('written by a server', () => drive(`${site.url}server.html`, wanted))
  await t.test('written by a server, and finished before React listens', () => drive(`${site.url}server.html`, wanted, { late: true }))
})
