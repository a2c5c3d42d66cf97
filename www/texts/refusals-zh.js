// What the engine refuses, and why WebGPU is not used, in simplified Chinese: what engine.js, drawing.js, training.js and module.js say.
// Tests: tests/page/texts.test.mjs, language.test.mjs
import { refusals as training } from './training-zh.js'

const list = names => (names.length > 6 ? `${names.slice(0, 6).join('、')} 等` : names.join('、'))
const shape = sides => `[${sides.join(', ')}]`
const english = reason => `英文原文：${reason}`
const batch = ({ pictures, height, width }) => `一次 ${pictures} 张 ${height} x ${width} 的图像`
const unread = '无法读取这个文件：它不是完整的 safetensors 文件，可能已损坏，或没有下载完。'
const foreign = {
  empty: '它是空的，请重新下载',
  lfs: '它只是 Git LFS 的指针，不是权重本身；请在它的仓库里运行 git lfs pull，或直接下载这个文件',
  page: '它是网页（HTML）；这个地址通向一个页面，请使用下载文件本身的链接',
  pickle: '它是 PyTorch 的 pickle 文件（.bin、.pt、.pth、.ckpt），打开时可能运行代码；请在信任它的前提下用 Python 读取，再用 safetensors.torch.save_file 保存',
  zip: '它是 ZIP 压缩包；请解压，使用其中的 .safetensors 文件',
  compressed: '它是压缩过的；请先解压',
  gguf: '它是 GGUF 文件；请使用这个模型的 .safetensors 文件',
  onnx: '它是 ONNX 模型；请使用这个模型的 .safetensors 文件',
  hdf5: '它是 HDF5 文件（Keras）；请使用这个模型的 .safetensors 文件',
  json: '它是 JSON（配置或文件清单）；请使用它所属的 .safetensors 文件',
}
const factor = (tensor, why) => `张量 ${tensor} 不是 LoRA 的因子：${why}。`

export const refusals = {
  ...training,
  json: ({ file, reason }) => `${file} 的内容不符合要求，或不是 JSON。${english(reason)}`,
  'config-unsupported': ({ file, key, found, accepted }) => `${file}：不支持 ${key} ${found}，${accepted === undefined ? '请去掉这一项' : `只支持 ${accepted}`}。`,
  'config-sampler': ({ file, sampler, key, found, accepted }) => `${file}：采样器 ${sampler} 不支持 ${key} ${found}，只支持 ${accepted}。`,
  'config-process': ({ file, key, found }) => `${file}：${key} ${found} 不属于 DDPM 的扩散过程（flow matching、EDM 是别的过程），请换一个模型。`,
  'config-value': ({ file, key, accepted, found }) =>
    `${file}：${found === undefined ? `缺少 ${key}` : `${key} 的值 ${found} 不符合要求`}。${english(`must be ${accepted}`)}`,
  'config-changes-base': ({ file, method }) => `${file}：init_lora_weights "${method}" 还会改变基础模型自己的权重，不受支持。请先转换成普通的 LoRA。`,
  'config-invalid': ({ file, reason }) => `${file} 的设置无法使用。${english(reason)}`,
  safetensors: () => unread,
  'foreign-file': ({ what }) => `无法读取这个文件：它不是 safetensors 文件。${foreign[what]}。`,
  'safetensors-length': () => unread,
  'tensor-twice': ({ tensor }) => `无法读取这个文件：张量 ${tensor} 出现在两个分片里，它们不属于同一个模型。`,
  'tensor-type': ({ tensor, found }) => `无法读取这个文件：张量 ${tensor} 的类型是 ${found}，只能读取 8 到 64 位的浮点数和整数。`,
  'quantized-list': ({ tensor }) => `无法解开量化的权重：${tensor ? `列表里没有 ${tensor} 的形状和位数（2 到 8）` : '张量列表不是 JSON 对象'}。`,
  'quantized-missing': ({ tensor }) => `无法解开量化的权重：列表里有 ${tensor}，文件里却没有它或 ${tensor}.scale。`,
  'quantized-size': ({ tensor }) => `无法解开量化的权重：${tensor} 的字节数或缩放系数的个数与它的形状不符。`,
  'quantized-scale': ({ tensor }) => `无法解开量化的权重：${tensor}.scale 里有不是数字的值。`,
  unwritable: ({ reason }) => `无法写出 safetensors 文件。${english(reason)}`,
  weights: ({ missing, unexpected, wrong }) => {
    const parts = Object.entries({ 缺少: missing, 多出: unexpected, 形状或类型不符: wrong }).filter(([, names]) => names.length)
    return `权重与模型对不上：${parts.map(([what, names]) => `${what} ${names.length} 个（${list(names)}）`).join('；')}。`
  },
  'no-numbers': ({ tensor }) => `${tensor} 里有些值不是数字：文件已损坏，或训练出了问题。`,
  'adapter-empty': () => '这个 LoRA 无法使用：文件里没有适配器的张量，例如 lora_A 和 lora_B。',
  'unknown-modules': ({ paths, known }) => `这个 LoRA 无法使用：它要改变的 ${list(paths)} 是这里的基础模型没有的；基础模型的模块名形如 ${known}。`,
  'factor-twice': ({ path }) => `这个 LoRA 无法使用：${path} 的因子以两个名字出现了两次，请去掉其中一个。`,
  'not-targeted': ({ path, setting }) => `这个 LoRA 无法使用：文件里有 ${path} 的因子，而 adapter_config.json 的 ${setting} 把它排除在外；请改正其中之一。`,
  'not-linear': ({ path }) => `这个 LoRA 无法使用：它要改变的 ${path} 既不是线性层，也不是卷积。`,
  'module-shape': ({ path }) => `它要改变的 ${path} 与这里的基础模型对不上：它是为另一个模型训练的。`,
  'missing-factor': ({ path }) => `这个 LoRA 无法使用：${path} 的两个因子只有一个。`,
  'factor-shapes': ({ path, a, b }) =>
    `这个 LoRA 无法使用：${path} 的因子形状是 ${shape(a)} 和 ${shape(b)}，不是线性层或卷积的一对因子。`,
  'unknown-alpha': () => '不知道它的 alpha：请同时打开它的 adapter_config.json。',
  'unconfigured-kind': ({ kind }) => `${kind} 的设置不在文件里：请同时打开它的 adapter_config.json。`,
  alpha: ({ path }) => `这个 LoRA 无法使用：${path} 的 alpha 必须是不为 0 的数字。`,
  'tensor-shape-of-module': ({ path, tensor }) => `${path} 的 ${tensor} 与这里的基础模型对不上：它是为另一个模型训练的，或已损坏。`,
  'missing-tensor': ({ path, has, missing }) => `这个 LoRA 无法使用：${path} 有 ${has}，却没有与它配套的 ${missing}，文件已损坏或不完整。`,
  'tensors-together': ({ path, tensor, kind }) => `这个 LoRA 无法使用：${path} 里的 ${tensor} 与 ${kind} 不能放在一起。`,
  'no-bias': ({ path }) => `这个 LoRA 无法使用：它要改变 ${path} 的偏置，而这里的基础模型在那里没有偏置。`,
  'text-encoder': ({ tensor }) => `这个 LoRA 无法使用：${factor(tensor, '它要改变文本编码器，而这个模型没有')}`,
  'not-a-factor': ({ tensor }) => `这个 LoRA 无法使用：${factor(tensor, '它不属于任何可读取的适配器种类')}`,
  'unknown-adapter': ({ name, loaded }) => `没有加载名为“${name}”的适配器（已加载：${loaded.join('、') || '无'}）。`,
  steps: ({ sampler, most, found }) => `采样器 ${sampler} 的步数必须是 1 到 ${most}，而不是 ${found}。`,
  eta: ({ found }) => `eta 必须是 0 到 1，而不是 ${found}。`,
  'guidance-scale': ({ found }) => `引导强度必须是数字，而不是 ${found}。`,
  'guidance-start': ({ found }) => `引导的起点必须不小于 0 且小于 1，而不是 ${found}。`,
  'guidance-stop': ({ start, found }) => `引导的终点必须在它的起点 ${start} 和 1 之间，而不是 ${found}。`,
  'guidance-eta': ({ found }) => `引导的 eta 必须是 0 到 1，而不是 ${found}。`,
  batch: ({ labels, seeds }) => `种子和标签必须一样多，至少各一个，而这里有 ${seeds} 个种子和 ${labels} 个标签。`,
  class: ({ found, last }) => `没有类别 ${found}，这个模型的类别是 0 到 ${last}。`,
  'class-name': ({ found, known }) => `没有类别“${found}”，这个模型有 ${known.length > 20 ? `${known.slice(0, 20).join('、')} 等` : known.join('、')}。`,
  sampler: ({ found, known }) => `没有采样器“${found}”，可选 ${known.join('、')}。`,
  'timestep-spacing': ({ found, known }) => `没有时间步间隔“${found}”，可选 ${known.join('、')}。`,
  latents: ({ expected, found }) => `初始噪声必须有 ${expected.join(' x ')} 个值，而不是 ${found} 个。`,
  'latents-values': () => '初始噪声必须全是有限的数字。',
  strength: ({ name, found }) => `适配器“${name}”的强度必须是数字，而不是 ${found}。`,
  prediction: ({ labels, timesteps, channels, side, found }) =>
    `${labels} 个标签和 ${timesteps} 个时间步需要同样多的 ${channels} 通道潜变量，边长须能被 ${side} 整除，而不是 ${shape(found)}。`,
  input: ({ values, timesteps, expected }) => `${values} 个值和 ${timesteps} 个时间步不能组成 ${expected.join(' x ')} 的潜变量。`,
  autoencoded: ({ values, expected, factor }) =>
    `${values} 个值不能组成自动编码器的 ${shape(expected)} 图片，边长须能被 ${factor} 整除。`,
  over: () => '这次运行已经结束，没有下一步了。',
  argument: ({ reason }) => `引擎收到了错误的参数。${english(reason)}`,
  misuse: ({ reason }) => `引擎在错误的时刻被调用。${english(reason)}`,
  'not-finite': ({ step }) => `第 ${step} 步时网络的输出不是有限的数字：权重已损坏，或设备出了问题。`,
  'gpu-lost': () => '设备没有返回结果：GPU 已丢失。',
  'gpu-memory': details => `设备没有返回结果：${batch(details)}需要的内存超过了它所拥有的。`,
  'gpu-batch': details => `设备没有返回结果：${batch(details)}超过了这个 GPU 的上限。`,
  'device-refused': ({ reason }) => `设备没有返回结果。${english(reason)}`,
  'device-length': ({ found, expected }) => `设备没有返回完整的结果：应有 ${expected} 个值，只得到 ${found} 个。`,
  'webgpu-limit': ({ reason }) => `WebGPU 无法运行这样的网络。${english(reason)}`,
  'no-webgpu': ({ why }) => `${noWebGpu[why.code](why)}。请把设备改为“自动”或“CPU”。`,
}

/** The sentence of a refusal. */
export const refusal = ({ kind, message, ...fields }) => refusals[kind]?.(fields) ?? `引擎报告了一个问题。${english(message)}`

export const noWebGpu = {
  browser: () => '这个浏览器没有 WebGPU',
  insecure: () => '浏览器只对通过 HTTPS 提供的页面开放 WebGPU，沙盒框架除外',
  machine: () => '浏览器支持 WebGPU，但没有找到可用的 GPU',
  emulated: () => '这台机器上的 WebGPU 只是软件模拟的，比 CPU 慢',
  'not-started': ({ reason }) => `WebGPU 无法启动（${english(reason)}）`,
  refused: ({ error: { kind, fields } }) => `WebGPU 无法运行这个模型（${refusals[kind](fields).replace(/。$/, '')}）`,
  wrong: ({ difference }) => `WebGPU 在这里算不对这个模型（相差 ${difference.toExponential(1)}）`,
}
