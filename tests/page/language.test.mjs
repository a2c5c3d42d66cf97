// English and Chinese: by the browser's language, by choice, and by links that know neither.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adapterWeights, errors, FILES, freshPage, notice, openPage, page, pick, pixels, server, settled, setUp, toggleLora } from './support.mjs'

setUp({ options: { locale: 'zh-CN' } })

/** Latin words that a Chinese reader would stumble over: whatever is no name and no unit. */
const foreign = text =>
  text.match(/[A-Za-z][A-Za-z’'-]{2,}/g)?.filter(word => !/^(Digit|Diffusion|LoRA|WebGPU|CPU|GPU|DPM-Solver|DDIM|DDPM|Euler|English|Rust|WebAssembly|Stable|Yann|LeCun|Corinna|Cortes|MNIST|BY-SA|safetensors|adapter|config|json)$/.test(word)) ?? []

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
  const said = await page.evaluate(() => {
    const labels = [...document.querySelectorAll('[aria-label]')].map(element => element.ariaLabel)
    return [document.body.innerText, ...labels].join('\n')
  })
  assert.deepEqual(foreign(said), [])
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
  const said = async (buffer, wanted) => {
    await page.setInputFiles('#files', { name: 'my.safetensors', mimeType: '', buffer })
    await page.locator('#notice:not([hidden])', { hasText: wanted }).waitFor()
    await page.click('#notice button')
  }
  const changed = change => adapterWeights('outline', change)
  await said((await adapterWeights('outline')).subarray(0, 5000), /无法使用 my\.safetensors\s*无法读取这个文件/)
  await said(await changed(text => text.replaceAll('down_blocks.0', 'down_blocks.7')), /它要改变的 down_blocks\.7\S+ 与这里的基础模型对不上/)
  await said(await changed(text => JSON.stringify({ ...JSON.parse(text), __metadata__: undefined })), /请同时打开它的 adapter_config\.json/)
  await said(await changed(text => text.replaceAll('lora_A', 'lora_C')), /这个 LoRA 无法使用：张量 \S+ 不是 LoRA 的因子/)
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
