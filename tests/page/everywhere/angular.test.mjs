// Angular by its own builder, with strict templates. The other frameworks: frameworks.test.mjs.
import { test } from 'node:test'
import { join } from 'node:path'
import { drive, pictures, project } from '../support/frameworks.mjs'
import { serve, server, setUp } from '../support.mjs'

/** @type {string[]} */
let wanted
setUp({ page: 'none', begin: async () => (wanted = await pictures(server)) })

test('angular: it draws, hears, changes, goes and comes back', async t => {
  const { folder, command } = await project('angular')
  await command('@angular/cli/bin/ng.js', 'build')
  const site = await serve({ root: join(folder, 'dist'), prefix: '/' })
  t.after(() => site.close())
  await drive(site.url, wanted)
})
