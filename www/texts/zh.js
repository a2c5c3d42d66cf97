// The page in simplified Chinese: what page.js and module.js say, under the same names (tests/page/texts.test.mjs sees to it).
// Tests: tests/page/texts.test.mjs, language.test.mjs, own-words.test.mjs
import { noWebGpu, refusal } from './refusals-zh.js'
import { backendWith, errorsWith } from './zh-errors.js'

export { noWebGpu, refusals } from './refusals-zh.js'

const megabytes = n => `${(n / 1e6).toFixed(1)} MB`
const percent = share => (share < 0.01 ? '不到 1%' : share > 0.99 ? '99% 以上' : `${Math.round(share * 100)}%`)
const beside = (share, change, of = change === 'bias' ? '偏置' : 'W ') => (share < 1 ? `${of}的 ${(share * 100).toFixed(1)}%` : `${of}的 ${share.toFixed(1)} 倍`)
const number = n => n.toLocaleString('zh')

export const samplers = {
  'dpm++2m': { title: 'DPM-Solver++ 2M', hint: '二阶方法：十来步就能得到清晰的图像。' },
  ddim: { title: 'DDIM', hint: '确定性的：图像只由噪声决定。' },
  ddpm: { title: 'DDPM', hint: '最初的方法：每一步都加入新的噪声，需要很多步。' },
  euler: { title: 'Euler', hint: '一阶方法，每一步走一条直线。' },
}

const titles = { outline: '空心', 'seven-segment': '七段数码', dotted: '点阵', bold: '粗笔', slanted: '左斜', thin: '细线', inverted: '反白' }
const backends = { webgpu: 'WebGPU', cpu: 'CPU' }
/** Kinds of change that have no name of their own. @type {Record<string, string>} */
const kinds = { 'LoHa with DoRA': 'LoHa + DoRA', 'LoKr with DoRA': 'LoKr + DoRA', 'full difference': '完整的差', 'whole layer': '整层', bias: '偏置' }
/** How many workers computed a step, where they were several. */
const by = threads => (threads > 1 ? `，${threads} 个线程` : '')
const kindOf = kind => kinds[kind] ?? kind
/** Nouns that manifests have in English. @type {Record<string, string>} */
const nouns = { digit: '数字', letter: '字母', character: '字符', symbol: '符号', picture: '图像' }

/**
 * What the page says of a base.
 * @param {import('../words.js').Words} words
 * @param {typeof import('../words.js').forms} forms which this file does not import: it would be one more request
 */
export function textsOf({ one, title, count, sheet, styled, megabytes: size }, { isolate, quote }) {
  const alone = count === 1 // nothing to pick
  const digits = one === 'digit'
  const noun = nouns[one] ?? one
  /** Latin letters keep a space from Chinese ones, not from marks. @param {string} text */
  const spaced = text => text.replaceAll('#', /[\x21-\x7f]$/.test(noun) ? ` ${noun} ` : noun).replace(/^ | (?=[，。：、；？]|$)|(?<=[，。：、；“”]) /g, '')
  /** A class; the only one has no name. */
  const named = label => (alone ? noun : digits ? `数字 ${quote(label)}` : `${noun} ${quote(label)}`)
  /** What is drawn. */
  const drawn = label => (alone ? noun : digits ? quote(label) : named(label))
  const page = {
    title,
    headline: spaced('看噪声变成#'),
    lead: spaced(`${alone ? '按下“绘制”，浏览器里的一个小型扩散模型就会从纯噪声中画出#。' : '选一个#，浏览器里的一个小型扩散模型就会从纯噪声中把它画出来。'}${styled ? `打开 LoRA，同样的噪声会变成${alone ? '' : '同一个#的'}另一种风格。` : ''}`),
    cost: `只需下载一次，共 ${size} MB。`,
    exampleNote: '事先画好',
    exampleNoteLora: '空心，事先画好',
    exampleAlt: '数字 7 从噪声中浮现：事先画好的示例',
    exampleAltLora: '同样的噪声变成空心的 7：事先画好的示例',
    pick: spaced('选一个#'),
    bases: '基础模型',
    seed: '种子',
    dice: '换一个随机种子',
    tour: '随机漫游：一张接一张地画',
    draw: '绘制',
    stop: '停止',
    lora: 'LoRA',
    loraStyle: '风格',
    strength: '强度',
    turbo: '极速',
    turboHint: '只用 4 或 2 次网络计算就画好，而不是 19 次：由一个专门学过的适配器完成。它可以和任何风格一起用，移动什么，图像就跟着变。',
    turboCalls: '网络计算的次数',
    turboRule: '极速打开时，这三项由它的适配器决定。',
    morph: '渐变到另一个种子',
    morphPlay: '播放渐变，来回往复',
    morphShare: '渐变到了哪里',
    morphTo: '渐变到种子',
    compare: '对比',
    compareSide: '并排',
    compareWipe: '滑动',
    compareDifference: '差异',
    wipe: '基础模型与 LoRA 之间的分隔线',
    legendMore: '使用 LoRA 后笔画变多',
    legendLess: '笔画变少',
    captionBase: '基础模型',
    captionLora: '使用 LoRA',
    invitation: '同样的噪声，另一种风格',
    invitationNote: styled ? '打开 LoRA，就会画在这里。' : '打开一个 LoRA 文件，就会画在这里。',
    film: '胶片：选择要看的一步',
    filmStart: '噪声',
    filmEnd: noun,
    view: '显示',
    viewImage: '含噪图像',
    viewX0: '模型的猜测',
    schedule: '噪声降到了哪里？',
    scheduleText: spaced('曲线表示在第 t 级噪声下还剩下多少#，以占图像能量的百分比计：左端一点不剩，右端全部都在。训练时网络见过每一个 t；绘制就是沿着曲线从左走到右。每个点是这次运行的一步，带圈的点就是上面的这一步：步数越少，步子越大。'),
    attention: '每个像素在听什么？',
    attentionTokens: '标签的词元',
    attentionLeast: '听得最少',
    attentionMost: '最多',
    attentionText: '标签以八个学到的词元进入网络，就像提示词以单词进入 Stable Diffusion。每一步，图像的每一处都把自己的注意力分配给这八个词元，合计 100%。每一格是叠在图像上的一个词元：亮处最听它，暗处最不听。每张图都从它自己的最少到最多着色（名字旁的两个比例），所以应比较位置，而不是比较格子。网络的各个头和各层取平均。选一格可以放大，选上面的一步可以看当时的情形。',
    changes: '风格改变了什么？',
    changesText: '每一格是网络的一个矩阵 W；颜色表示强度为 1 时，风格加上的部分（LoRA 的 BA）相对于它有多大；只改变偏置的，则相对于偏置。从上到下是图像经过的路：先下到粗略，穿过中间，再上到精细。从左到右：图像内部的注意力、对标签的注意力、逐点处理的层、残差块，以及其他。基础模型几乎不用的矩阵，W 接近于零，更新可以是它的好几倍。可以指向一格，或用方向键移动。',
    copyLink: '复制链接',
    savePicture: '保存图像',
    saveFilm: '保存动画',
    teach: '教它你的笔迹',
    teachText: spaced('画几个#，一个 LoRA 适配器就会在你的浏览器里用它们训练出来：然后模型就会照你的样子画#。你画的任何东西都不会离开这个页面。'),
    teachNot: '现在画图的基础模型通过自编码器工作，目前还不能在这里教它你的笔迹。请在上面选择一个直接处理像素的基础模型。',
    teachOpen: spaced('画你的#'),
    network: '网络内部',
    networkText: '每一步，含噪的图像都会完整地穿过这个网络（UNet）一次：先下到粗略的视野，穿过中间，再上来。选一个部分，看看它做什么。圆点表示风格改变了哪些部分：一到三个，按改变的大小。',
    many: '一次画很多',
    manyText: '用上面的设置，把一整批图像一起送进同一个网络。点一张可以仔细看。',
    manyDigits: sheet < count ? spaced(`${count} 个#中的前 ${sheet} 个`) : spaced(`全部${digits && count === 10 ? '十' : ` ${count} `}个#`),
    manySeeds: alone ? '十个种子' : spaced('一个#的十个种子'),
    settings: '设置',
    steps: '步数',
    sampler: '采样器',
    guidance: '引导强度',
    guidanceHint: '标签的牵引有多强。1 表示关闭。',
    pace: '全速',
    paceHint: '否则每一步都会停留片刻，便于看清。',
    bring: '使用自己的文件',
    open: '打开文件',
    openHint: '适用于本模型的 LoRA 或其他种类的适配器（.safetensors，如有 adapter_config.json 请一并打开），或在本页保存的图像，以恢复它的设置。也可以直接拖到页面上。',
    drop: '放在这里：LoRA，或在本页保存的图像',
    backend: '运行于',
    auto: '自动',
    webgpu: 'WebGPU',
    cpu: 'CPU',
    explain: '你看到的是什么',
    explainNoise: '从噪声开始',
    explainNoiseText: spaced('种子用噪声填满图像。每一步，网络都会看着它，猜出藏在里面的干净#，并去掉一点噪声。“模型的猜测”显示的就是这个猜测：起初模糊，然后越来越确定。'),
    explainLabel: '由标签引导',
    explainLabelText: spaced(`Stable Diffusion 关注的是提示词，而这个网络在每一级分辨率上关注${alone ? '它唯一的标签' : '你选的#'}。引导会放大标签带来的差别。`),
    explainLora: '用 LoRA 换风格',
    explainLoraText: 'LoRA 给一些层加上一对细长的矩阵：W 变成 W + s·BA。它们只有模型大小的百分之几，却能改变它的笔迹。把强度 s 设为零，基础模型就一位不差地回来了；小于零时，会偏向相反的方向。',
    explainLocal: '一切都在你这边',
    explainLocalText: '网络用 Rust 写成，编译为 WebAssembly，通过 WebGPU 在你的显卡上运行，或在 CPU 上运行。下载完成后不再需要网络，你画的任何东西都不会离开这个页面。',
    embed: '放到你自己的网页上',
    about: '关于本站',
    modelCard: '模型卡',
    package: '关于软件包',
    licence: '许可证：',
    authors: '由 Digit Diffusion 的作者们用 Rust 写成。',
    credits: '用 Yann LeCun 和 Corinna Cortes 的 MNIST 训练（CC BY-SA 3.0）。',
    noscript: '这个页面在浏览器里运行神经网络，需要 JavaScript。请打开 JavaScript。',
    outdated: '这个浏览器太旧，无法运行模型。2023 年以后更新过的浏览器都可以。',
    broken: '页面的一部分无法加载。请检查网络，然后重新加载页面。',
    asFile: '本页是作为文件打开的，而浏览器不从文件加载模块。请用 HTTP 提供这个文件夹，例如在其中运行 python3 -m http.server，再打开那个地址。',
  }

  const live = {
    description: spaced(`一个小型扩散模型在你的浏览器里从噪声中画出${digits ? '手写' : ''}#${styled ? '，LoRA 为它换上另一种风格' : ''}。`),
    ready: alone ? '准备好了。请按“绘制”。' : spaced('准备好了。选一个#吧。'),
    loading: '正在加载模型',
    downloaded: (loaded, total) => (total ? `${megabytes(loaded)} / ${megabytes(total)}` : megabytes(loaded)),
    retrying: n => `连接中断，正在继续下载，第 ${n} 次尝试，共 3 次`,
    starting: '正在启动引擎',
    recovering: '模型停止了运行，正在重新启动。',
    fetchingStyle: title => `正在加载风格“${title}”`,
    fetchingTurbo: '正在加载极速',
    waiting: digit => `模型加载好以后，就会画出 ${drawn(digit)}。`,
    first: total => `第 1 步，共 ${total} 步：第一步还要准备引擎`,
    position: ({ step, total, timestep, next, ms, threads }) =>
      `第 ${step} 步，共 ${total} 步 · t = ${timestep}${next === undefined ? '' : ` → ${next}`} · 每步 ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} 毫秒${by(threads)}`,
    drawing: (digit, lora) => `正在画 ${drawn(digit)}${lora ? '，使用和不使用 LoRA 各一张' : ''}。`,
    done: (digit, total) => `完成：用 ${number(total)} 步画出了 ${drawn(digit)}。`,
    stopped: '已停止。',
    loadStopped: '下载已停止，还没有加载任何内容。',
    modelBase: '基础模型',
    modelLora: '使用 LoRA',
    frame: (digit, step, total, model) => `${named(digit)}，第 ${step} 步，共 ${total} 步，${model}`,
    frameIdle: alone ? '噪声，等待绘制' : spaced('噪声，等待选择#'),
    filmStep: step => `第 ${step} 步`,
    stepOf: (digit, step, total) => `${named(digit)}，第 ${step} 步，共 ${total} 步`,
    captionWipe: '基础模型 | 使用 LoRA',
    captionDifference: 'LoRA 改变了什么',
    wiped: label => `基础模型，盖在使用 LoRA 的图像上：${label}`,
    wipeAt: percent => `基础模型占 ${percent}%`,
    differenceOf: label => `LoRA 改变了什么：${label}`,
    scheduleAt: ({ step, total, timestep, share }) =>
      `第 ${step} 步，共 ${total} 步，位于 t = ${timestep}：图像能量还剩 ${percent(share)}`,
    scheduleNoise: t => `t = ${t}，噪声`,
    scheduleDigit: `t = 0，${noun}`,
    attentionOf: ({ model, step, total }) => `第 ${step} 步，共 ${total} 步，${model}`,
    attentionToken: token => `词元 ${token}`,
    attentionReading: ({ token, least, most }) => `词元 ${token}：从 ${least} 到 ${most}`,
    attentionMap: ({ step, reading }) => `各处在听什么：${step}。${reading}`,
    attentionNone: '这一步还没有注意力图。',
    attended: '注意力图画好了。',
    changesOf: ({ title, mixed }) => (mixed ? `${title}，混合中最强的一种` : title),
    changesPlaces: { down: '下', mid: '中', up: '上', rest: '其余' },
    changesGroups: { attn1: '图像', attn2: '标签', ff: '逐点', resnets: '残差', rest: '其他' },
    changesKinds: { to_q: 'Q', to_k: 'K', to_v: 'V', 'to_out.0': '出', 'net.0.proj': '入', 'net.2': '出', proj_in: '入', proj_out: '出', time_emb_proj: '时间', conv1: '卷积 1', conv2: '卷积 2', conv_shortcut: '捷径', norm: '归一', norm1: '归一 1', norm2: '归一 2', norm3: '归一 3', downsamplers: '减半', upsamplers: '加倍', conv_in: '首卷积', conv_norm_out: '末归一', conv_out: '末卷积', encoder_hid_proj: '词元', 'time_embedding.linear_1': '时间 1', 'time_embedding.linear_2': '时间 2' },
    changesShare: beside,
    changesReading: ({ row, group, kind, share, change, rank, norm }) => `${row} · ${group} ${kind}：${beside(share, change)} · ${kindOf(change)}${rank ? `，秩 ${rank}` : ''} · 范数 ${norm}`,
    changesNone: '未改变',
    turboCalls: n => `${n} 次`,
    turboHint: (steps, usual) => `只用 ${steps.join(' 或 ')} 次网络计算就画好，而不是 ${usual} 次：由一个专门学过的适配器完成。它可以和任何风格一起用，移动什么，图像就跟着变。`,
    turboFailed: reason => `${reason}没有它，绘制需要平常的时间。`,
    noSuchTurbo: name => `这里没有名为“${name}”的极速适配器，所以没有用它来画。`,
    morphAt: ({ percent, from, to }) => `从种子 ${from} 到种子 ${to} 的 ${percent}%`,
    mix: '混合',
    styleTitles: titles,
    cell: ({ digit, seed }) => `${named(digit)}，种子 ${seed}`,
    openCell: '仔细看',
    drawingMany: n => `正在画 ${n} 张图像。`,
    drawnMany: n => `完成：${n} 张图像。`,
    sheetPosition: ({ step, total, ms, threads }) => `第 ${step} 步，共 ${total} 步 · 全部每步 ${Math.round(ms)} 毫秒${by(threads)}`,
    sheetDone: '点一张可以仔细看。',
    sheetMore: (from, to) => `下一批：第 ${from} 到 ${to} 个，共 ${count} 个`,
    copied: '链接已复制。',
    copiedShort: '已复制',
    noClipboard: link => `这个浏览器不允许页面复制。请手动复制：${link}`,
    restored: file => `已恢复 ${file} 的设置。`,
    restoredPartly: '有些设置无法恢复',
    unreadable: (name, value) => `本页不认识设置“${name}=${value}”，因此保持原样。`,
    noSuchDigit: digit => `这个模型没有类别“${isolate(digit)}”。`,
    find: spaced(`搜索 ${count} 个#`),
    findAll: spaced('显示全部#'),
    found: n => (n === count ? `共 ${n} 个` : n ? `${n} 个，共 ${count} 个` : `${count} 个中没有找到`),
    picked: digit => `已选：${isolate(digit)}`,
    noSuchStyle: name => `这里没有风格“${name}”：如果它是某人自己的文件，请先打开它。`,
    pixels: '像素',
    base: ({ title, size }) => `${live.baseTitles[title] ?? title}${size ? ` ${size} × ${size}` : ''}`,
    baseTitles: { Ink: '墨迹' },
    baseCost: ({ title, bytes }) => `${title}要下载 ${megabytes(bytes)}，只需一次。`,
    noSuchBase: name => `这里没有名为“${isolate(name)}”的基础模型，所以是由另一个画的。`,
    otherBaseTitle: '来自另一个基础模型',
    otherBase: '这是由另一个基础模型画的，所以图像也会不同。',
    otherBaseStyle: title => `文件表明“${title}”是在另一个基础模型上训练的。形状相符，可以一试，但可能画得不成样子。`,
    added: (title, adapter) => `已添加风格“${title}”：${live.adapter(adapter)}。`,
    addedPartly: title => `已添加风格“${title}”的一部分`,
    partly: ({ used, tensors, unused }) =>
      `用了 ${number(tensors)} 个张量中的 ${number(used)} 个；没有用的是 ${unused.map(({ tensors: [first, ...others], more, reason }) => `${[first, ...others].join('、')}${more ? ' 等' : ''}（${reason.replace(/^这个 LoRA 无法使用：|。$/g, '').replace(`张量 ${first} `, others.length ? '第一个' : '它')}）`).join('；')}。`,
    useFits: '使用匹配的部分',
    files: {
      several: names => `一次只能打开一种风格：这里有 ${names.length} 个 .safetensors 文件（${names.join('、')}）。`,
      onlyConfig: '它只描述了一个适配器。请与它的 .safetensors 文件一起打开。',
      unknown: '它既不是 LoRA（.safetensors），也不是在本页保存的图像（.png）。',
      damaged: '它已损坏：文件不完整，或内容被改动过。请换一份副本。',
      foreign: '它不带设置：不是在本页保存的，或后来被别的程序重新保存过，聊天软件常常这样做。',
    },
    adapter: ({ kinds, rank, modules, used, tensors, ignoredAlpha, guidanceScale }) =>
      `${kinds.map(kindOf).join(' + ')}，${rank ? `秩 ${rank}，` : ''}${number(modules)} 层，${number(tensors)} 个张量中的 ${number(used)} 个${ignoredAlpha ? `；它写着 alpha ${ignoredAlpha}，却没有 alpha 张量，因此 alpha 等于秩，与其他程序一样` : ''}${guidanceScale === undefined ? '' : `；以引导强度 ${guidanceScale} 绘制`}`,
    noStyles: '这个模型没有附带风格。',
    backends,
    runsOn: { webgpu: '运行于 WebGPU', cpu: '运行于 CPU' },
    failed: {
      load: '无法加载模型',
      turbo: '无法加载极速',
      style: '无法加载风格',
      run: '无法画出图像',
      lost: '模型已停止运行',
      file: name => `无法使用 ${name}`,
      keep: '无法保存',
      base: title => `仍使用${title}`,
      part: '页面的一部分无法加载',
      kept: backend => `仍在 ${backends[backend]} 上运行`,
    },
    styleFailed: reason => `${reason}基础模型会照常绘制。`,
    goOn: '不用它，继续',
    saving: '浏览器正在节省流量',
    savingNote: spaced(`${alone ? '按下“绘制”' : '选一个#'}就会加载模型：${size} MB。`),
    retry: '重试',
    useCpu: '使用 CPU',
    dismiss: '关闭',
  }
  return { page, live }
}

export const backend = backendWith(noWebGpu)
export const errors = errorsWith(refusal)
