// Drawings to teach with, in the page: `lessons(count)` makes as many of the classes in turn, each a little different.
import { page } from './setup.mjs'

export async function drawings() {
  await page.evaluate(() => {
    /** Thick strokes on squares of the network's size: a zigzag that differs from class to class. */
    window.lessons = (count, size = 28) => {
      const images = Array.from({ length: count }, (_, i) => {
        const canvas = new OffscreenCanvas(size, size)
        const context = canvas.getContext('2d')
        context.fillRect(0, 0, size, size)
        Object.assign(context, { strokeStyle: 'white', lineWidth: 3, lineCap: 'round', lineJoin: 'round' })
        context.beginPath()
        context.moveTo(5, 5 + (i % 3))
        for (let turn = 1; turn <= 2 + (i % 10); turn++) context.lineTo(turn % 2 ? 22 : 6, 5 + (17 * turn) / (2 + (i % 10)))
        context.stroke()
        return context.getImageData(0, 0, size, size)
      })
      return { images, labels: images.map((_, i) => i % 10) }
    }
    /** What an adapter's file holds, as text. */
    window.learnt = async (model, name, options) => {
      const file = await model.exportAdapter(name, options)
      return [...new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))].join()
    }
    /** Trains to the end, or as far as `each` says, with nothing held out; every yield. */
    window.teach = async (model, name, options, each = turn => Boolean(turn)) => {
      const seen = []
      for await (const turn of model.train(name, { ...lessons(20), heldOut: false, steps: 6, ...options })) {
        seen.push(turn)
        if ((await each(turn)) === false) break
      }
      return seen
    }
  })
}
