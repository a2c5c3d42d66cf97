// <digit-diffusion>: attributes, properties, events, and what several of them share. On pages of others: other-origins.test.mjs.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { drawings, errors, FILES, page, server, setUp, until, watchElements } from './support.mjs'

const html = (body, script = 'digit-diffusion.js') => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Test</title>
<style>.far { margin-top: 4000px }</style><script type="module" src="${script}"></script><body>${body}`
const DRAWN = 'digit-diffusion[data-drawn]'

setUp({ site: { headers: { 'access-control-allow-origin': '*' } }, page: 'cleared', equip: () => watchElements(page) })

/** Opens a page with this body. */
async function show(body) {
  server.pages['test.html'] = html(body)
  await page.goto(`${server.url}test.html`)
}

test('draws by its attributes alone', async () => {
  await show('<digit-diffusion label="7" seed="42" steps="3" device="cpu"></digit-diffusion>')
  await page.waitForSelector(DRAWN)
  const seen = await page.evaluate(() => seen)
  assert.equal(seen.at(-1), 'done')
  assert.equal(seen.filter(type => type === 'load').length, 1)
  assert.ok(seen.filter(type => type === 'progress').length >= 3)
  assert.match(await page.evaluate(() => document.querySelector('digit-diffusion').shadowRoot.querySelector('canvas').ariaLabel), /digit 7/)
  assert.deepEqual(errors, [])
})

test('a changed attribute draws anew; the same attributes give the same picture', async () => {
  await show('<digit-diffusion label="7" seed="42" steps="2" device="cpu"></digit-diffusion>')
  await page.waitForSelector(DRAWN)
  const drawn = () => page.getAttribute('digit-diffusion', 'data-drawn')
  const change = async attributes => {
    await page.evaluate(attributes => {
      const element = document.querySelector('digit-diffusion')
      delete element.dataset.drawn
      Object.assign(element, attributes)
    }, attributes)
    await page.waitForSelector(DRAWN)
    return drawn()
  }
  const first = await drawn()
  const style = await page.evaluate(async () => (await document.querySelector('digit-diffusion').model).catalog[0].name)
  const styled = await change({ lora: style, loraScale: 0.8 })
  assert.notEqual(styled, first)
  assert.notEqual(await change({ label: '3' }), styled)
  assert.equal(await change({ label: '7', lora: null }), first)
  assert.deepEqual(errors, [])
})

test('attributes and properties are in step, both ways', async () => {
  await show('<digit-diffusion></digit-diffusion>')
  await page.waitForFunction(() => customElements.get('digit-diffusion'))
  const seen = await page.evaluate(() => {
    const element = document.querySelector('digit-diffusion')
    const samples = { label: '3', seed: 5, lora: 'outline', loraScale: -0.5, steps: 2, sampler: 'ddim', guidance: 1.5, turbo: 4, device: 'cpu' }
    const attribute = name => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
    const rows = Object.entries(samples).map(([name, value]) => {
      const before = element[name]
      element[name] = value
      const written = element.getAttribute(attribute(name)) === String(value)
      element.setAttribute(attribute(name), String(value))
      const read = element[name] === value
      element[name] = null
      return { name, written, read, back: !element.hasAttribute(attribute(name)) && element[name] === before }
    })
    element.base = 'elsewhere/'
    const base = element.base === new URL('elsewhere/', location.href).href && element.getAttribute('base') === 'elsewhere/'
    element.base = undefined
    return { rows, base, fallback: element.base === new URL('models/base/', location.href).href }
  })
  for (const row of seen.rows) assert.deepEqual(row, { name: row.name, written: true, read: true, back: true })
  assert.deepEqual([seen.base, seen.fallback], [true, true])
})

test('properties set before the script arrived count', async () => {
  server.pages['test.html'] = html('', 'later.js').replace(/<script.*script>/, '')
  await page.goto(`${server.url}test.html`)
  await page.evaluate(async () => {
    const element = Object.assign(document.createElement('digit-diffusion'), { label: '7', seed: 42, steps: 2, device: 'cpu' })
    document.body.append(element)
    await import(new URL('digit-diffusion.js', location.href).href)
  })
  await page.waitForSelector(`${DRAWN}[label="7"][seed="42"][steps="2"][device=cpu]`)
  assert.deepEqual(errors, [])
})

test('parts and custom properties style it', async () => {
  await show('<digit-diffusion></digit-diffusion>')
  await page.waitForFunction(() => customElements.get('digit-diffusion'))
  const styled = await page.evaluate(() => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(`digit-diffusion { --digit-diffusion-size: 100px; --digit-diffusion-ground: rgb(1, 2, 3); --digit-diffusion-accent: rgb(4, 5, 6) }
      digit-diffusion::part(picture) { opacity: 0.5 } digit-diffusion::part(progress) { block-size: 7px } digit-diffusion::part(error) { color: rgb(7, 8, 9) }`)
    document.adoptedStyleSheets = [sheet]
    const element = document.querySelector('digit-diffusion')
    for (const part of element.shadowRoot.children) part.hidden = false
    const of = (part, name) => getComputedStyle(part ? element.shadowRoot.querySelector(`[part=${part}]`) : element)[name]
    return [of('', 'width'), of('', 'height'), of('', 'backgroundColor'), of('picture', 'opacity'), of('progress', 'height'), of('progress', 'accentColor'), of('error', 'color')]
  })
  assert.deepEqual(styled, ['100px', '100px', 'rgb(1, 2, 3)', '0.5', '7px', 'rgb(4, 5, 6)', 'rgb(7, 8, 9)'])
})

test('several share one engine and one download', async () => {
  server.requests.length = 0
  await show([1, 2, 3].map(label => `<digit-diffusion label="${label}" seed="1" steps="2" device="cpu" threads="1"></digit-diffusion>`).join(''))
  await page.waitForFunction(selector => document.querySelectorAll(selector).length === 3, DRAWN)
  assert.equal(page.workers().length, 1)
  for (const file of ['worker.js', FILES.engine, FILES.weights]) assert.equal(server.requests.filter(name => name === file).length, 1, file)
})

test('one that leaves frees its run; the others go on, and the last takes the engine with it', async () => {
  server.faults['worker.js'] = { prepend: `self.freed = 0; addEventListener('message', ({ data }) => { if (data.method === 'free') self.freed++ });\n` }
  await show('<digit-diffusion id="long" label="1" seed="1" steps="500" device="cpu"></digit-diffusion><digit-diffusion id="short" label="2" seed="1" steps="3" device="cpu"></digit-diffusion>')
  await page.waitForSelector('#short[data-drawn]')
  const [worker] = page.workers()
  await until(() => worker.evaluate(() => self.freed), freed => freed === 1)
  await page.evaluate(() => document.getElementById('long').remove())
  await until(() => worker.evaluate(() => self.freed), freed => freed === 2)
  await page.evaluate(() => {
    const short = document.getElementById('short')
    delete short.dataset.drawn
    document.body.append(document.createElement('p'), short) // moved, not removed: the model stays
    short.label = '3'
  })
  await page.waitForSelector('#short[data-drawn]')
  assert.equal(page.workers()[0], worker)
  const closed = worker.waitForEvent('close')
  await page.evaluate(() => document.getElementById('short').remove())
  await closed
  delete server.faults['worker.js']
  assert.equal(await page.evaluate(() => seen.includes('error')), false)
  assert.deepEqual(errors, [])
})

/** Waits until the server has been asked for `file`. */
const requested = file => until(() => server.requests.includes(file), Boolean)
const canvasLabel = () => page.evaluate(() => document.querySelector('digit-diffusion').shadowRoot.querySelector('canvas').ariaLabel)

for (const [what, file] of [['model', FILES.weights], ['adapter', 'models/lora/slanted/adapter_model.quantized.safetensors']]) {
  test(`moved while its ${what} loads, it is drawn where it has gone, with the same model`, async () => {
    server.faults[file] = { delay: 1000 }
    server.requests.length = 0
    await show('<digit-diffusion label="7" seed="42" steps="2" lora="slanted" device="cpu"></digit-diffusion>')
    await requested(file)
    await page.evaluate(() => document.body.append(document.createElement('p'), document.querySelector('digit-diffusion')))
    await page.waitForSelector(DRAWN)
    delete server.faults[file]
    assert.equal(server.requests.filter(name => name === 'worker.js').length, 1)
    assert.equal(await page.evaluate(() => seen.filter(type => type === 'load').length), 1)
    assert.deepEqual(errors, [])
  })
}

test('taken away while its model loads, it stops that; put back, it loads and is drawn', async () => {
  server.faults[FILES.weights] = { delay: 60_000 }
  server.requests.length = 0
  await show('<digit-diffusion label="7" seed="42" steps="2" device="cpu"></digit-diffusion>')
  await requested(FILES.weights)
  const [worker] = page.workers()
  const closed = worker.waitForEvent('close')
  await page.evaluate(() => (window.away = document.querySelector('digit-diffusion')).remove())
  await closed
  delete server.faults[FILES.weights]
  await page.evaluate(() => document.body.append(away))
  await page.waitForSelector(DRAWN)
  assert.deepEqual(await page.evaluate(() => [seen.filter(type => type === 'load').length, seen.includes('error')]), [1, false])
})

test('away for a moment while its model loads, it tells of it once', async () => {
  server.faults[FILES.weights] = { delay: 1000 }
  server.requests.length = 0
  await show('<digit-diffusion label="7" seed="42" steps="2" device="cpu"></digit-diffusion><digit-diffusion label="8" steps="2" device="cpu"></digit-diffusion>')
  await requested(FILES.weights)
  await page.evaluate(async () => {
    const element = document.querySelector('digit-diffusion') // the other keeps the model
    window.loads = 0
    element.addEventListener('load', () => window.loads++)
    element.remove()
    await new Promise(resolve => setTimeout(resolve, 50))
    document.body.append(element)
  })
  await page.waitForSelector(`${DRAWN}[label="7"]`)
  delete server.faults[FILES.weights]
  assert.equal(await page.evaluate(() => loads), 1)
})

test('moved when it is finished, it does not say that it will be drawn', async () => {
  await show('<digit-diffusion label="7" seed="42" steps="2" device="cpu"></digit-diffusion>')
  await page.waitForSelector(DRAWN)
  const label = await canvasLabel()
  await page.evaluate(() => document.body.append(document.createElement('p'), document.querySelector('digit-diffusion')))
  assert.equal(await canvasLabel(), label)
})

test('an adapter that the page has added to its model is used', async () => {
  await show('<digit-diffusion label="7" seed="42" steps="2" device="cpu"></digit-diffusion>')
  await page.waitForSelector(DRAWN)
  const plain = await page.getAttribute('digit-diffusion', 'data-drawn')
  await page.evaluate(async () => {
    const element = document.querySelector('digit-diffusion')
    await (await element.model).addAdapter('slanted')
    delete element.dataset.drawn
    element.lora = 'slanted'
  })
  await page.waitForSelector(`${DRAWN}, digit-diffusion[data-failed]`)
  assert.equal(await page.getAttribute('digit-diffusion', 'data-failed'), null)
  assert.notEqual(await page.getAttribute('digit-diffusion', 'data-drawn'), plain)
})

test('loads nothing before it is in view', async () => {
  server.requests.length = 0
  await show('<div class="far"><digit-diffusion label="7" steps="2" device="cpu"></digit-diffusion></div>')
  await page.waitForFunction(() => customElements.get('digit-diffusion'))
  // An observer that begins later is told later: by then the element's own has been.
  await page.evaluate(() => new Promise(told => new IntersectionObserver(told).observe(document.querySelector('digit-diffusion'))))
  assert.equal(await page.evaluate(() => document.querySelector('digit-diffusion').model), null)
  assert.equal(server.requests.includes('worker.js'), false)
  await page.evaluate(() => document.querySelector('digit-diffusion').scrollIntoView())
  await page.waitForSelector(DRAWN)
})

test('says in its own place what went wrong', async () => {
  await show('<digit-diffusion label="7" base="nowhere/" device="cpu"></digit-diffusion>')
  await page.waitForSelector('digit-diffusion[data-failed]')
  assert.match(await page.getAttribute('digit-diffusion', 'data-failed'), /missing/)
  assert.match(await page.evaluate(() => document.querySelector('digit-diffusion').shadowRoot.querySelector('[part=error]').innerText), /missing/)
})

describe('it teaches', () => {
  /** A page with such elements, and taught(element, name, options, each), which gives the loop's turns and the events' of `element`. */
  async function showTeaching(body) {
    await show(body)
    await drawings()
    await page.evaluate(() => {
      window.taught = async (element, name, options, each = turn => Boolean(turn)) => {
        const told = { turns: [], train: [], trained: [] }
        const listeners = { train: ({ detail }) => told.train.push(detail), trained: ({ detail }) => told.trained.push(detail) }
        for (const [type, listener] of Object.entries(listeners)) element.addEventListener(type, listener)
        try {
          for await (const turn of element.train(name, { ...lessons(20), heldOut: false, steps: 3, ...options })) {
            told.turns.push(turn)
            if (!each(turn)) break
          }
        } catch (error) {
          told.error = `${error.name}: ${error.message}`
        }
        for (const [type, listener] of Object.entries(listeners)) element.removeEventListener(type, listener)
        const adapters = element.model ? (await element.model).adapters.map(({ name }) => name) : []
        const same = told.turns.length === told.train.length && told.turns.every((turn, i) => turn === told.train[i])
        return { same, steps: told.turns.map(({ step }) => step), totals: [...new Set(told.turns.map(({ total }) => total))], trained: told.trained.map(({ name }) => name), error: told.error, adapters }
      }
    })
  }
  const TWO = '<digit-diffusion id="one" label="7" seed="42" steps="2" device="cpu"></digit-diffusion><digit-diffusion id="two" label="7" seed="42" steps="2" device="cpu"></digit-diffusion>'
  const drawn = id => page.waitForSelector(`#${id}[data-drawn]`).then(() => page.getAttribute(`#${id}`, 'data-drawn'))
  const forget = id => page.evaluate(id => void delete document.getElementById(id).dataset.drawn, id)

  test('in turns and events; what is learnt has a name that its elements can draw with', async () => {
    await showTeaching(TWO)
    const plain = await drawn('one')
    assert.equal(await drawn('two'), plain)
    const told = await page.evaluate(() => taught(document.getElementById('one'), 'mine', {}))
    assert.equal(told.same, true)
    assert.deepEqual([told.steps[0], told.steps.at(-1), told.totals, told.trained, told.adapters, told.error], [0, 3, [3], ['mine'], ['mine'], undefined])
    const styled = []
    for (const id of ['one', 'two']) {
      await forget(id)
      await page.evaluate(id => void (document.getElementById(id).lora = 'mine'), id)
      styled.push(await drawn(id))
    }
    assert.notEqual(styled[0], plain)
    assert.equal(styled[1], styled[0])
    // Another hand under the same name: whose name it bears, and who taught, draws it by itself.
    await forget('one')
    const again = await page.evaluate(async () => {
      const one = document.getElementById('one')
      await (await one.model).removeAdapter('mine')
      return taught(one, 'mine', { seed: 5, steps: 6 })
    })
    assert.deepEqual([again.trained, again.error], [['mine'], undefined])
    assert.notEqual(await drawn('one'), styled[0])
    assert.deepEqual(errors, [])
  })

  test('out of sight, too; a loop that is left keeps what it has, a signal nothing; what fails is thrown', async () => {
    server.requests.length = 0
    await showTeaching('<div class="far"><digit-diffusion id="one" label="7" steps="2" device="cpu"></digit-diffusion></div>')
    assert.equal(server.requests.includes('worker.js'), false)
    const told = await page.evaluate(async () => {
      const one = document.getElementById('one')
      const told = [await taught(one, 'left', { steps: 400 }, ({ step }) => !step)]
      const stop = new AbortController()
      told.push(await taught(one, 'stopped', { steps: 400, signal: stop.signal }, ({ step }) => (step && stop.abort(), true)))
      told.push(await taught(one, 'before', { signal: AbortSignal.abort() }))
      told.push(await taught(one, 'left', {}))
      told.push(await taught(one, 'blind', { labels: [1] }))
      const shown = one.shadowRoot.querySelector('progress').checkVisibility()
      return { told, shown, label: one.shadowRoot.querySelector('canvas').ariaLabel }
    })
    assert.deepEqual(told.told.map(({ trained, adapters }) => [trained, adapters]), [[['left'], ['left']], ...Array(4).fill([[], ['left']])])
    const [, stopped, before, taken, blind] = told.told.map(({ error }) => error)
    assert.match(`${stopped} ${before}`, /^AbortError: .* AbortError: /)
    assert.match(taken, /^RangeError: .*'left'/)
    assert.match(blind, /^TypeError: images and labels must be arrays of the same length/)
    assert.deepEqual([told.shown, /7/.test(told.label)], [false, true])
    assert.equal(await page.evaluate(() => seen.includes('error')), false)
    assert.deepEqual(errors, [])
  })

  test('taken away, it stops, even where its model goes on for another one', async () => {
    await showTeaching(TWO)
    await drawn('two')
    const told = await page.evaluate(async () => {
      const one = document.getElementById('one')
      const model = await one.model
      const told = await taught(one, 'mine', { steps: 400 }, ({ step }) => (step && one.remove(), true))
      return { ...told, adapters: model.adapters.length }
    })
    assert.match(told.error, /^AbortError/)
    assert.deepEqual([told.trained, told.adapters], [[], 0])
    assert.deepEqual(errors, [])
  })
})
