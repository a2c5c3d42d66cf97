// Adapters of a visitor's own of every kind: what is said of them, what becomes of those that fit in part, and where their layers are shown.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { adapterOfLayers, adapterSaying, adapterWeights, errors, freshPage, freshServer, modelsOf, notice, openModule, openPage, page, pick, pixels, safetensors, server, set, settled, setUp, toggleLora, until } from './support.mjs'

const FIXTURES = new URL('../fixtures/adapters/', import.meta.url)
const TINY = { labels: [...'0123456789'] }

/** A fixture's files, as a file input takes them. @param {string} path of a file, or of a PEFT folder */
async function files(path) {
  const folder = !path.endsWith('.safetensors')
  const paths = folder ? ['adapter_model.safetensors', 'adapter_config.json'].map(name => `${path}/${name}`) : [path]
  const read = paths.map(async path => ({ name: path.replaceAll('/', '-'), mimeType: '', buffer: await readFile(new URL(path, FIXTURES)) }))
  return Promise.all(read)
}
const given = (name, buffer) => ({ name, mimeType: '', buffer })

/** Opens files, and waits until the newest style is another one, or there is a notice. @param {{ name: string, mimeType: string, buffer: Buffer }[]} files */
async function open(...files) {
  const before = await page.locator('#styles label').count()
  await page.setInputFiles('#files', files)
  await page.waitForFunction(before => document.querySelectorAll('#styles label').length > before || !document.getElementById('notice').hidden, before)
  await settled(page)
}

/** What is read out, once it begins so. @param {string} start */
const announced = async start => {
  await page.locator(`#announcer:has-text("${start}")`).waitFor({ state: 'attached' })
  return page.textContent('#announcer')
}

const withoutSpace = text => text.replace(/\s+/g, ' ')

describe('of a small base', () => {
  setUp({ site: false, page: 'once', begin: async () => freshServer({ pages: await modelsOf(TINY) }), prepare: () => openPage(page, server.url) })

  test('each says its kinds, its rank where it has one, its layers and tensors', async () => {
    /** @type {[string, RegExp][]} */
    const cases = [
      ['peft/dora', /^DoRA, rank \d, \d+ layers, (\d+) of \1 tensors$/],
      ['peft/oft', /^OFT, \d+ layers, (\d+) of \1 tensors$/],
      ['peft/ia3', /^\(IA\)³, \d+ layers, (\d+) of \1 tensors$/],
      ['lycoris/loha.safetensors', /^LoHa, rank \d, \d+ layers, (\d+) of \1 tensors$/],
      ['lycoris/full.safetensors', /^full difference, 3 layers, 5 of 5 tensors$/],
      ['kohya/norm.safetensors', /^LoRA \+ full difference, rank 2, 2 layers, 5 of 5 tensors$/],
    ]
    for (const [path, said] of cases) {
      await open(...(await files(path)))
      assert.equal(await page.locator('#notice').isHidden(), true, path)
      const note = (await page.innerText('#lora-note')).split(' · ')
      assert.match(note[1], said, path)
      assert.equal(await page.innerText('#position'), `The style “${note[0]}” was added: ${note[1]}.`)
    }
    await pick(page, 7)
    assert.notEqual(await pixels(page, 'lora'), await pixels(page))
    assert.match(await page.innerText('#lora-note'), / · LoRA \+ full difference, rank 2/)
    await page.click('#language')
    await page.locator('#lora-note:has-text("秩 2")').waitFor()
    assert.match(await page.innerText('#lora-note'), / · LoRA \+ 完整的差，秩 2，2 层，5 个张量中的 5 个$/)
    await page.click('#language')
    await page.locator('#lora-note:has-text("rank 2")').waitFor()
    assert.deepEqual(errors, [])
  })

  test('one that fits in part is refused, and then used as far as it fits, on another device too', async () => {
    const before = await page.locator('#styles label').count()
    const [file] = await files('kohya/locon_text_encoder.safetensors')
    await open(file)
    assert.match(await notice(page), /could not be used\s+Adapter: tensor lora_te_\S+ is not of this network: it changes a text encoder/)
    assert.deepEqual(await page.locator('#notice button').allInnerTexts(), ['Use what fits', 'Dismiss'])
    assert.equal(await page.locator('#styles label').count(), before, 'nothing is kept of the trial')
    await page.click('#notice button:has-text("Dismiss")')
    assert.equal(await page.locator('#notice').isHidden(), true)

    await open(file)
    await page.click('#notice button:has-text("Use what fits")')
    await page.locator('#notice.mild').waitFor()
    await settled(page)
    const told = withoutSpace(await notice(page))
    const [, used, tensors] = /^The style “.+” was added in part (\d+) of (\d+) tensors used; not used: lora_te_\S+, .*\(the first is not of this network: it changes a text encoder, which this model does not have\)\. Dismiss$/.exec(told) ?? assert.fail(told)
    const names = Object.keys(JSON.parse(file.buffer.toString('utf8', 8, 8 + Number(file.buffer.readBigUInt64LE(0))))).filter(name => name !== '__metadata__')
    assert.equal(Number(tensors), names.length)
    assert.equal(Number(used), names.filter(name => name.startsWith('lora_unet_')).length)
    assert.match(await page.innerText('#lora-note'), new RegExp(`${used} of ${tensors} tensors$`))
    assert.equal(await page.locator('#styles label').count(), before + 1)

    await pick(page, 7)
    const drawn = await pixels(page, 'lora')
    await page.click('#device [value=cpu]')
    await settled(page)
    assert.equal(await pixels(page, 'lora'), drawn)
    assert.equal(await page.locator('#lora').getAttribute('aria-checked'), 'true')
    assert.deepEqual(errors, [])
  })

  test('all reasons are told, and a change of a bias alone is beside that bias', async () => {
    const values = length => new Float32Array(length).fill(0.5)
    const tensors = {
      'lora_unet_conv_in.diff_b': { shape: [8], values: values(8) },
      ...Object.fromEntries(['a', 'b', 'c', 'd'].map(name => [`lora_te_${name}.lora_down.weight`, { shape: [1, 4], values: values(4) }])),
      'lora_unet_nowhere.lora_down.weight': { shape: [1, 4], values: values(4) },
      'lora_unet_nowhere.lora_up.weight': { shape: [4, 1], values: values(4) },
      'lora_unet_conv_out.lora_down.weight': { shape: [1, 9], values: values(9) },
      'lora_unet_conv_out.lora_up.weight': { shape: [9, 1], values: values(9) },
    }
    await open(given('biases.safetensors', safetensors(tensors)))
    await page.click('#notice button:has-text("Use what fits")')
    await page.locator('#notice.mild').waitFor()
    await settled(page)
    const told = withoutSpace(await notice(page))
    assert.match(told, /1 of 9 tensors used; not used: lora_te_a\.lora_down\.weight, lora_te_b\S+, lora_te_c\S+, … \(the first is not of this network: [^;]*\); /)
    assert.match(told, /lora_unet_nowhere\.lora_down\.weight, lora_unet_nowhere\.lora_up\.weight \([^;]*this base does not have/)
    assert.match(told, /lora_unet_conv_out\.lora_down\.weight, lora_unet_conv_out\.lora_up\.weight \(conv_out has /)
    assert.match(await page.innerText('#lora-note'), / · bias, 1 layer, 1 of 9 tensors$/)

    await page.click('#changes summary')
    await page.waitForSelector('#changes-map tbody tr')
    await page.hover('#changes-map td[title=conv_in]')
    const [, share, of] = /: ([\d.]+)(% of| times) the bias · bias · norm 1\.41$/.exec(await page.textContent('#changes-reading')) ?? assert.fail(await page.textContent('#changes-reading'))
    assert.ok(Number(share) > 0, `${share} ${of}`)
    await page.click('#changes summary')
    assert.deepEqual(errors, [])
  })

  test('where nothing fits, nothing is offered', async () => {
    await open(given('other.safetensors', await adapterWeights('outline')))
    await until(() => notice(page), said => /other\.safetensors could not be used/.test(said)) // the notice of the test before may still be there
    assert.deepEqual(await page.locator('#notice button').allInnerTexts(), ['Dismiss'])
  })

  test('in Chinese', async () => {
    await freshPage({ locale: 'zh-CN' })
    await openPage(page, server.url)
    await open(...(await files('peft/dora')))
    assert.match(await announced('已添加'), /^已添加风格“.+”：DoRA，秩 \d，\d+ 层，(\d+) 个张量中的 \1 个。$/)
    await open(...(await files('kohya/locon_text_encoder.safetensors')))
    await page.click('#notice button:has-text("使用匹配的部分")')
    await page.locator('#notice.mild').waitFor()
    assert.match(withoutSpace(await notice(page)), /的一部分 用了 \d+ 个张量中的 \d+ 个；没有用的是 lora_te_.*（第一个不是 LoRA 的因子：它要改变文本编码器，而这个模型没有）。 关闭$/)
  })
})

describe('of the shipped base', () => {
  setUp({ page: 'cleared' })

  test('the class: partial uses what fits, and says what does not', async () => {
    await openModule()
    const extra = 'lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight'
    const mixed = await adapterWeights('outline', text => {
      const header = JSON.parse(text)
      const name = Object.keys(header).find(name => name.endsWith('mid_block.attentions.0.transformer_blocks.0.ff.net.2.lora_A.weight'))
      assert.ok(name)
      header[extra] = header[name] // the module that it was of has one factor now
      delete header[name]
      return JSON.stringify(header)
    })
    const result = await page.evaluate(async bytes => {
      const file = new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], 'mixed.safetensors')
      const model = await window.DigitDiffusion.load(undefined, { device: 'cpu' })
      const strict = await model.addAdapter('mixed', file).catch(({ code, details }) => ({ code, kind: details.kind }))
      const left = model.adapters.length
      const whole = await model.addAdapter('outline', undefined, { partial: true })
      const part = await model.addAdapter('mixed', file, { partial: true })
      const modules = await model.adapterModules('mixed')
      await model.setAdapters({ mixed: 1 })
      const listed = model.adapters.find(({ name }) => name === 'mixed')
      model.dispose()
      return { strict, left, whole, part, modules, listed }
    }, mixed.toString('base64'))
    assert.deepEqual(result.strict, { code: 'adapter', kind: 'text-encoder' })
    assert.equal(result.left, 0)
    assert.deepEqual(result.whole.kinds, ['LoRA'])
    assert.equal(result.whole.used, result.whole.tensors)
    assert.equal('unused' in result.whole, false)
    const { used, tensors, modules, unused } = result.part
    assert.deepEqual([used, tensors, modules], [result.whole.tensors - 2, result.whole.tensors, result.whole.modules - 1])
    assert.deepEqual(unused.map(({ tensor }) => tensor.replace('base_model.model.', '')).sort(), [extra, 'mid_block.attentions.0.transformer_blocks.0.ff.net.2.lora_B.weight'].sort())
    assert.match(unused.find(({ tensor }) => tensor === extra).reason, /^Adapter: tensor lora_te_\S+ is not of this network: .*\.$/)
    assert.equal(result.modules.length, modules)
    assert.ok(result.modules.every(({ kind, rank }) => kind === 'LoRA' && rank > 0))
    assert.deepEqual(result.listed, { ...result.part, scale: 1 })
  })

  test('one that changes every layer of the base: each has a place in the map and in the diagram', async () => {
    const { paths, file } = await adapterOfLayers()
    assert.ok(paths.some(path => path.endsWith('conv_norm_out')) && paths.some(path => /upsamplers/.test(path)) && paths.includes('encoder_hid_proj'))
    await openPage(page, server.url, { steps: 1 })
    await open(given('everything.safetensors', file))
    await pick(page, 7)
    await page.click('#changes summary')
    await page.waitForSelector('#changes-map tbody tr')
    const cells = page.locator('#changes-map td[title]')
    assert.deepEqual((await cells.evaluateAll(cells => cells.map(cell => cell.getAttribute('title')))).sort(), [...paths].sort())
    const heads = await page.locator('#changes-map thead tr:last-child th').allTextContents()
    assert.deepEqual(heads.filter(head => /[._]|undefined/.test(head)), [], 'each column has a name')

    const reading = async path => {
      await page.hover(`#changes-map td[title="${path}"]`)
      return page.textContent('#changes-reading')
    }
    assert.match(await reading('down_blocks.0.resnets.0.conv1'), /^Down 1\.1 · ResNet conv 1: .* · LoRA, rank 1 · norm [\d.]+$/)
    assert.match(await reading('down_blocks.0.resnets.0.norm1'), /^Down 1\.1 · ResNet norm 1: .* · full difference · norm [\d.]+$/)
    assert.match(await reading('down_blocks.0.downsamplers.0.conv'), /^Down 1\.2 · Rest halve: /)
    assert.match(await reading('conv_in'), /^Rest · Rest first conv: /)

    await page.locator('#network').scrollIntoViewIfNeeded()
    await page.waitForSelector('#unet [data-changed=true]')
    assert.equal(await page.locator('#unet [data-changed=false]').count(), 0)
    await page.click('#unet [value=conv_out]')
    assert.match(await page.innerText('#part-lora'), /^everything changes 2 layers here, by LoRA, full difference\. The largest change is /)
    assert.deepEqual(errors, [])
  })

  test('one of convolutions alone', async () => {
    const { paths, file } = await adapterOfLayers((path, shape) => shape.length === 4)
    await openPage(page, server.url, { steps: 1 })
    await open(given('convolutions.safetensors', file))
    await pick(page, 7)
    assert.equal(await page.innerText('#lora-note'), `convolutions · LoRA, rank 1, ${paths.length} layers, ${2 * paths.length} of ${2 * paths.length} tensors`)
    await page.click('#changes summary')
    await page.waitForSelector('#changes-map tbody tr')
    assert.equal(await page.locator('#changes-map td[title]').count(), paths.length)
    await page.locator('#network').scrollIntoViewIfNeeded()
    await page.waitForSelector('#unet [data-changed=true]')
    for (const part of ['conv_in', 'conv_out', 'down_blocks.0.resnets.0', 'down_blocks.0.downsamplers.0']) {
      assert.equal(await page.locator(`#unet label:has([value="${part}"])`).getAttribute('data-changed'), 'true', part)
    }
    await toggleLora(page)
    assert.deepEqual(errors, [])
  })

  test('one that says its guidance is drawn with that, the base beside it with its own, until the visitor chooses', async () => {
    await openPage(page, server.url, { guidance: 1.6 })
    await open(given('bold.safetensors', await adapterSaying('outline', { 'digit_diffusion.guidance_scale': '4' })))
    assert.match(await page.innerText('#lora-note'), /; drawn with guidance 4$/)
    await pick(page, 7)
    const drawn = async () => [await pixels(page), await pixels(page, 'lora')]
    const [base, styled] = await drawn()
    await set(page, 'guidance', 4)
    await settled(page)
    const [baseAt4, styledAt4] = await drawn()
    assert.notEqual(baseAt4, base)
    assert.equal(styledAt4, styled)
    await set(page, 'guidance', 1.65)
    await settled(page)
    assert.notEqual((await drawn())[1], styled)
    await set(page, 'guidance', 1.6)
    await settled(page)
    assert.deepEqual(await drawn(), [base, styled])
    assert.deepEqual(errors, [])
  })
})
