// Weights as people publish them: shards with a list, variants, adapters by their files' addresses, kohya's files, and bytes of other kinds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { adapterWeights } from './support/adapters.mjs'
import { DIST } from './support/server.mjs'
import { openModel, page, server, setUp } from './support.mjs'

setUp({ page: 'once', prepare: openModel })

const BASE = ['digit_diffusion.json', 'unet/config.json', 'scheduler/scheduler_config.json']
const STEM = 'unet/diffusion_pytorch_model'
const read = path => readFile(join(DIST, 'models', path))

/** Puts a copy of the base on the server, with these files as its weights. @param {string} folder @param {Record<string, Buffer | string>} weights */
async function publish(folder, weights) {
  for (const file of BASE) server.pages[`${folder}/${file}`] = await read(`base/${file}`)
  for (const [file, content] of Object.entries(weights)) server.pages[`${folder}/${file}`] = content
}

/** @param {Record<string, { dtype: string, shape: number[], data: Buffer }>} tensors @param {Record<string, string>} [metadata] */
function safetensors(tensors, metadata = {}) {
  let offset = 0
  /** @type {Record<string, object>} */
  const header = { __metadata__: metadata }
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [offset, (offset += data.length)] }
  }
  const text = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([size, text, ...Object.values(tensors).map(({ data }) => data)])
}

/** The tensors of a file. @param {Buffer} file */
function tensorsOf(file) {
  const end = 8 + Number(file.readBigUInt64LE(0))
  const { __metadata__, ...header } = JSON.parse(file.toString('utf8', 8, end))
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, shape, data_offsets: [from, to] }]) => [name, { dtype, shape, data: file.subarray(end + from, end + to) }]),
  )
}

/** What a base draws, and what it is known by. @param {string} folder */
const drawn = folder =>
  page.evaluate(async folder => {
    let model
    try {
      model = await DigitDiffusion.load(folder, { device: 'cpu', manifest: false })
      let last
      for await (const step of model.sample({ steps: 2, label: 7, seed: 42 })) last = step
      return { picture: String(last.image.data), hash: model.baseHash, failed: '' }
    } catch (error) {
      return { picture: '', hash: '', failed: error.message }
    } finally {
      model?.dispose()
    }
  }, folder)

test('shards, an fp16 variant and the one file are the same model', async () => {
  const whole = await read(`base/${STEM}.safetensors`)
  const entries = Object.entries(tensorsOf(whole))
  const halves = [entries.slice(0, entries.length / 2), entries.slice(entries.length / 2)]
  const name = part => `diffusion_pytorch_model-0000${part}-of-00002.safetensors`
  const map = Object.fromEntries(halves.flatMap((half, i) => half.map(([tensor]) => [tensor, name(i + 1)])))
  const index = JSON.stringify({ metadata: { total_size: whole.length }, weight_map: map })
  const shards = Object.fromEntries(halves.map((half, i) => [`unet/${name(i + 1)}`, safetensors(Object.fromEntries(half))]))
  await publish('sharded', { [`${STEM}.safetensors.index.json`]: index, ...shards })
  await publish('variant', { [`${STEM}.fp16.safetensors`]: whole })
  const [one, sharded, variant] = [await drawn('models/base/'), await drawn('sharded/'), await drawn('variant/')]
  assert.equal(one.failed + sharded.failed + variant.failed, '')
  assert.ok(one.picture.length > 784)
  assert.ok(one.picture === sharded.picture && one.picture === variant.picture)
  assert.equal(variant.hash, one.hash)
  assert.notEqual(sharded.hash, one.hash)

  delete server.pages[`sharded/unet/${name(2)}`]
  assert.match((await drawn('sharded/')).failed, /diffusion_pytorch_model-00002-of-00002\.safetensors is missing/)
  await publish('nothing', {})
  assert.match((await drawn('nothing/')).failed, /diffusion_pytorch_model\.safetensors is missing/)
  await publish('elsewhere', { [`${STEM}.safetensors.index.json`]: '{"weight_map": {"a": "../../other.safetensors"}}' })
  assert.match((await drawn('elsewhere/')).failed, /weight_map/)
})

test('bytes that are no safetensors file are told for what they are', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 146744\n'
  const archive = Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(26), Buffer.from('archive/data.pkl'), Buffer.alloc(40)])
  for (const [folder, weights, said] of /** @type {const} */ ([
    ['pointer', pointer, /Git LFS pointer.*git lfs pull/],
    ['pickle', archive, /pickle of PyTorch.*safetensors\.torch\.save_file/],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0, 0]), /compressed; unpack it/],
  ])) {
    await publish(folder, { [`${STEM}.safetensors`]: weights })
    assert.match((await drawn(`${folder}/`)).failed, said)
    server.pages[`${folder}.safetensors`] = weights
    const failed = await page.evaluate(async url => failure(() => model.addAdapter(url, url)), `${folder}.safetensors`)
    assert.equal(failed.code, 'unreadable')
    assert.match(failed.message, said)
  }
})

test('adapters by the address of their file, their folder, and of what a program has made', async () => {
  const weights = await adapterWeights('outline')
  server.pages['files/outline.safetensors'] = weights
  server.pages['peft/adapter_model.safetensors'] = weights
  server.pages['peft/adapter_config.json'] = await read('lora/outline/adapter_config.json')
  server.pages['scripts/pytorch_lora_weights.safetensors'] = weights
  const result = await page.evaluate(async () => {
    const blob = await (await fetch('files/outline.safetensors')).blob()
    const sources = {
      folder: 'peft/',
      file: 'files/outline.safetensors',
      queried: new URL('files/outline.safetensors?download=true', location.href),
      peft: 'peft/adapter_model.safetensors',
      scripts: 'scripts',
      made: URL.createObjectURL(blob),
    }
    const pictures = []
    for (const [name, source] of Object.entries(sources)) {
      await model.addAdapter(name, source)
      pictures.push(String((await draw({ adapters: { [name]: 1 } })).image.data))
      await model.removeAdapter(name)
    }
    const off = String((await draw({})).image.data)
    const missing = await failure(() => model.addAdapter('absent', 'files/absent.safetensors'))
    return { equal: pictures.every(picture => picture === pictures[0]), changed: pictures[0] !== off, missing }
  })
  assert.deepEqual({ ...result, missing: result.missing.code }, { equal: true, changed: true, missing: 'missing' })
  assert.match(result.missing.message, /absent\.safetensors/)
})

test('kohya’s alpha in the metadata alone is noted, not taken; names that the base does not have are said', async () => {
  const half = tensorsOf(await adapterWeights('outline'))
  const kohya = (/** @type {(path: string) => string} */ change) =>
    safetensors(
      Object.fromEntries(
        Object.entries(half).map(([name, tensor]) => {
          const path = change(name.replace('base_model.model.', '').replace(/\.lora_[AB]\.weight$/, ''))
          const part = name.includes('lora_A') ? 'lora_down' : 'lora_up'
          return [`lora_unet_${path.replaceAll('.', '_')}.${part}.weight`, tensor]
        }),
      ),
      { ss_network_alpha: '0.5' },
    )
  server.pages['kohya.safetensors'] = kohya(path => path)
  server.pages['stranger.safetensors'] = kohya(path => `input_${path}`)
  const { added, refused } = await page.evaluate(async () => ({
    added: await model.addAdapter('kohya', 'kohya.safetensors'),
    refused: await failure(() => model.addAdapter('stranger', 'stranger.safetensors')),
  }))
  assert.equal(added.ignoredAlpha, '0.5')
  assert.equal(refused.code, 'misfit')
  assert.match(refused.message, /\d+ modules \(input_.*called like down_blocks\./)
  assert.doesNotMatch(refused.message, /another model/)
})
