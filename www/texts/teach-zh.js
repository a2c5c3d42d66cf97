// What the section says in which visitors teach the model their hand, in simplified Chinese.
// Tests: tests/page/texts.test.mjs, teach-pad.test.mjs

const number = n => n.toLocaleString('zh')
/** @param {number} seconds */
const duration = seconds => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} 秒` : `${Math.round(seconds / 60)} 分钟`)
/** @type {Record<string, string>} as in zh.js */
const nouns = { digit: '数字', letter: '字母', character: '字符', symbol: '符号', picture: '图像' }

/** @param {import('../words.js').Words} words @param {typeof import('../words.js').forms} forms */
export function teachOf({ one, count }, { isolate, quote }) {
  const alone = count === 1
  const digits = one === 'digit'
  const noun = nouns[one] ?? one
  /** Latin letters keep a space from Chinese ones, not from marks. @param {string} text */
  const spaced = text => text.replaceAll('#', /[\x21-\x7f]$/.test(noun) ? ` ${noun} ` : noun).replace(/^ | (?=[，。：、；？]|$)|(?<=[，。：、；“”]) /g, '')
  const named = label => (alone ? noun : digits ? `数字 ${quote(label)}` : `${noun} ${quote(label)}`)
  const drawn = label => (alone ? noun : digits ? quote(label) : named(label))
  const texts = {
    styleTitle: '我的笔迹',
    // 画板
    ask: label => `请画 ${drawn(label)}`,
    which: spaced('要画哪个#'),
    pad: label => `画板：在这里画 ${drawn(label)}`,
    padHint: '用手指、笔或鼠标，像平时写字一样，大小与虚线框差不多。',
    padKeyboard: spaced(`用键盘：方向键移动笔，空格键落笔和提笔，Backspace 键撤销一笔，Delete 键清空，Enter 键完成${alone ? '' : '；键入某个#，就改画它'}。`),
    undo: '撤销',
    clear: '清空',
    next: '下一个',
    auto: '停顿后自动继续',
    penDown: '落笔。',
    penUp: '提笔。',
    taken: (label, n) => `${named(label)}：${number(n)} 张。`,
    back: '上一张回到了画板上。',
    notPrepared: reason => `这一张无法使用，已放回画板。${reason}`,
    // 照片
    photos: '添加照片',
    photosHint: spaced('纸上或屏幕上的#都可以；一张照片上有好几个时，会逐一找出来。也可以把照片拖到页面上。'),
    reading: file => `正在查看 ${file}`,
    photosFound: (n, files) => spaced(`在 ${number(files)} 张照片中找到 ${number(n)} 个#。`),
    photoFailed: (file, reason) => `${file}：${reason}`,
    unsure: file => `${file}：墨迹很淡，请仔细看看找到的是否正确。`,
    unnamed: n => spaced(n === 1 ? '这是哪个#？' : '这些是哪些#？'),
    unnamedHint: '在每张下面键入它是什么：键入或粘贴的内容会一张接一张地填下去。留空的可以丢弃。',
    nameOf: (i, n) => `第 ${i} 张，共 ${n} 张`,
    noSuchClass: typed => `这个模型没有类别“${isolate(typed)}”。`,
    take: n => `使用这 ${number(n)} 张`,
    drop: '丢弃其余',
    // 已有的图
    grid: '你画的',
    gridHint: '模型看到的就是这样。点一张可以把它拿掉。',
    total: (n, classes) => (alone ? `${number(n)} 张` : spaced(`${number(n)} 张，${number(count)} 个#中的 ${number(classes)} 个`)),
    none: '还没有',
    ofClass: (label, n) => `画 ${drawn(label)}：${n ? `${number(n)} 张` : '还没有'}`,
    drawing: (label, i, n) => `拿掉：${named(label)}，第 ${i} 张，共 ${n} 张`,
    removed: label => `已拿掉：${named(label)}。`,
    putBack: '放回去',
    notKept: '这个浏览器不让页面保存任何内容：离开之后，你画的就没有了。请在那之前把学到的保存为文件。',
    keptHere: '你画的和教会的都留在这个浏览器里，只有你自己保存成文件才会离开。',
    storeFailed: reason => `浏览器无法为下次访问保存这些（${reason}）。离开之前一切都还在：请把学到的保存为文件。`,
    otherSize: n => `以前保存的 ${number(n)} 张与这个模型不符，没有使用。`,
    deleteAll: '全部删除',
    deleteAllSure: '要删除所有画过的图和教会的风格吗？删除后无法恢复。',
    deleteYes: '删除',
    deleteNo: '保留',
    deletedAll: '已全部删除。',
    // 教
    teach: '开始教',
    teachOn: '接着教',
    teachAnew: '重新教',
    few: n => `再画 ${n} 张就可以开始教。`,
    ready: missing => [missing && spaced(`有 ${missing} 个#还没有画：模型会用自己画的来学，更接近它原来的笔迹。`), '二十张以上效果最好。'].filter(Boolean).join(''),
    starting: '正在准备',
    started: n => `正在用 ${number(n)} 张图教模型。`,
    progress: ({ step, total, rate, left }) =>
      [`第 ${number(step)} 步，共 ${number(total)} 步`, rate && `每秒 ${number(Math.round(rate))} 张`, left !== undefined && `还需约 ${duration(left)}`].filter(Boolean).join(' · '),
    progressOf: '进度',
    paused: '已暂停。',
    wentOn: '继续教。',
    finishing: '正在保存学到的内容',
    pause: '暂停',
    goOn: '继续',
    stopAndKeep: '停止并保留',
    throwAway: '丢弃',
    thrownAway: '正在教的内容已丢弃。你画的都还在。',
    loss: '损失',
    lossText: '模型的猜测与你画的相差多远：越低越好。线是用来学习的图；点是留出来检验的几张，图足够多时才有。',
    lossOf: ({ first, last }) => `损失，从开始的 ${first.toFixed(3)} 到现在的 ${last.toFixed(3)}`,
    base: '基础模型',
    mine: '你的笔迹',
    preview: (label, model) => `${named(label)}，${model}`,
    failed: '教的过程停止了',
    checkpointKept: '上一个检查点还在：可以从那里继续。',
    brokeOff: ({ step, total }) => `上次停在第 ${step} 步，共 ${total} 步。`,
    // 学到的
    result: '你的风格',
    resultText: '它和上面的其他风格在一起，有强度，也可以与它们混合。',
    learnt: ({ step }) => `学了 ${number(step)} 步。`,
    done: title => `完成：“${title}”现在是一种风格了。`,
    title: '名称',
    drawWith: '用它来画',
    savePeft: '保存 LoRA',
    saveConfig: '它的配置',
    saveText: 'LoRA 是一个 .safetensors 文件，diffusers、训练程序和本页都能用，本页可以再打开它。PEFT 自己要的是一个文件夹：其中它名为 adapter_model.safetensors，旁边是它的配置 adapter_config.json。',
    saveKohya: '保存为 kohya 的文件',
    saveFailed: '无法保存',
    deleteStyle: '删除这种风格',
    deletedStyle: title => `已删除风格“${title}”。`,
    otherBase: '它是教给另一个基础模型的，可能画得不成样子。',
  }
  return texts
}
