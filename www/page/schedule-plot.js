// How noisy each step is: the model's noise schedule as a curve, the run's steps as points on it, drawn as SVG.
// Tests: tests/page/explanations.test.mjs
import { live } from '../texts/page.js'
import { $ } from './dom.js'

/**
 * The schedule, by timestep, and the timesteps so far; `position` counts from 1.
 * @typedef {{ alphas: Float32Array, timesteps: number[], position: number, total: number }} Schedule
 */

const HEIGHT = 200
const PAD = { left: 52, right: 12, top: 14, bottom: 30 }
const plot = $('schedule-plot', SVGElement)
/** @type {Schedule | undefined} */
let shown

/** @param {Schedule} schedule */
export function showSchedule({ alphas, timesteps, position, total }) {
  shown = { alphas, timesteps: timesteps.map(Math.round), position, total }
  $('schedule').hidden = false
  const timestep = shown.timesteps[position - 1]
  plot.setAttribute('aria-label', live.scheduleAt({ step: position, total, timestep, share: alphas[timestep] }))
  draw()
}

// One unit is one pixel, so that the text in it is as large on a phone; folded away, it has no width.
new ResizeObserver(draw).observe(plot)

/** Like the film strip it begins with noise, on the left. */
function draw() {
  const width = plot.clientWidth
  if (!width || !shown) return
  const { alphas, timesteps, position, total } = shown
  const last = alphas.length - 1
  const [left, right, bottom] = [PAD.left, width - PAD.right, HEIGHT - PAD.bottom]
  /** @param {number} t */
  const x = t => right - ((right - left) * t) / last
  /** @param {number} share */
  const y = share => bottom - (bottom - PAD.top) * share
  const points = timesteps.map(t => ({ cx: x(t), cy: y(alphas[t]) }))
  const here = points[position - 1]
  plot.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
  plot.replaceChildren(
    ...[1, 0.5, 0].map(share => element('line', { class: 'grid', x1: left, x2: right, y1: y(share), y2: y(share) })),
    ...[1, 0.5, 0].map(share => element('text', { class: 'tick', x: left - 8, y: y(share) + 4, 'text-anchor': 'end' }, `${share * 100}%`)),
    element('text', { class: 'tick', x: left, y: HEIGHT - 8 }, live.scheduleNoise(last)),
    element('text', { class: 'tick', x: right, y: HEIGHT - 8, 'text-anchor': 'end' }, live.scheduleDigit),
    element('polyline', { class: 'path', points: Array.from(alphas, (share, t) => `${x(t)},${y(share)}`).join(' ') }),
    element('line', { class: 'stem', x1: here.cx, x2: here.cx, y1: here.cy, y2: bottom }),
    ...points.map(point => element('circle', { class: 'visit', ...point, r: total > 30 ? 2 : 3.5 })),
    element('circle', { class: 'here', ...here, r: 7 }),
  )
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function element(name, attributes, text = '') {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value))
  node.textContent = text
  return node
}
