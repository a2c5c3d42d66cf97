// The section in which visitors teach the model their hand: its pad, by mouse, finger, pen and keyboard, and what there is of each class.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { counts, draw, drawAndTake, errors, freshPage, freshServer, inkOnPad, LETTERS, MANY, modelsOf, ONE, openTeach, page, server, settled, setUp, touch, until, write } from './support.mjs'

const open = async () => {
  await page.goto(server.url)
  await settled(page)
}
const asked = () => page.innerText('#pad-ask')
const hands = () => page.locator('.hand').count()
/** The focus: an element's id, or what it is of. */
const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.dataset.label || document.activeElement.getAttribute('aria-label'))

describe('of digits', () => {
  setUp({ page: 'cleared', prepare: open })

  test('nothing of it is fetched before it is asked for', async () => {
    await page.waitForTimeout(500)
    const of = () => server.requests.filter(name => /teach/.test(name ?? ''))
    assert.deepEqual(of(), [])
    await openTeach()
    assert.deepEqual([...new Set(of())].sort(), ['teach.css', 'teach.js'])
    assert.equal(await page.evaluate(() => document.activeElement.id), 'pad')
    assert.deepEqual(errors, [])
  })

  test('above the styles is a way to it', async () => {
    await page.click('#teach-jump')
    await page.waitForSelector('#pad')
    await until(() => page.evaluate(() => document.activeElement.id), id => id === 'pad')
    assert.ok(await page.locator('#teach-title').evaluate(title => title.getBoundingClientRect().top < innerHeight))
    await page.evaluate(() => scrollTo(0, 0))
    await page.click('#teach-jump') // again
    await until(() => page.evaluate(() => document.activeElement.id), id => id === 'pad')
    assert.deepEqual(errors, [])
  })

  test('what did not arrive is told, and asked for again', async () => {
    server.faults['teach.css'] = { status: 500 }
    await page.click('#teach-open')
    await page.waitForSelector('#notice:not([hidden])')
    assert.match(await page.innerText('#notice'), /A part of the page could not be loaded/)
    delete server.faults['teach.css']
    await openTeach()
  })

  test('a drawing is taken by itself after a pause, and the class with the fewest is asked for', async () => {
    await openTeach()
    assert.equal(await asked(), 'Draw a 0')
    await draw(0)
    assert.ok((await inkOnPad()) > 5000)
    await until(hands, n => n === 1) // after the pause
    assert.equal(await asked(), 'Draw a 1')
    assert.equal(await inkOnPad(), 0)
    assert.equal(await page.innerText('#hands-total'), '1 drawing · 1 of 10 digits')
    await page.selectOption('#pad-class', '8')
    await drawAndTake(8)
    assert.deepEqual(await counts(), { 0: 1, 8: 1 })
    assert.equal(await asked(), 'Draw a 9')
    await drawAndTake(9)
    assert.equal(await asked(), 'Draw a 1') // the next one without any
    await page.click('#pad-auto')
    await draw(1)
    await page.waitForTimeout(2500)
    assert.equal(await hands(), 3, 'not by itself where that is switched off')
    assert.ok(await inkOnPad())
    assert.deepEqual(errors, [])
  })

  test('strokes are taken back one by one, and then the drawing before; the pad is cleared', async () => {
    await openTeach()
    await page.click('#pad-auto')
    assert.equal(await page.isDisabled('#pad-undo'), true)
    await draw(4)
    const [both, all] = [await inkOnPad(), await hands()]
    await page.click('#pad-undo')
    const one = await inkOnPad()
    assert.ok(one > 0 && one < both)
    await page.click('#pad-clear')
    assert.equal(await inkOnPad(), 0)
    assert.equal(await page.isDisabled('#pad-next'), true)
    await draw(4)
    assert.equal(await inkOnPad(), both)
    await page.click('#pad-next')
    await until(hands, n => n === all + 1)
    await page.click('#pad-undo')
    assert.equal(await hands(), 0)
    assert.equal(await inkOnPad(), both)
    assert.equal(await asked(), 'Draw a 0', 'it is asked for again')
  })

  test('a finger draws, and the page stays where it is', async () => {
    await freshPage({ viewport: { width: 390, height: 664 }, hasTouch: true, isMobile: true })
    await open()
    await openTeach()
    const before = await page.evaluate(() => scrollY)
    await touch([[0.5, 0.1, 0.5, 0.3, 0.5, 0.5, 0.5, 0.7, 0.5, 0.95], [0.2, 0.9, 0.2, 0.5, 0.2, 0.1]])
    assert.equal(await page.evaluate(() => scrollY), before)
    assert.ok((await inkOnPad()) > 5000)
    await until(hands, n => n === 1)
  })

  test('a pen draws as wide as it is pressed; a hand beside it draws nothing', async () => {
    await freshPage({ hasTouch: true })
    await open()
    await openTeach()
    await page.click('#pad-auto')
    const line = [[0.2, 0.5, 0.5, 0.5, 0.8, 0.5]]
    await write(line, 0.1)
    const light = await inkOnPad()
    await page.click('#pad-clear')
    await write(line, 0.9)
    const heavy = await inkOnPad()
    assert.ok(light > 0 && heavy > 1.8 * light, `${light}, ${heavy}`)
    await touch([[0.1, 0.1, 0.2, 0.1]])
    assert.equal(await inkOnPad(), heavy)
  })

  test('by keyboard alone', async () => {
    await page.focus('#teach-open')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#pad:focus')
    await page.keyboard.press('7')
    assert.equal(await asked(), 'Draw a 7')
    assert.match(await page.getAttribute('#pad', 'aria-label'), /draw a 7 here/)
    assert.equal(await page.locator('#pad-keyboard').evaluate(p => p.getBoundingClientRect().height > 10), true, 'the keys are told')
    const press = async (key, times = 1) => {
      for (let i = 0; i < times; i++) await page.keyboard.press(key)
    }
    await press('ArrowUp', 7)
    await press('ArrowLeft', 5)
    await press('Space')
    await press('ArrowRight', 10)
    await press('ArrowDown', 14)
    await press('Space')
    assert.match(await page.textContent('#announcer'), /Pen up/)
    const seven = await inkOnPad()
    await press('Space')
    await press('ArrowLeft', 4)
    assert.ok((await inkOnPad()) > seven)
    await press('Backspace')
    await page.waitForTimeout(2000)
    assert.equal(await hands(), 0, 'who draws by keyboard takes the time')
    await press('Enter')
    await until(hands, n => n === 1)
    assert.deepEqual(await counts(), { 7: 1 })
    assert.equal(await focused(), 'pad')
    assert.equal(await page.textContent('#announcer'), 'Digit 7: 1 drawing.')
    await press('Control+z')
    assert.equal(await hands(), 0)
    await press('Delete')
    assert.equal(await inkOnPad(), 0)
    // On through the section, one stop for all pictures.
    for (const digit of [1, 2, 3]) {
      await page.keyboard.press(String(digit))
      await drawAndTake(digit)
    }
    await page.focus('.hand[tabindex="0"]')
    assert.match(await focused(), /digit 1, drawing 1 of 1/)
    await press('End')
    assert.match(await focused(), /digit 3/)
    await press('ArrowLeft')
    await press('Delete')
    assert.deepEqual(await counts(), { 1: 1, 3: 1 })
    assert.match(await focused(), /digit 3/, 'the next one has the focus')
    await page.focus('#hands-back')
    await press('Enter')
    assert.deepEqual(await counts(), { 1: 1, 2: 1, 3: 1 })
    assert.match(await focused(), /digit 2/)
    assert.deepEqual(errors, [])
  })

  test('the language changes in place', async () => {
    await openTeach()
    await drawAndTake(0)
    await page.click('#language')
    await page.waitForSelector('html[lang=zh-Hans]')
    await page.locator('#pad-ask:has-text("请画 1")').waitFor()
    assert.equal(await page.innerText('#hands-total'), '1 张，10 个数字中的 1 个')
    assert.doesNotMatch((await page.innerText('#teach')).replace(/LoRA|Backspace|Delete|Enter|PEFT|diffusers|kohya/g, ''), /[A-Za-z]{3,}/)
    await page.click('#language')
    await page.locator('#pad-ask:has-text("Draw a 1")').waitFor()
  })
})

describe('of other classes', () => {
  setUp({ site: false, page: 'none' })

  test('letters', async () => {
    await freshServer({ pages: await modelsOf(LETTERS) })
    await freshPage()
    await open()
    assert.equal(await page.innerText('#teach-open'), 'Draw your letters')
    await openTeach()
    assert.equal(await asked(), 'Draw the letter A')
    await page.keyboard.press('q')
    assert.equal(await asked(), 'Draw the letter Q')
    await drawAndTake(9)
    assert.deepEqual(await counts(), { Q: 1 })
    assert.doesNotMatch(await page.innerText('#teach'), /digit/i)
  })

  test('hundreds with names of all kinds: a card for those that have a drawing', async () => {
    await freshServer({ pages: await modelsOf(MANY) })
    await freshPage({ viewport: { width: 320, height: 640 } })
    await open()
    await openTeach()
    const [first] = MANY.labels
    assert.equal(await asked(), `Draw the ornament “${first}”`)
    assert.equal(await page.locator('.hand-card').count(), 1)
    await drawAndTake(3)
    assert.equal(await page.locator('.hand-card').count(), 2)
    await page.selectOption('#pad-class', 'n'.repeat(100))
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false)
  })

  test('one: there is nothing to choose', async () => {
    await freshServer({ pages: await modelsOf(ONE) })
    await freshPage()
    await open()
    await openTeach()
    assert.equal(await asked(), 'Draw a face')
    assert.equal(await page.locator('#pad-class').isVisible(), false)
    await drawAndTake(0)
    await drawAndTake(0)
    assert.equal(await page.innerText('#hands-total'), '2 drawings')
  })
})
