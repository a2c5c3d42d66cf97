// Every other bundler, and the servers with which one works on a project.
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { draws, linesOf, plainPicture, project, startServer } from '../support/bundlers.mjs'
import { serve, setUp } from '../support.mjs'

let expected
let models
setUp({
  page: 'none',
  async begin() {
    expected = await plainPicture()
    models = (await linesOf('With a bundler')).find(({ language }) => language === 'sh').lines
  },
})

/** Serves what was built, and looks at it. @param {string} folder @param {string[]} beside */
async function drawsBuilt(folder, ...beside) {
  for (const name of beside) await cp(join(folder, name), join(folder, 'dist', name.replace('public/', '')), { recursive: true })
  const site = await serve({ root: join(folder, 'dist'), prefix: '/' })
  await draws(site.url, expected).finally(site.close)
}

test('Next.js with webpack: a static export', async () => {
  const { folder, command, shell } = await project('next')
  await shell(models)
  await command('next/dist/bin/next', 'build', '--webpack')
  await drawsBuilt(folder)
})

for (const [title, ...flags] of [['Turbopack'], ['webpack', '--webpack']]) {
  test(`Next.js with ${title}, while one works on it`, async () => {
    const next = await project('next')
    await next.shell(models)
    const { url, stop } = await startServer(next, 'next/dist/bin/next', 'dev', '--port', '0', '--hostname', '127.0.0.1', ...flags)
    await draws(url, expected).finally(stop)
  })
}

test('Parcel', async () => {
  const { folder, command, shell } = await project('parcel')
  await shell(models)
  await command('parcel/lib/bin.js', 'build', 'index.html', '--no-cache')
  await drawsBuilt(folder, 'public/models')
})

for (const name of ['esbuild', 'Rollup']) {
  test(`${name}, with the lines of the README`, async () => {
    const { folder, shell } = await project(name.toLowerCase())
    for (const { lines } of await linesOf(name)) await shell(lines)
    await drawsBuilt(folder, 'index.html')
  })
}

test('esbuild: a classic script that is told where its files are', async () => {
  const { folder, shell } = await project('esbuild')
  const [copying, naming] = await linesOf('Anywhere else')
  await shell(copying.lines)
  const source = await readFile(join(folder, 'classic.js'), 'utf8')
  await writeFile(join(folder, 'public/main.js'), source.replace('// ASSETS\n', naming.lines.replace(/^import.*\n/m, '')))
  await shell('esbuild public/main.js --bundle --outfile=dist/main.js --log-level=error')
  const html = await readFile(join(folder, 'index.html'), 'utf8')
  await writeFile(join(folder, 'dist/index.html'), html.replace('type="module"', 'defer').replace('base="/models/base/" ', ''))
  await drawsBuilt(folder, 'public/digit-diffusion')
})
