// What a visitor has drawn and taught is there on the next visit; where nothing can be kept, that is said before.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts, draw, drawAndTake, errors, freshPage, modelsOf, openTeach, page, server, settled, setUp, until } from './support.mjs'

const prepare = async () => {
  await page.goto(server.url)
  await settled(page)
}
setUp({ prepare })

const again = async () => {
  await page.reload()
  await settled(page)
  await page.waitForSelector('#pad')
}
const kept = () => page.innerText('#teach-kept')
/** All that the database of this site holds. */
const stored = () =>
  page.evaluate(async () => {
    const answer = request => new Promise((resolve, reject) => ((request.onsuccess = () => resolve(request.result)), (request.onerror = () => reject(request.error))))
    const [{ name }] = (await indexedDB.databases()).filter(({ name }) => name.startsWith('digit-diffusion teach'))
    const database = await answer(indexedDB.open(name))
    const transaction = database.transaction(['drawings', 'values'])
    const found = { drawings: (await answer(transaction.objectStore('drawings').getAll())).length, values: await answer(transaction.objectStore('values').getAllKeys()) }
    database.close()
    return found
  })

test('drawings are there again, as pictures and as strokes, and so is how the pad was set', async () => {
  await openTeach()
  assert.match(await kept(), /stay in this browser/)
  await drawAndTake(0)
  await page.click('#pad-auto')
  await page.selectOption('#pad-class', '5')
  await drawAndTake(5)
  const pictures = () => page.evaluate(() => [...document.querySelectorAll('.hand canvas')].map(canvas => canvas.toDataURL()))
  const before = await pictures()
  await again()
  assert.deepEqual(await counts(), { 0: 1, 5: 1 })
  assert.deepEqual(await pictures(), before)
  assert.equal(await page.getAttribute('#pad-auto', 'aria-checked'), 'false')
  assert.equal(await page.innerText('#pad-ask'), 'Draw a 1')
  await page.click('#pad-undo')
  assert.equal(await page.innerText('#pad-ask'), 'Draw a 5')
  assert.equal(await page.isDisabled('#pad-next'), false)
  await again()
  assert.deepEqual(await counts(), { 0: 1 }, 'what went back to the pad and was left there')
  assert.deepEqual(errors, [])
})

test('a visit after one that drew nothing fetches nothing of it', async () => {
  await openTeach()
  server.requests.length = 0
  await page.reload()
  await settled(page)
  await page.waitForTimeout(500)
  assert.deepEqual(server.requests.filter(name => /teach/.test(name ?? '')), [])
})

test('where the browser keeps nothing, that is said before anything is drawn, and all the rest works', async () => {
  await freshPage()
  await page.addInitScript(() => {
    indexedDB.open = () => {
      throw new DOMException('The user denied permission to access the database.', 'UnknownError')
    }
  })
  await prepare()
  await openTeach()
  assert.match(await kept(), /keep nothing: your drawings are here until you leave/)
  await drawAndTake(0)
  assert.deepEqual(await counts(), { 0: 1 })
  assert.deepEqual(errors, [])
})

test('a full disk is told, and loses nothing of this visit', async () => {
  await openTeach()
  await drawAndTake(0)
  await page.evaluate(() => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
  })
  await drawAndTake(1)
  assert.deepEqual(await counts(), { 0: 1, 1: 1 })
  await page.locator('#teach-kept.warns').waitFor()
  assert.match(await kept(), /could not keep this for your next visit \(QuotaExceededError\)/)
  assert.deepEqual(errors, [])
})

test('everything is deleted on request, after a question', async () => {
  await openTeach()
  await drawAndTake(0)
  await page.click('#teach-delete')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'teach-delete-no')
  await page.click('#teach-delete-no')
  assert.deepEqual(await counts(), { 0: 1 })
  await page.click('#teach-delete')
  await page.click('#teach-delete-yes')
  assert.deepEqual(await counts(), {})
  await until(async () => (await stored()).drawings, n => n === 0)
  assert.equal(await page.locator('#hands-back').count(), 0, 'nothing can be put back')
  await page.reload()
  await settled(page)
  assert.equal(await page.locator('#pad').count(), 0)
})

test('drawings of a model of another size wait, and say so', async () => {
  await openTeach()
  await drawAndTake(0)
  Object.assign(server.pages, await modelsOf({ labels: [...'0123456789'], size: 64 }))
  await again()
  assert.deepEqual(await counts(), {})
  assert.match(await kept(), /1 drawing kept from before/)
  await drawAndTake(3)
  for (const path of Object.keys(server.pages)) if (path.startsWith('models/')) delete server.pages[path]
  await again()
  assert.deepEqual(await counts(), { 0: 1 })
})

test('two tabs: the newer database is not held up by the older tab', async () => {
  await openTeach()
  await drawAndTake(0)
  const closed = await page.evaluate(async () => {
    const [{ name, version }] = (await indexedDB.databases()).filter(({ name }) => name.startsWith('digit-diffusion teach'))
    return new Promise(resolve => {
      const request = indexedDB.open(name, version + 1)
      request.onblocked = () => resolve(false)
      request.onsuccess = () => resolve(true)
    })
  })
  assert.equal(closed, true)
  await draw(1) // nothing can be kept from now on, and that is told
  await page.click('#pad-next')
  await page.locator('#teach-kept.warns').waitFor()
  assert.deepEqual(await until(counts, found => found[1]), { 0: 1, 1: 1 })
})
