// digit-diffusion.d.ts in a strict TypeScript project: what is right compiles, what is wrong does not, and nothing is forgotten.
import assert from 'node:assert/strict'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { projectWithPackage, runScript } from './support/package.mjs'
import { DIST } from './support.mjs'

const TYPESCRIPT = createRequire(import.meta.url).resolve('typescript/package.json')
const TSC = join(dirname(TYPESCRIPT), 'bin/tsc')
const OPTIONS = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false, noEmit: true, target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable', 'dom.asynciterable'], types: [] }

let project
before(async () => {
  project = await projectWithPackage()
  await copyFile(new URL('fixtures/types/consumer.ts', import.meta.url), join(project.folder, 'consumer.ts'))
})
after(() => project?.remove())

/** What the compiler says of these files; '' if all is well. */
async function compile(options, files) {
  await writeFile(join(project.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...OPTIONS, ...options }, files }))
  const { ok, output } = await runScript(TSC, ['--project', '.', '--pretty', 'false'], project.folder)
  return ok ? '' : output
}

const RESOLUTIONS = [{ module: 'nodenext', moduleResolution: 'nodenext' }, { module: 'esnext', moduleResolution: 'bundler' }]
for (const options of RESOLUTIONS) {
  test(`a strict project compiles, and wrong uses are refused: ${options.moduleResolution}`, async () => {
    assert.equal(await compile(options, ['consumer.ts']), '')
  })
}

test('everything that the module has is typed, and everything typed is there', async () => {
  const module = await import(pathToFileURL(join(DIST, 'digit-diffusion.js')).href)
  const { DigitDiffusion, DigitDiffusionElement } = module
  const members = ({ prototype }) => Object.getOwnPropertyNames(prototype).filter(name => !/^(constructor|\w+Callback|\w+EventListener)$/.test(name))
  const exactly = (type, names) => `({ ${names.map(name => `${JSON.stringify(name)}: true`).join(', ')} }) satisfies Record<${type}, true>\n`
  const statics = Object.getOwnPropertyNames(DigitDiffusion).filter(name => !['length', 'name', 'prototype'].includes(name))
  const source = [
    `import * as module from 'digit-diffusion'\nimport type { DigitDiffusion, DigitDiffusionElement } from 'digit-diffusion'\n`,
    exactly('keyof typeof module', Object.keys(module)),
    exactly(`Exclude<keyof typeof DigitDiffusion, 'prototype'>`, statics),
    exactly('keyof DigitDiffusion', members(DigitDiffusion)),
    exactly(`Exclude<keyof DigitDiffusionElement, keyof HTMLElement>`, members(DigitDiffusionElement)),
  ]
  await writeFile(join(project.folder, 'complete.ts'), source.join(''))
  assert.equal(await compile(RESOLUTIONS[0], ['complete.ts']), '')
  await writeFile(join(project.folder, 'complete.ts'), source[0] + exactly('keyof typeof module', ['DigitDiffusion']))
  assert.match(await compile(RESOLUTIONS[0], ['complete.ts']), /DigitDiffusionError/, 'the check itself works')
})

test('custom-elements.json tells editors of the same attributes, members and events', async () => {
  const { DigitDiffusionElement } = await import(pathToFileURL(join(DIST, 'digit-diffusion.js')).href)
  const { modules: [{ declarations: [tag] }] } = JSON.parse(await readFile(join(DIST, 'custom-elements.json'), 'utf8'))
  const names = list => list.map(({ name }) => name).sort()
  const spoken = list => list.filter(name => name !== 'lorascale').sort() // another spelling
  assert.deepEqual(names(tag.attributes), spoken(DigitDiffusionElement.observedAttributes))
  const own = Object.getOwnPropertyNames(DigitDiffusionElement.prototype).filter(name => !/^(constructor|\w+Callback|\w+EventListener)$/.test(name))
  assert.deepEqual(names(tag.members), spoken(own))
  const types = await readFile(join(DIST, 'types/element.d.ts'), 'utf8')
  const events = /interface DigitDiffusionElementEventMap \{([^]*?)\n\}/.exec(types)[1].matchAll(/^ {2}(\w+):/gm)
  assert.deepEqual(names(tag.events), Array.from(events, ([, name]) => name).sort())
})
