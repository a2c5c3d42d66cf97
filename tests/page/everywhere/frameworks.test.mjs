// Preact, Solid, Vue and Svelte, each with its own Vite and strictly typed: made in the browser, and written by a server and taken over.
// React: ../react.test.mjs. Angular: angular.test.mjs.
import { test } from 'node:test'
import { join } from 'node:path'
import { buildWithVite, drive, pictures, project } from '../support/frameworks.mjs'
import { serve, server, setUp } from '../support.mjs'

/** @type {string[]} */
let wanted
setUp({ page: 'none', begin: async () => (wanted = await pictures(server)) })

/** @type {{ name: string, check: string[][], source?: string }[]} */
const FRAMEWORKS = [
  { name: 'preact', check: [['typescript/bin/tsc', '--project', '.']], source: 'src/server.tsx' },
  { name: 'solid', check: [['typescript/bin/tsc', '--project', '.']] },
  { name: 'vue', check: [['vue-tsc/bin/vue-tsc.js', '--noEmit', '--project', '.']], source: 'src/server.ts' },
  { name: 'svelte', check: [['@sveltejs/kit/svelte-kit.js', 'sync'], ['svelte-check/bin/svelte-check', '--tsconfig', './tsconfig.json', '--fail-on-warnings']] },
]
for (const { name, check, source } of FRAMEWORKS) {
  test(name, async t => {
    const made = await project(name)
    await buildWithVite(made, { server: source })
    await t.test('its types are right, and strict', async () => {
      for (const [script, ...args] of check) await made.command(script, ...args)
    })
    const site = await serve({ root: join(made.folder, 'dist'), prefix: '/' })
    t.after(() => site.close())
    // SvelteKit's one page is written by its server.
    await t.test(name === 'svelte' ? 'written by a server' : 'made in the browser', () => drive(site.url, wanted))
    if (!source) return
    await t.test('written by a server', () => drive(`${site.url}server.html`, wanted))
    await t.test('written by a server, and finished before the framework listens', () => drive(`${site.url}server.html`, wanted, { late: true }))
  })
}
