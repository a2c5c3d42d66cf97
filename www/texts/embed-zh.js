// embed.html in simplified Chinese, under the names that stand in its data-text; backticks are code.
// Tests: tests/page/texts.test.mjs, embed-page.test.mjs, language.test.mjs

export const page = {
  title: '把 Digit Diffusion 放到你自己的网页上',
  description: '把 Digit Diffusion 放到自己网页上的六种方法，每一种都有正在运行的例子和它的代码。',
  headline: '放到你自己的网页上',
  lead: '一个模块里有一个元素和一个类。它可以放在与你的网页不同的源上，只要那里的主机允许（CORS）；图像进入视野之前，不会加载任何大的东西。每段代码旁边就是它的结果：运行的正是那段代码。',
  broken: '页面的一部分无法加载。请检查网络，然后重新加载页面。',
  tag: '一个标签',
  tagText: '它一被看到就开始画。外观可以用它的盒子来设置，也可以用属性 `--digit-diffusion-size`、`--digit-diffusion-ground` 和 `--digit-diffusion-accent`，以及部件 `picture`、`progress` 和 `error`。同一页上的所有元素共用一个引擎。',
  slider: '一种风格，一个滑块',
  sliderText: '`lora` 是清单中一个适配器的名字，或你自己的 PEFT 文件夹的地址。特性就是属性：任何改变都会重新绘制，`load`、`progress`、`done` 和 `error` 报告进展。',
  steps: '画布上的每一步',
  stepsText: '类在你要的时候给出每一步：离开循环，运行就停止。`AbortSignal` 也能停止下载或运行。',
  grid: '一次画出所有数字，混合几种风格',
  gridText: '数组组成一批：所有图像一起穿过网络一次。适配器可以叠加，各有各的强度。',
  teach: '一块会教的画板',
  teachText: '画十张就够了。`train` 在工作线程里用它们训练出一个 LoRA，你每要一次，它就给出一轮进展：离开循环，到那时为止学到的会留下。它和其他适配器没有区别，`exportAdapter` 把它做成 PEFT 文件。图画不会离开浏览器。按下“开始教”之前什么都不下载；按下之后，除引擎和模型外再下载 0.3 MB，用两个核心大约需要一分钟。',
  frame: '一个框架',
  frameText: '不接受脚本的页面，也许接受框架。元素的属性写在地址里。',
  npm: '来自 npm',
  npmText: '这个网站的文件夹就是一个带类型的 npm 包，Vite 无需配置就能使用。模型按地址获取：把 `node_modules/digit-diffusion/models` 复制到你的网站提供文件的地方，再把那个地址写进 `base` 或 `DigitDiffusion.load()`。',
  csp: '内容安全策略（CSP）',
  cspText: "请允许 `script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'`。来自其他源的模块必须写进 `script-src` 和 `connect-src`。这里没有内联脚本，也没有内联样式。",
  credits: '用 Yann LeCun 和 Corinna Cortes 的 MNIST 训练（CC BY-SA 3.0）。',
}

/** Words in the examples' own markup, which is shown as code. @type {Record<string, string>} */
export const markup = {
  'Strength <': '强度 <',
  '>Draw<': '>绘制<',
  '>Draw all<': '>全部绘制<',
  '"An 8"': '"数字 8"',
  '"Progress"': '"进度"',
  'Draw a <': '请画 <',
  ', then press Next.<': '，然后按“下一个”。<',
  '>Next<': '>下一个<',
  '>Clear<': '>清除<',
  '>Teach<': '>开始教<',
  '>Stop<': '>停止<',
  '>Save the LoRA<': '>保存 LoRA<',
  '"Pad"': '"画板"',
  '"1, 3, 5, 7 and 9 in your hand"': '"你的笔迹的 1、3、5、7 和 9"',
  '"All ten digits"': '"全部十个数字"',
  '"The digit 5, drawn from noise"': '"从噪声中画出的数字 5"',
}

export const said = { copy: '复制', copied: '已复制', notAllowed: '这里不允许', code: '代码' }
