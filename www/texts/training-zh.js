// What the training module refuses, in simplified Chinese, under the names of training.js.
// Tests: tests/page/texts.test.mjs

export const refusals = {
  'picture-file': ({ name, type }) => `${name ? `文件 ${name}` : '这个文件'} 不是浏览器能读取的图像${type ? `（${type}）` : ''}，请另存为 PNG 或 JPEG。`,
  'no-ink': () => '图像里没有能与背景区分的笔迹：请画得更清楚，或只截取照片中有字的部分。',
  'picture-size': ({ width, height, size }) => `图像为 ${width} x ${height} 像素，而网络只接受 ${size} x ${size}：请选择 none 以外的 fit。`,
  'picture-too-large': ({ width, height, most }) => `图像为 ${width} x ${height} 像素，超过 ${most * 100} 万：请先缩小。`,
  'picture-shape': ({ width, height, pixels }) => `${pixels} 字节不是一幅 ${width} x ${height} 图像的像素。`,
  'network-size': ({ size }) => `无法为 ${size} x ${size} 像素的网络准备图像。`,
}
