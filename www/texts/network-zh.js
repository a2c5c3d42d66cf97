// What the page says of the network's parts, in simplified Chinese.
// Tests: tests/page/texts.test.mjs, network.test.mjs

const size = ({ maps, side }) => `${maps} × ${side} × ${side}`
const share = (beside, of) => (beside < 1 ? `${of}的 ${(beside * 100).toFixed(0)}%` : `${of}的 ${beside.toFixed(1)} 倍`)

/** @type {Record<string, string>} as in zh.js */
const nouns = { digit: '数字', letter: '字母', character: '字符', symbol: '符号', picture: '图像' }

/** Kinds of change that have no name of their own, as in zh.js. @type {Record<string, string>} */
const kindsOfChange = { 'LoHa with DoRA': 'LoHa + DoRA', 'LoKr with DoRA': 'LoKr + DoRA', 'full difference': '完整的差', 'whole layer': '整层', bias: '偏置' }

/** @param {import('../words.js').Words} words */
export function networkOf({ one, count }) {
  const alone = count === 1
  const noun = nouns[one] ?? one
  const spaced = text => text.replaceAll('#', /[\x21-\x7f]$/.test(noun) ? ` ${noun} ` : noun).replace(/^ | (?=[，。：、；？]|$)|(?<=[，。：、；“”]) /g, '')
  const network = {
    parts: '网络的各个部分',
    size,
    names: { time: '时间步', label: '标签', convIn: '卷积', resnet: '残差块', attention: '注意力', down: '减半', up: '加倍', convOut: '卷积' },
    places: { in: '输入', down: '下行', middle: '中间', up: '上行', out: '输出' },
    nameOf: ({ name, place, to }) => `${name}，${place}，${size(to)}`,
    title: ({ name, place }) => `${name}，${place}`,
    shapes: ({ from, to }) => `${size(from)} → ${size(to)}`,
    same: shape => size(shape),
    about: {
      time: () => '图像有多少噪声：t 从 999（纯噪声）走到 0（干净）。它先变成许多不同波长的波，再经过两个小层，进入每个标有 t 的残差块。',
      label: ({ tokens, width }) => spaced(`${alone ? '唯一的标签' : '你选的#'}，写成 ${tokens} 个学到的词元，每个有 ${width} 个数，就像 Stable Diffusion 的提示词也是词元。每个注意力块都会读它们。引导会在没有标签的情况下再运行一次网络，并放大两者的差别。`),
      convIn: ({ latents, patch, pixels, to }) => `${latents ? `网络前面有一个自编码器：它把每个 ${patch} × ${patch} 像素的小方块变成 ${latents} 个数，即潜变量，` : `图像以 ${patch} × ${patch} 像素的小方块进入，`}于是 ${pixels} × ${pixels} 像素变成 ${to.side} × ${to.side} 处。一个 3 × 3 卷积把它们变成 ${to.maps} 张特征图。`,
      resnet: ({ skip, from }) =>
        `两个 3 × 3 卷积，外加一条绕过它们的捷径：每一处都看看自己的邻居。时间步在两者之间加入。${
          skip ? `它得到的 ${from.maps} 张图中，有 ${skip} 张直接来自下行的一侧：这是跳跃连接，细小的笔画因此不必穿过中间。` : ''
        }`,
      attention: ({ looks, places, tokens }) =>
        spaced(`${
          looks === 'both' ? `${places} 处中的每一处先看其他各处，再看标签的 ${tokens} 个词元。` : `${places} 处中的每一处看标签的 ${tokens} 个词元，看两次；在这个尺寸上，各处互不相看。`
        }之后是一个逐点处理的小层。图像在这里知道自己要变成${alone ? '什么' : '哪个#'}。`),
      down: () => spaced('每次跨两处的卷积：宽和高都减半。后面的部分一眼能看到#的更大一片。'),
      up: () => '每一处变成四处，再用卷积抹平：宽和高都加倍。',
      convOut: ({ to }) => `一个 3 × 3 卷积又得到 ${to.maps} 张图，与输入一样多。这就是网络的预测，采样器由它算出干净的图像。`,
    },
    loraOff: '打开上面的 LoRA，就能看到风格在这里改变了什么。',
    loraNone: title => `“${title}”在这里什么也不改变。`,
    loraSome: ({ title, layers, kinds, largest, change }) =>
      `“${title}”在这里改变 ${layers} ${kinds.every(kind => kind === 'LoRA') ? '个矩阵：W 变成 W + s·BA' : `层，方式是 ${kinds.map(kind => kindsOfChange[kind] ?? kind).join('、')}`}。最大的改变是 ${share(largest, change === 'bias' ? '偏置' : 'W ')}。`,
    data: ({ step, total }) => `第 ${step} 步（共 ${total} 步）的图像`,
    dataIdle: spaced('一步之中的图像：画一个#就能看到。'),
    dataIn: t => `输入，t\u00a0=\u00a0${t}`,
    dataNoise: '由种子产生的纯噪声',
    dataGuess: spaced('对干净#的猜测'),
    dataOut: t => (t === undefined ? '继续' : t === 0 ? '完成，t\u00a0=\u00a00' : `继续，t\u00a0=\u00a0${t}`),
    byNetwork: '网络',
    bySampler: '采样器',
  }
  return network
}
