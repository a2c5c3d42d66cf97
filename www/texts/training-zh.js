// What the training module refuses, in simplified Chinese, under the names of training.js.
// Tests: tests/page/texts.test.mjs

const english = reason => `英文原文：${reason}`

export const refusals = {
  'picture-file': ({ name, type }) => `${name ? `文件 ${name}` : '这个文件'} 不是浏览器能读取的图像${type ? `（${type}）` : ''}，请另存为 PNG 或 JPEG。`,
  'no-ink': () => '图像里没有能与背景区分的笔迹：请画得更清楚，或只截取照片中有字的部分。',
  'picture-size': ({ width, height, size }) => `图像为 ${width} x ${height} 像素，而网络只接受 ${size} x ${size}：请选择 none 以外的 fit。`,
  'picture-too-large': ({ width, height, most }) => `图像为 ${width} x ${height} 像素，超过 ${most * 100} 万：请先缩小。`,
  'picture-shape': ({ width, height, pixels }) => `${pixels} 字节不是一幅 ${width} x ${height} 图像的像素。`,
  'network-size': ({ size }) => `无法为 ${size} x ${size} 像素的网络准备图像。`,
  'training-lost': ({ reason }) => `训练意外停止${reason ? `（${reason}）` : ''}：请从最后的存档接着训练。`,
  'training-setting': ({ name, accepted }) => `训练设置 ${name} 无效。${english(`it must be ${accepted}`)}`,
  'training-autoencoder': () => '这个基础模型通过自编码器工作，目前还不能在这里教它您的笔迹：请教一个直接处理像素的基础模型。',
  'training-no-pictures': () => '没有可用来训练的图片。',
  'training-pictures': ({ pictures, size, values }) =>
    `模型绘制 ${size} x ${size} 的图片，而这 ${pictures} 张图片共有 ${values} 个数值，对不上。`,
  'training-kind': ({ path, kind }) => `${path} 是由 ${kind} 改变的，不能这样接着训练：请先把它转换为普通的 LoRA。`,
  'training-length': ({ found, expected }) => `得到了 ${found} 个数值，而参数有 ${expected} 个。`,
  'training-results': ({ found, expected }) => `得到了 ${found} 个结果，而任务有 ${expected} 个。`,
  'training-job': ({ found }) => `这 ${found} 个数值不是一项训练任务。`,
  'training-diverged': ({ step }) => `第 ${step} 步时损失已不是数字，训练停止：请降低学习率。`,
  'training-parameter': ({ tensor }) => `它与这个模型对不上：${tensor} 缺失、形状不同，或不在这里训练。`,
  'training-no-checkpoint': ({ missing }) => `这不是训练的存档：缺少 ${missing}。`,
  'training-other-base': () => '这个存档属于另一个基础模型上的训练。',
  'training-other-pictures': () => '这个存档属于用另一些图片进行的训练。',
}
