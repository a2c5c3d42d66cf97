// What the module says when something fails, and of where a model computes, in simplified Chinese; refusals-zh.js has the sentences of the engine's
// refusals, and why WebGPU is not used.
// Tests: tests/page/texts.test.mjs, language.test.mjs

const number = n => n.toLocaleString('zh')

/** @param {(details: any) => string} refusal */
export const errorsWith = refusal => ({
  unsupported: ({ what }) =>
    what === 'WebAssembly' ? '这个浏览器关闭了 WebAssembly（锁定模式，或其他设置），没有它模型无法运行。请为本站允许它，然后重新加载页面。' : `这个浏览器太旧，无法运行模型：它没有 ${what}。2023 年以后更新过的浏览器都可以。`,
  start: ({ why, address, status }) =>
    `无法启动运行模型的后台线程：${{
      file: '本页是作为文件打开的，浏览器不为文件启动线程。请用 HTTP 提供这个文件夹，再打开那个地址。',
      status: `服务器对它的脚本 ${address} 回答了 ${status}。请检查网站是否复制完整。`,
      page: `来的不是它的脚本 ${address}，而是一个网页。请检查网站是否复制完整。`,
      refused: `它的脚本在（${address}），但浏览器没有运行它。可能是本页的某个策略禁止了它。`,
    }[why] ?? '它的脚本没有加载到。请检查网络后重试。'}`,
  policy: ({ file, directive, address, need }) => `本页的策略禁止了 ${file}：其 Content-Security-Policy 的 ${directive} 需要 ${need ?? address}。`,
  release: ({ module, worker }) => `后台线程的版本（${worker}）与启动它的脚本的版本（${module}）不同：其中一个是旧的副本。请重新加载页面；如果一直如此，说明服务器上的文件不配套。`,
  engine: refusal,
  unreadable: refusal,
  misfit: refusal,
  unconfigured: refusal,
  adapter: refusal,
  picture: refusal,
  training: refusal,
  'engine-file': ({ file }) => `无法启动引擎，因为 ${file} 无法加载。请检查网络后重试。`,
  network: ({ file }) => `加载 ${file} 时连接中断。请检查网络后重试。`,
  missing: ({ file, status, page, unnamed }) =>
    unnamed && (page || status === 404)
      ? `模型不在 ${unnamed}，页面没有指定别处时就在那里寻找（${page ? '来的是一个网页' : '服务器返回 404'}）。请把软件包的 models 文件夹复制到网站上，并指定它：DigitDiffusion.load('/models/base/')，或 base="/models/base/"。`
    : page
      ? `缺少文件 ${file}：来的是一个网页，有些主机对所有地址都这样回答。请检查地址，或网站是否完整复制。`
    : status === 404
      ? `缺少文件 ${file}：服务器上没有它（404）。请检查地址，或网站是否完整复制。`
      : `无法加载文件 ${file}：服务器返回 ${status}。请稍后再试。`,
  truncated: ({ file, received, expected }) =>
    `文件 ${file} 不完整：${number(expected)} 字节中只收到 ${number(received)} 字节。请重试；如果仍然如此，说明服务器上的副本已损坏。`,
  mismatch: ({ file }) =>
    `文件 ${file} 不属于这个模型：它的 SHA-256 与清单不符。请重试；如果仍然如此，说明服务器上的文件彼此不配套。`,
  oversized: ({ file, expected }) =>
    `文件 ${file} 不属于这个模型：它超过了清单所列的 ${number(expected)} 字节。请重试；如果仍然如此，说明服务器上的文件彼此不配套。`,
  manifest: ({ file, why }) =>
    `无法使用文件清单 ${file}：${{ json: '它不是 JSON', page: '它不是 JSON，而是一个网页', format: '它的格式不是 digit-diffusion/1', shape: '它没有列出基础模型' }[why]}。`,
  'webgpu-unavailable': ({ why }) =>
    ({
      browser: '这个浏览器没有 WebGPU。',
      insecure: 'WebGPU 不可用：浏览器只对通过 HTTPS 提供的页面开放它，沙盒框架除外。',
      machine: 'WebGPU 不可用：浏览器支持它，但没有找到可用的图形处理器。',
    })[why],
  'device-lost': ({ message }) => `图形设备丢失，模型也随之丢失。${message ? `浏览器的说明：${message}。` : ''}请重新加载，或使用 CPU。`,
  crashed: ({ message }) => `引擎意外停止${message ? `(${message})` : ''}。请重新加载模型。`,
  disposed: () => '这个模型已被释放，不能再使用。',
})

/** @param {Record<string, (details: any) => string>} noWebGpu */
export const backendWith = noWebGpu => ({
  note({ backend, code, cpuMs, gpuMs, ...details }) {
    if (code in noWebGpu) return `${noWebGpu[code](details)}，所以图像在 CPU 上计算。`
    const [cpu, gpu] = [cpuMs, gpuMs].map(ms => `${ms?.toFixed(1)} 毫秒`)
    const where = { webgpu: '图像通过 WebGPU 在 GPU 上计算', cpu: '图像在 CPU 上计算' }[backend]
    const measured = { webgpu: `每步 ${gpu}，在 CPU 上要 ${cpu}`, cpu: `每步 ${cpu}，通过 WebGPU 在 GPU 上要 ${gpu}` }[backend]
    return {
      start: `${where}。`,
      chosen: `按照选择，${where}。`,
      'chosen-emulated': `按照选择，${where}，不过它在这台机器上只是软件模拟的。`,
      measured: `${where}：${measured}。`,
    }[code]
  },
})
