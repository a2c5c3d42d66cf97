// Files out of the page and into it: pictures with their settings, and LoRAs of a visitor's own.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { adapterWeights, DIST, errors, notice, openPage, page, pick, pixels, server, set, settled, setUp, stepsDrawn, toggleLora } from './support.mjs'

setUp({ page: 'cleared', options: { acceptDownloads: true }, prepare: () => openPage(page, server.url) })

const save = async button => {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)])
  return { name: download.suggestedFilename(), buffer: await readFile(await download.path()) }
}

/** Drops files on the page, as a hand would. @param {{ name: string, buffer: Buffer }[]} files */
const drop = async (...files) => {
  await page.evaluate(files => {
    const transfer = new DataTransfer()
    for (const { name, bytes } of files) transfer.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], name))
    for (const type of ['dragenter', 'dragover', 'drop']) {
      document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }))
    }
  }, files.map(({ name, buffer }) => ({ name, bytes: buffer.toString('base64') })))
}

/** The pixels of a saved picture, as the browser's own decoder reads them, one for each block. */
const decoded = async buffer => {
  const size = await page.evaluate(async bytes => {
    const blob = new Blob([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], { type: 'image/png' })
    const bitmap = await createImageBitmap(blob)
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
    const context = canvas.getContext('2d')
    context.drawImage(bitmap, 0, 0)
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height)
    const scale = bitmap.width / 28
    const shown = document.getElementById('picture-base').getContext('2d').getImageData(0, 0, 28, 28).data
    let worst = 0
    for (let y = 0; y < bitmap.height; y++) {
      for (let x = 0; x < bitmap.width; x++) {
        const of = (Math.floor(y / scale) * 28 + Math.floor(x / scale)) * 4
        worst = Math.max(worst, Math.abs(data[(y * bitmap.width + x) * 4] - shown[of]))
      }
    }
    return { width: bitmap.width, height: bitmap.height, worst }
  }, buffer.toString('base64'))
  return size
}

describe('pictures', () => {
  test('a saved picture is the one on show, and dropping it gives the same again', async () => {
    await set(page, 'seed', 31)
    await pick(page, 6)
    const drawn = await pixels(page)
    const file = await save('#save-picture')
    assert.equal(file.name, 'digit-6-seed-31.png')
    assert.deepEqual(await decoded(file.buffer), { width: 560, height: 560, worst: 0 })
    await pick(page, 1)
    await set(page, 'seed', 8)
    await set(page, 'steps', 4)
    await settled(page)
    assert.notEqual(await pixels(page), drawn)
    await drop(file)
    await page.waitForSelector('#digits [value="6"]:checked')
    await settled(page)
    assert.equal(await pixels(page), drawn)
    assert.equal(await page.inputValue('#seed'), '31')
    assert.deepEqual(errors, [])
  })

  test('with LoRA it is the styled one, and brings style and strength back', async () => {
    await pick(page, 2)
    await toggleLora(page)
    await set(page, 'strength-0', 0.7)
    await settled(page)
    const drawn = await pixels(page, 'lora')
    const file = await save('#save-picture')
    await toggleLora(page)
    await set(page, 'seed', 9)
    await settled(page)
    await page.setInputFiles('#files', { ...file, mimeType: 'image/png' })
    await page.waitForSelector('#stage[data-lora=on]')
    await settled(page)
    assert.equal(await pixels(page, 'lora'), drawn)
    assert.equal(await page.inputValue('#strength-0'), '0.7')
  })

  test('the animation has a frame for every step, and ends with the picture', async () => {
    await pick(page, 5)
    const file = await save('#save-film')
    assert.equal(file.name, 'digit-5-seed-2-steps.png')
    const frames = await page.evaluate(async bytes => {
      const data = Uint8Array.from(atob(bytes), c => c.charCodeAt(0))
      const decoder = new ImageDecoder({ data, type: 'image/png' })
      await decoder.tracks.ready
      const { frameCount } = decoder.tracks.selectedTrack
      const shown = document.getElementById('picture-base').getContext('2d').getImageData(0, 0, 28, 28).data
      const canvas = new OffscreenCanvas(280, 280)
      const context = canvas.getContext('2d')
      const { image } = await decoder.decode({ frameIndex: frameCount - 1 })
      context.drawImage(image, 0, 0)
      const { data: last } = context.getImageData(0, 0, 280, 280)
      const same = Array.from({ length: 784 }, (_, i) => last[((Math.floor(i / 28) * 10 + 5) * 280 + (i % 28) * 10 + 5) * 4] === shown[i * 4])
      return { frameCount, duration: image.duration, same: same.every(Boolean) }
    }, file.buffer.toString('base64'))
    assert.deepEqual(frames, { frameCount: 3, duration: 1_600_000, same: true })
    await drop(file) // carries the settings too
    await settled(page)
    assert.equal(await page.locator('#notice').isHidden(), true)
  })

  test('a foreign, a damaged and an unknown file are named in a sentence', async () => {
    await pick(page, 6)
    const { buffer } = await save('#save-picture')
    const foreign = Buffer.from(await page.evaluate(async () => {
      const blob = await new Promise(done => document.getElementById('picture-base').toBlob(done, 'image/png'))
      return [...new Uint8Array(await blob.arrayBuffer())]
    }))
    const flipped = Buffer.from(buffer)
    flipped[flipped.indexOf('digit=6') + 6] ^= 1
    /** @type {[string, Buffer, RegExp][]} */
    const cases = [
      ['holiday.png', foreign, /holiday\.png could not be used\s+It carries no settings/],
      ['short.png', buffer.subarray(0, 40), /short\.png could not be used\s+It is damaged/],
      ['flipped.png', flipped, /It is damaged/],
      ['notes.txt', Buffer.from('hello'), /It is neither a LoRA .* nor a picture that was saved here/],
      ['empty.png', Buffer.alloc(0), /It is neither/],
    ]
    for (const [name, bytes, said] of cases) {
      await drop({ name, buffer: bytes })
      await page.locator('#notice:not([hidden])', { hasText: name }).waitFor()
      assert.match(await notice(page), said)
      await page.click('#notice button')
    }
    assert.equal(await page.locator('#drop').isHidden(), true)
    assert.equal(await stepsDrawn(page), 3)
  })
})

describe('a LoRA of one’s own', () => {
  const folder = join(DIST, 'models/lora/outline')
  /** The shipped weights of that style with a changed header. */
  const weights = (change, file) =>
    adapterWeights(
      'outline',
      text => {
        const header = JSON.parse(text)
        change?.(header)
        return JSON.stringify(header)
      },
      file,
    )
  const untitled = header => delete header.__metadata__['modelspec.title']

  test('appears as a style, and draws as the shipped one does', async () => {
    await pick(page, 7)
    await toggleLora(page)
    const shipped = await pixels(page, 'lora')
    await drop({ name: 'my-style.safetensors', buffer: await weights(untitled, 'adapter_model.quantized.safetensors') })
    await page.locator('#styles label:has(:checked):has-text("my-style")').waitFor()
    await settled(page)
    assert.equal(await pixels(page, 'lora'), shipped)
    const { r: rank } = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'))
    assert.equal(await page.innerText('#lora-note'), `my-style · LoRA, rank ${rank}, 39 layers, 78 of 78 tensors`)
    assert.equal(await page.locator('#notice').isHidden(), true)
    await page.click('#device [value=cpu]') // another engine gets it too
    await settled(page)
    assert.equal(await pixels(page, 'lora'), shipped)
    assert.deepEqual(errors, [])
  })

  test('takes its configuration from the file beside it, and is picked as well as dropped', async () => {
    const bare = await weights(header => delete header.__metadata__)
    await drop({ name: 'bare.safetensors', buffer: bare })
    await page.locator('#notice:not([hidden])').waitFor()
    assert.match(await notice(page), /bare\.safetensors could not be used\s+.*alpha is unknown: give adapter_config\.json too/)
    const config = await readFile(join(folder, 'adapter_config.json'))
    await page.setInputFiles('#files', [
      { name: 'bare.safetensors', mimeType: '', buffer: bare },
      { name: 'adapter_config.json', mimeType: 'application/json', buffer: config },
    ])
    await page.locator('#styles label:has(:checked):has-text("bare")').waitFor()
    assert.equal(await page.getAttribute('#lora', 'aria-checked'), 'true')
    await pick(page, 7)
    assert.notEqual(await pixels(page, 'lora'), await pixels(page))
  })

  test('one trained on another base says so, and can be tried', async () => {
    const before = await page.locator('#styles label').count()
    await drop({ name: 'other.safetensors', buffer: await weights(header => (header.__metadata__['digit_diffusion.base_sha256'] = 'f'.repeat(64))) })
    await page.locator('#notice:not([hidden])').waitFor()
    assert.match(await notice(page), /Made for another base model\s+.*trained on another base model/)
    assert.equal(await page.locator('#styles label').count(), before + 1)
  })

  test('what does not fit is refused with the reason, and nothing is added', async () => {
    const good = await weights()
    const before = await page.locator('#styles label').count()
    const name = 'x.safetensors'
    const renamed = header => {
      const key = Object.keys(header).find(key => key.endsWith('to_out.0.lora_A.weight'))
      header[key.replace('down_blocks.0', 'down_blocks.7').replace('mid_block', 'mid_block_x').replace('up_blocks', 'up_blocks_x')] = header[key]
      delete header[key]
    }
    const reshaped = header => {
      const key = Object.keys(header).find(key => key.endsWith('to_out.0.lora_A.weight')) // a matrix
      const [rank, inner] = header[key].shape
      header[key].shape = [1, rank * inner]
    }
    /** @type {[{ name: string, buffer: Buffer }[], RegExp][]} */
    const cases = [
      [[{ name, buffer: good.subarray(0, 5000) }], /not a readable safetensors file/i],
      [[{ name, buffer: Buffer.from('nonsense') }], /not a readable safetensors file/i],
      [[{ name: 'adapter_model.bin', buffer: Buffer.from('PK\x03\x04 archive/data.pkl') }], /pickle of PyTorch/],
      [[{ name, buffer: await weights(renamed) }], /only one of its two factors|does not have/],
      [[{ name, buffer: await weights(reshaped) }], /factors|was made for another model/],
      [[{ name, buffer: good }, { name: 'y.safetensors', buffer: good }], /One style at a time: these are 2 \.safetensors files \(x\.safetensors, y\.safetensors\)/],
      [[{ name: 'adapter_config.json', buffer: Buffer.from('{}') }], /adapter_config\.json could not be used\s+It only describes an adapter/],
      [[{ name, buffer: good }, { name: 'adapter_config.json', buffer: Buffer.from('{') }], /adapter_config\.json/],
    ]
    for (const [files, said] of cases) {
      await drop(...files)
      await page.locator('#notice:not([hidden])').waitFor()
      assert.match(await notice(page), said)
      await page.click('#notice button:has-text("Dismiss")')
    }
    assert.equal(await page.locator('#styles label').count(), before)
    await pick(page, 7)
    assert.equal(await stepsDrawn(page), 3)
  })
})

test('a picture that an image service has packed anew still brings its settings back', async () => {
  const fixture = name => readFile(new URL(`../fixtures/png/${name}.png`, import.meta.url))
  for (const name of ['sharp-old-keyword', 'imagemagick', 'oxipng-film']) {
    await pick(page, 1)
    await drop({ name: `${name}.png`, buffer: await fixture(name) })
    await page.waitForSelector('#digits [value="7"]:checked')
    await settled(page)
    assert.equal(await page.inputValue('#seed'), '2')
    assert.equal(await page.locator('#notice').isHidden(), true)
  }
  assert.ok((await save('#save-picture')).buffer.includes('digit-diffusion\0digit=7'))
})
