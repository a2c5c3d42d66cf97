// Where a step stands in the noise: its timestep t over the steps of the run, drawn as SVG.
import { live, page } from '../texts/page.js'

const HEIGHT = 180
const PAD = { left: 44, right: 12, top: 14, bottom: 28 }
const plot = document.getElementById('schedule-plot')
let shown

/** @param {{ timesteps: number[], position: number, total: number }} run the timesteps so far; `position` counts from 1 */
export function showSchedule(run) {
  shown = run
  document.getElementById('schedule').hidden = false
  const { step, total, timestep } = { step: run.position, total: run.total, timestep: Math.round(run.timesteps[run.position - 1]) }
  plot.setAttribute('aria-label', live.scheduleAt({ step, total, timestep }))
  draw()
}

// One unit is one pixel, so that the words in it are as large on a phone; folded away, it has no width.
new ResizeObserver(draw).observe(plot)

function draw() {
  const width = plot.clientWidth
  if (!width || !shown) return
  const { timesteps, position, total } = shown
  const top = Math.max(...timesteps, 1)
  const x = i => PAD.left + ((width - PAD.left - PAD.right) * (i + 0.5)) / total
  const y = t => HEIGHT - PAD.bottom - ((HEIGHT - PAD.top - PAD.bottom) * t) / top
  const points = timesteps.map((t, i) => ({ cx: x(i), cy: y(t) }))
  const here = points[position - 1]
  const [left, right] = [PAD.left, width - PAD.right]
  plot.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
  plot.replaceChildren(
    ...[top, top / 2, 0].map(t => element('line', { class: 'grid', x1: left, x2: right, y1: y(t), y2: y(t) })),
    ...[top, 0].map(t => element('text', { class: 'tick', x: left - 8, y: y(t) + 4, 'text-anchor': 'end' }, Math.round(t))),
    element('text', { class: 'tick', x: left, y: HEIGHT - 6 }, page.filmStart),
    element('text', { class: 'tick', x: right, y: HEIGHT - 6, 'text-anchor': 'end' }, page.filmEnd),
    element('polyline', { class: 'path', points: points.map(({ cx, cy }) => `${cx},${cy}`).join(' ') }),
    element('line', { class: 'drop', x1: here.cx, x2: here.cx, y1: here.cy, y2: y(0) }),
    ...points.map(point => element('circle', { class: 'visit', ...point, r: total > 30 ? 2 : 3.5 })),
    element('circle', { class: 'here', ...here, r: 7 }),
  )
}

function element(name, attributes, text = '') {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  node.textContent = text
  return node
}
