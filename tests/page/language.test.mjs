// English and Chinese: by the browser's language, by choice, and by links that know neither.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adapterWeights, choose, errors, FILES, freshPage, notice, openPage, page, pick, pixels, server, set, settled, setUp, toggleLora } from './support.mjs'

setUp({ page: 'cleared', options: { locale: 'zh-CN' } })

/** All that is seen or read out, but for code and the languages' own names. */
const said = () =>
  page.evaluate(() => {
    const elements = [...document.querySelectorAll('body *:not(script, template, code, pre, pre *)')].filter(element => element.checkVisibility() && !element.closest('[lang=en]'))
    const texts = elements.flatMap(element => [...element.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE).map(({ data }) => data))
    const attributes = elements.flatMap(element => ['aria-label', 'title', 'alt', 'placeholder', 'aria-valuetext'].map(name => (element.matches('td') ? '' : element.getAttribute(name) ?? '')))
    return [document.title, document.querySelector('meta[name=description]').getAttribute('content'), ...texts, ...attributes].join('\n')
  })
/** @param {string} when */
const assertChinese = async when => assert.deepEqual(foreign(await said()), [], when)

/** Files keep their names and addresses, and hashes theirs. */
const FILE = /https?:\/\/[\w.:/-]+|[\w.-]+(\/[\w.-]+)+|[\w-]+\.(json|js|wasm|safetensors)|SHA-256|JSON/g
/** Latin words that a Chinese reader would stumble over: whatever is no name and no unit. */
const foreign = text =>
  text.replace(FILE, '').match(/[A-Za-z][A-Za-z’'-]{2,}/g)?.filter(word => !/^(Digit|Diffusion|LoRA|WebGPU|CPU|GPU|DPM-Solver|DDIM|DDPM|Euler|English|Rust|WebAssembly|Stable|Yann|LeCun|Corinna|Cortes|MNIST|BY-SA|safetensors|adapter|config|json|UNet|MIT|Apache-|English|npm|PEFT|Vite|CORS|CSP|AbortSignal)$/.test(word)) ?? []

test('a Chinese browser gets Chinese, all of it', async () => {
  await openPage(page, server.url)
  assert.equal(await page.getAttribute('html', 'lang'), 'zh-Hans')
  assert.equal(await page.innerText('#position'), '准备好了。选一个数字吧。')
  await pick(page, 7)
  await toggleLora(page)
  await page.click('#many-digits')
  await settled(page)
  await page.click('#schedule summary')
  await page.click('#changes summary')
  await page.waitForSelector('#changes-map tbody tr')
  assert.match(await page.innerText('#position'), /^第 3 步，共 3 步 · t = \d+ → 0 · 每步/)
  assert.equal(await page.innerText('#styles label:has(:checked)'), '空心')
  await assertChinese('drawn')
  assert.deepEqual(errors, [])
})

test('every state of the page speaks Chinese', async () => {
  /** @type {(value?: unknown) => void} */
  let arrive
  server.faults[FILES.weights] = { until: new Promise(resolve => (arrive = resolve)) }
  await page.goto(server.url)
  await page.waitForSelector('html[lang=zh-Hans]')
  await page.locator('#overlay').waitFor({ state: 'visible' })
  await assertChinese('while loading')
  await page.click('#digits [value="3"]')
  await assertChinese('waiting')
  arrive()
  await settled(page)
  delete server.faults[FILES.weights]
  await set(page, 'steps', 3)
  await settled(page)
  await assertChinese('with a digit')
  for (const value of ['wipe', 'difference', 'side']) {
    if (value === 'wipe') await toggleLora(page)
    await choose(page, 'compare', value)
    await assertChinese(value)
  }
  await choose(page, 'styles', '*')
  await assertChinese('mix')
  await page.selectOption('#sampler', 'euler')
  await settled(page)
  await page.click('#attention summary')
  await page.waitForSelector('#stage[data-busy=false] #attention[data-maps=true]')
  await page.click('#many-seeds')
  await settled(page)
  await assertChinese('with everything open')
  await page.locator('#network').scrollIntoViewIfNeeded()
  await page.waitForSelector('#unet label')
  for (const input of await page.locator('#unet input').all()) {
    await input.check()
    await assertChinese(`the part ${await input.getAttribute('value')}`)
  }
  // What goes wrong.
  await choose(page, 'device', 'webgpu')
  await page.locator('#notice:not([hidden])').waitFor()
  await assertChinese('no WebGPU')
  server.faults['models/lora/thin/adapter_model.quantized.safetensors'] = { flip: 100 }
  await choose(page, 'styles', 'thin')
  await page.locator('#notice:has-text("基础模型会照常绘制")').waitFor()
  await assertChinese('a style that does not arrive')
  delete server.faults['models/lora/thin/adapter_model.quantized.safetensors']
  await page.evaluate(() => (location.hash = 'digit=12&steps=2&sampler=none&styles=nobody:1&base=0123456789ab'))
  await page.locator('#notice.mild').waitFor()
  await settled(page)
  assert.deepEqual(foreign((await said()).replace(/nobody|sampler=none/g, '')), [], 'a link that asks for what there is not')
})

for (const [title, file, fault] of /** @type {[string, string, import('./support/server.mjs').Fault][]} */ ([
  ['weights that are missing', FILES.weights, { status: 404 }], ['weights that break off', FILES.weights, { cut: 5000 }], ['weights of another model', FILES.weights, { flip: 4321 }],
  ['a damaged engine', FILES.engine, { keep: 1000 }], ['a broken manifest', FILES.manifest, { keep: 20 }], ['no worker', 'worker.js', { status: 404 }],
]))
  test(`the page speaks Chinese of ${title}`, async () => {
    server.faults[file] = fault
    await page.goto(server.url)
    await notice(page)
    assert.deepEqual(foreign(await said()), [])
  })

test('the page for embedding speaks Chinese too, and English on request; the choice holds for both pages', async () => {
  await page.goto(`${server.url}embed.html`)
  await page.waitForFunction(() => !document.querySelector('template'))
  assert.equal(await page.getAttribute('html', 'lang'), 'zh-Hans')
  await assertChinese('embed.html')
  await page.click('#draw')
  await page.locator('#status:has-text("20 / 20")').waitFor()
  await assertChinese('an example that has run')
  assert.match(await page.locator('#slider pre').innerText(), /强度/)
  await page.click('#language')
  await page.waitForSelector('html[lang=en]')
  assert.equal(await page.innerText('h1'), 'Put it on your own page')
  await page.goto(server.url)
  await page.waitForSelector('html[lang=en]')
  assert.deepEqual(errors, [])
})

test('errors are Chinese too', async () => {
  server.faults[FILES.weights] = { status: 404 }
  await page.goto(server.url)
  assert.match(await notice(page), /无法加载模型\s+缺少文件 base\/unet\/.*404/)
  delete server.faults[FILES.weights]
})

test('so is what the engine says of a visitor’s own files', async () => {
  await openPage(page, server.url)
  const refuses = async (buffer, wanted) => {
    await page.setInputFiles('#files', { name: 'my.safetensors', mimeType: '', buffer })
    await page.locator('#notice:not([hidden])', { hasText: wanted }).waitFor()
    await page.click('#notice button:has-text("关闭")')
  }
  const changed = change => adapterWeights('outline', change)
  await refuses((await adapterWeights('outline')).subarray(0, 5000), /无法使用 my\.safetensors\s*无法读取这个文件/)
  await refuses(await changed(text => text.replaceAll('down_blocks.0', 'down_blocks.7')), /它要改变的 down_blocks\.7\S+.* 是这里的基础模型没有的/)
  await refuses(await changed(text => JSON.stringify({ ...JSON.parse(text), __metadata__: undefined })), /请同时打开它的 adapter_config\.json/)
  await refuses(await changed(text => text.replaceAll('lora_A.weight', 'vera_lambda_b')), /这个 LoRA 无法使用：张量 \S+ 不是 LoRA 的因子/)
  assert.deepEqual(errors, [])
})

test('the switch changes everything in place, and is remembered; the picture and the link stay', async () => {
  await freshPage({ locale: 'en-US' })
  await openPage(page, server.url)
  assert.equal(await page.getAttribute('html', 'lang'), 'en')
  await pick(page, 7)
  await toggleLora(page)
  await page.click('#strip [value="2"]')
  await page.waitForTimeout(450)
  const [link, drawn] = [page.url(), await pixels(page, 'lora')]
  await page.click('#language')
  await page.waitForSelector('html[lang=zh-Hans]')
  assert.equal(await page.innerText('h1'), '看噪声变成数字')
  assert.match(await page.innerText('#position'), /^第 2 步/)
  assert.equal(await page.innerText('#action'), '绘制')
  assert.equal(await page.getAttribute('#dice', 'title'), '换一个随机种子')
  assert.equal(await page.innerText('#sampler option:checked'), 'DPM-Solver++ 2M')
  assert.match(await page.innerText('#sampler-hint'), /二阶/)
  assert.equal(page.url(), link)
  assert.equal(await pixels(page, 'lora'), drawn)
  await page.reload()
  await settled(page)
  assert.equal(await page.innerText('#language'), 'English')
  await page.click('#language')
  await page.waitForSelector('html[lang=en]')
  assert.equal(await page.innerText('h1'), 'Watch noise become a digit')
  assert.equal(await page.innerText('#styles label:has(:checked)'), 'Outline')
  assert.deepEqual(errors, [])
})
