// Makes www/pictures/: the example on the first view, the picture that a shared link shows, and the icons. All digits in them are drawn by
// the shipped model. Run it after `cargo xtask build` when the model or its look has changed: node tests/page/make-pictures.mjs
// Tests: tests/page/first-view.test.mjs compares the example with what the model draws.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { deflateSync } from 'node:zlib'
import { launch, newPage } from './support/browser.mjs'
import { EXAMPLE, drawExample } from './support/example.mjs'
import { serve } from './support/server.mjs'

const WWW = new URL('../../www/', import.meta.url)
const OUT = new URL('pictures/', WWW)
const SIDE = 28

/** @param {Buffer} bytes */
function crc32(bytes) {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ -1) >>> 0
}

/** @param {string} type @param {Buffer} data */
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

/** A PNG of 8-bit greys, which a browser's encoder does not make. @param {number} width @param {number} height @param {Uint8Array} greys */
function greyPng(width, height, greys) {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  const lines = Array.from({ length: height }, (_, y) => Buffer.concat([Buffer.from([0]), greys.subarray(y * width, (y + 1) * width)]))
  const data = deflateSync(Buffer.concat(lines), { level: 9 })
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

/** The steps side by side, a row for each track. @param {number[][][]} tracks of steps of greys */
function sprite(tracks) {
  const [width, height] = [SIDE * tracks[0].length, SIDE * tracks.length]
  const greys = new Uint8Array(width * height)
  for (const [row, steps] of tracks.entries())
    for (const [column, step] of steps.entries())
      for (let y = 0; y < SIDE; y++) greys.set(step.slice(y * SIDE, (y + 1) * SIDE), (row * SIDE + y) * width + column * SIDE)
  return greyPng(width, height, greys)
}

const server = await serve({ prefix: '/' })
const browser = await launch()
await mkdir(OUT, { recursive: true })
try {
  const { page } = await newPage(browser)
  await page.goto(`${server.url}blank.html`)
  const example = sprite(await drawExample(page))
  await writeFile(new URL('example.png', OUT), example)

  /** A page that is only looked at. @param {string} name @param {number} width @param {number} height @param {string} body @param {string} css */
  const screenshot = async (name, width, height, body, css) => {
    const { page, close } = await newPage(browser, { viewport: { width, height } })
    await page.setContent(`<!doctype html><style>*{box-sizing:border-box;margin:0}body{width:${width}px;height:${height}px}${css}</style>${body}`)
    await page.waitForFunction(() => [...document.images].every(image => image.complete && image.naturalWidth))
    await page.screenshot({ path: fileURLToPath(new URL(name, OUT)) })
    await close()
  }

  const source = `data:image/png;base64,${example.toString('base64')}`
  const steps = [0, 2, 4, 6, 8, EXAMPLE.steps - 1] // of the film: what fits beside each other, the last among them
  const pictures = [0, 1].map(track => steps.map(step => `<i style="--x:${step};--y:${track}"><img src="${source}"></i>`).join('')).join('')
  await screenshot(
    'share.png', 1200, 630, `<h1>Watch noise become a digit</h1><div>${pictures}</div><p><b>Digit Diffusion</b> · a small diffusion model with LoRA, in your browser</p>`,
    `body{display:grid;align-content:space-between;padding:56px 52px;background:#131316;color:#f1f0ec;font-family:'Source Sans 3','Noto Sans','DejaVu Sans',sans-serif}
    h1{font-size:60px;letter-spacing:-.025em;line-height:1}p{font-size:26px;color:#a5a4ad}b{color:#f1f0ec}
    div{display:grid;grid-template-columns:repeat(6,168px);gap:18px}
    i{position:relative;width:168px;height:168px;overflow:hidden;border-radius:6px;box-shadow:0 0 0 1px #303036}i:nth-child(n+7){box-shadow:0 0 0 2px #ff9057}
    img{position:absolute;width:2016px;height:336px;left:calc(var(--x)*-168px);top:calc(var(--y)*-168px);image-rendering:pixelated}`,
  )
  // The icon's drawing ends where a maskable icon may be cut: a circle of 80 %. Other icons show more of it.
  const svg = (await readFile(new URL('favicon.svg', WWW), 'utf8')).replace('rx="6"', '')
  const icon = (name, side, share) =>
    screenshot(name, side, side, svg, `body{background:#111114;display:grid;place-items:center}svg{width:${side * share}px;height:${side * share}px}`)
  await icon('apple-touch-icon.png', 180, 1)
  await icon('icon-192.png', 192, 1)
  await icon('icon-512.png', 512, 1)
  await icon('maskable-512.png', 512, 0.78)
} finally {
  await browser.close()
  await server.close()
}
