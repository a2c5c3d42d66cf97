// Projects with webpack and with Next.js, without a configuration: the package from npm's tarball, built, draws what a plain page draws.
// The others, and servers for development: everywhere/bundlers.test.mjs; Vite: vite.test.mjs.
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { draws, linesOf, plainPicture, project } from './support/bundlers.mjs'
import { serve, setUp } from './support.mjs'

let expected
let models // the README's line
setUp({
  page: 'none',
  async begin() {
    expected = await plainPicture()
    models = (await linesOf('With a bundler')).find(({ language }) => language === 'sh').lines
  },
})

test('webpack', async () => {
  const { folder, command, shell } = await project('webpack')
  await shell(models)
  await command('webpack/bin/webpack.js', '--mode', 'production', '--entry', './main.js', '--output-path', 'dist')
  for (const name of ['index.html', 'public/models']) await cp(join(folder, name), join(folder, 'dist', name.replace('public/', '')), { recursive: true })
  const site = await serve({ root: join(folder, 'dist'), prefix: '/' })
  await draws(site.url, expected).finally(site.close)
})

test('Next.js with Turbopack: a static export', async () => {
  const { folder, command, shell } = await project('next')
  await shell(models)
  await command('next/dist/bin/next', 'build')
  const site = await serve({ root: join(folder, 'dist'), prefix: '/' })
  await draws(site.url, expected).finally(site.close)
})
