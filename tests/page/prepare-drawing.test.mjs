// model.prepareDrawing: what people draw or photograph as the network sees it; fetched when it is asked for, and not before.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errors, openModel, page, server, setUp, until } from './support.mjs'

setUp({
  page: 'cleared',
  async prepare() {
    await openModel()
    await page.evaluate(() => {
      /** A canvas of 280 x 280 with strokes of `points`, in an `ink` on a `ground`, or on none. */
      window.drawing = (strokes, { ink = 'white', ground = '', width = 18 } = {}) => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 280, height: 280 })
        const context = canvas.getContext('2d')
        Object.assign(context, { fillStyle: ground || 'black', strokeStyle: ink, lineWidth: width, lineCap: 'round', lineJoin: 'round' })
        if (ground) context.fillRect(0, 0, 280, 280)
        for (const [first, ...rest] of strokes) {
          context.beginPath()
          context.moveTo(first[0], first[1])
          for (const [x, y] of rest) context.lineTo(x, y)
          context.stroke()
        }
        return canvas
      }
      window.greys = ({ data }) => Array.from({ length: data.length / 4 }, (_, i) => data[4 * i])
    })
  },
})

const SEVEN = [[[70, 60], [200, 60], [120, 230]]]
const prepare = (strokes, look = {}, options = {}) =>
  page.evaluate(
    async ([strokes, look, options]) => {
      const { images, boxes, notes } = await model.prepareDrawing(drawing(strokes, look), options)
      return { images: images.map(({ width, height, data }) => ({ width, height, levels: greys({ data }), opaque: data.every((level, i) => i % 4 !== 3 || level === 255) })), boxes, notes }
    },
    [strokes, look, options],
  )

describe('a drawing is placed as MNIST’s digits are', () => {
  test('in a box of 20 of 28 pixels, its centre of mass in the middle', async () => {
    const { images, boxes, notes } = await prepare(SEVEN)
    const [{ width, height, levels, opaque }] = images
    assert.deepEqual([images.length, width, height, opaque], [1, 28, 28, true])
    const inked = levels.map((level, i) => ({ level, x: i % 28, y: Math.floor(i / 28) })).filter(({ level }) => level > 0)
    const mass = inked.reduce((sum, { level }) => sum + level, 0)
    for (const axis of ['x', 'y']) {
      const span = inked.map(pixel => pixel[axis])
      assert.ok(Math.max(...span) - Math.min(...span) < 21, axis)
      const centre = inked.reduce((sum, pixel) => sum + pixel.level * pixel[axis], 0) / mass
      assert.ok(Math.abs(centre - 13.5) <= 1, `${axis}: ${centre}`)
    }
    assert.ok(Math.max(...levels) > 200)
    assert.ok(boxes[0].x > 50 && boxes[0].width < 160 && boxes[0].height > 170, JSON.stringify(boxes))
    assert.deepEqual([notes.fit, notes.ink, notes.transparent, notes.unsure], ['mnist', 'light', true, false])
  })

  test('the same from dark ink on paper, and from light on black', async () => {
    const [light, dark, clear] = [await prepare(SEVEN, { ground: 'black' }), await prepare(SEVEN, { ink: '#223', ground: '#eee8d8' }), await prepare(SEVEN)]
    assert.deepEqual([light.notes.ink, dark.notes.ink], ['light', 'dark'])
    for (const { images } of [light, dark]) {
      const off = images[0].levels.map((level, i) => Math.abs(level - clear.images[0].levels[i]))
      assert.ok(off.reduce((a, b) => a + b) / off.length < 6, String(off.reduce((a, b) => a + b) / off.length))
    }
  })

  test('strokes far apart are one character, unless several are asked for', async () => {
    const strokes = [[[50, 40], [50, 240]], [[230, 40], [230, 240]]]
    assert.equal((await prepare(strokes)).images.length, 1)
    const { images, boxes } = await prepare(strokes, {}, { several: true })
    assert.equal(images.length, 2)
    assert.ok(boxes[0].x < boxes[1].x)
  })
})

test('from files, bitmaps, pixels and canvases alike; what belongs to the page stays as it was', async () => {
  const [same, left] = await page.evaluate(async strokes => {
    const canvas = drawing(strokes, { ground: 'black' })
    const pixels = canvas.getContext('2d').getImageData(0, 0, 280, 280)
    const bitmap = await createImageBitmap(canvas)
    const blob = await new Promise(resolve => canvas.toBlob(resolve))
    const offscreen = new OffscreenCanvas(280, 280)
    offscreen.getContext('2d').drawImage(canvas, 0, 0)
    const image = Object.assign(new Image(), { src: URL.createObjectURL(blob) })
    await image.decode()
    const all = []
    for (const source of [canvas, pixels, bitmap, blob, new File([blob], 'seven.png'), offscreen, image]) all.push(String(greys((await model.prepareDrawing(source)).images[0])))
    return [all.map(one => one === all[0]), [bitmap.width, pixels.data.length]]
  }, SEVEN)
  assert.deepEqual(same, Array(7).fill(true))
  assert.deepEqual(left, [280, 280 * 280 * 4])
})

test('a large photograph is made smaller, and its boxes are still in its own pixels', async () => {
  const { length, box } = await page.evaluate(async strokes => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 6000, height: 4000 })
    const context = canvas.getContext('2d')
    context.fillStyle = 'white'
    context.fillRect(0, 0, 6000, 4000)
    context.drawImage(drawing(strokes, { ink: 'black', ground: 'white' }), 4000, 1000, 1400, 1400)
    const { images, boxes } = await model.prepareDrawing(canvas)
    return { length: images.length, box: boxes[0] }
  }, SEVEN)
  assert.equal(length, 1)
  for (const [name, near] of Object.entries({ x: 4300, y: 1250, width: 750, height: 950 })) assert.ok(Math.abs(box[name] - near) < 60, `${name}: ${box[name]}`)
})

test('what cannot be used is refused with a sentence', async () => {
  const failures = await page.evaluate(async () => {
    const failures = {}
    const tell = async (name, action) => {
      try {
        await action()
      } catch ({ name: kind, code, message, details }) {
        failures[name] = [typeof code === 'string' ? code : kind, details?.kind, message]
      }
    }
    await tell('empty', () => model.prepareDrawing(drawing([])))
    await tell('file', () => model.prepareDrawing(new File(['words'], 'notes.txt', { type: 'text/plain' })))
    await tell('size', () => model.prepareDrawing(drawing([[[9, 9], [90, 90]]]), { fit: 'none' }))
    await tell('what', () => model.prepareDrawing(/** @type {any} */ ('seven.png')))
    await tell('fit', () => model.prepareDrawing(drawing([]), { fit: /** @type {any} */ ('best') }))
    await tell('aborted', () => model.prepareDrawing(drawing([]), { signal: AbortSignal.abort() }))
    return failures
  })
  assert.deepEqual(failures, {
    empty: ['picture', 'no-ink', 'There is no ink in the picture that can be told from the ground; draw it stronger, or choose the part of the photograph that shows it.'],
    file: ['picture', 'picture-file', 'The file notes.txt is no picture that this browser reads (text/plain); save it as PNG or JPEG.'],
    size: ['picture', 'picture-size', "The picture has 280 x 280 pixels, the network takes 28 x 28; choose another fit than 'none'."],
    what: ['TypeError', undefined, "A picture is an ImageData, an ImageBitmap, a Blob, a canvas or an <img>, not 'seven.png'."],
    fit: ['RangeError', undefined, "fit must be one of 'mnist', 'auto', 'none', 'pad', 'crop', 'stretch', not 'best'."],
    aborted: ['AbortError', undefined, 'signal is aborted without reason'],
  })
  assert.equal((await prepare(SEVEN)).images.length, 1, 'it goes on')
  assert.deepEqual(errors, [])
})

describe('its worker and module', () => {
  const OWN = ['training.js', 'engine/training-relaxed_bg.wasm']
  const asked = () => server.requests.filter(name => OWN.includes(name))

  test('are fetched when they are first used, and once', async () => {
    server.requests.length = 0
    await page.evaluate(() => draw({}))
    assert.deepEqual(asked(), [])
    await Promise.all([prepare(SEVEN), prepare(SEVEN)])
    await prepare(SEVEN)
    assert.deepEqual(asked().sort(), OWN.toSorted())
  })

  test('end when nothing has been asked of them for a while, come again, and end with the model', async () => {
    await page.evaluate(() => {
      const { setTimeout } = window
      window.setTimeout = /** @type {any} */ ((action, ms) => setTimeout(action, ms === 60_000 ? 200 : ms))
    })
    const workers = () => page.workers().length
    await prepare(SEVEN)
    await until(workers, count => count === 1)
    await prepare(SEVEN)
    assert.equal(workers(), 2)
    await page.evaluate(() => model.dispose())
    await until(workers, count => count === 0)
  })

  test('that die are started again; the model goes on drawing', async () => {
    await prepare(SEVEN)
    const worker = page.workers().find(worker => worker.url().endsWith('training.js'))
    await worker.evaluate(() => void setTimeout(() => { throw new Error('broken') })).catch(() => {})
    await until(() => page.workers().length, count => count === 1)
    assert.equal((await prepare(SEVEN)).images.length, 1)
    await page.evaluate(() => draw({}))
  })

  test('that do not arrive are asked for again', async () => {
    server.faults[OWN[1]] = { status: 503 }
    const failed = await page.evaluate(() => failure(() => model.prepareDrawing(drawing([[[60, 60], [60, 200]]]))))
    assert.equal(failed.code, 'missing')
    assert.equal(failed.file, OWN[1])
    delete server.faults[OWN[1]]
    assert.equal((await prepare(SEVEN)).images.length, 1)
  })
})
