// Strokes of a pen: as they are drawn on the pad, and as a picture for the model.
// Tests: tests/page/teach-pad.test.mjs

/** x, y and width of each point, one after the other, in shares of the pad's side. @typedef {number[]} Stroke */

/** Of the pad's side; on a digit that fills the dashed square it is as thick as the pens of MNIST. */
export const WIDTH = 0.075
const PICTURE = 224 // pixels of the picture that is prepared for the model: eight for each of MNIST's
const MARGIN = 16 // of them on each side: what touches a picture's edge would be taken for something that is cut off
const NEAR = 0.004 // of the pad's side: closer points say nothing new
/** @param {number} value */
const rounded = value => Math.round(value * 1e4) / 1e4

/**
 * Adds a point, unless it is where the last one is.
 * @param {Stroke} stroke
 * @param {number} x @param {number} y
 * @param {number} [width]
 */
export function extend(stroke, x, y, width = WIDTH) {
  const [lastX, lastY] = stroke.slice(-3)
  if (stroke.length && Math.hypot(x - lastX, y - lastY) < NEAR) return
  stroke.push(rounded(x), rounded(y), rounded(width))
}

/** How wide a pen draws that is pressed so. Mice and fingers have no pressure that means anything. @param {PointerEvent} event */
export const widthOf = ({ pointerType, pressure }) => (pointerType === 'pen' && pressure > 0 ? WIDTH * (0.4 + 1.1 * pressure) : WIDTH)

/**
 * Draws strokes, smooth from point to point, white.
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {number} side of the canvas, in pixels
 * @param {Stroke[]} strokes
 */
export function drawStrokes(context, side, strokes) {
  Object.assign(context, { lineCap: 'round', lineJoin: 'round', strokeStyle: '#fff', fillStyle: '#fff' })
  for (const stroke of strokes) {
    const points = Array.from({ length: stroke.length / 3 }, (_, i) => ({ x: stroke[3 * i] * side, y: stroke[3 * i + 1] * side, width: stroke[3 * i + 2] * side }))
    const [first] = points
    context.beginPath()
    context.arc(first.x, first.y, first.width / 2, 0, 2 * Math.PI)
    context.fill()
    // From the middle between two points to the next middle, with the point between them as what the curve leans to.
    let from = first
    for (const [i, point] of points.entries()) {
      const next = points[i + 1]
      const to = next ? { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2, width: (point.width + next.width) / 2 } : point
      context.beginPath()
      context.moveTo(from.x, from.y)
      context.quadraticCurveTo(point.x, point.y, to.x, to.y)
      context.lineWidth = point.width
      context.stroke()
      from = to
    }
  }
}

/** White strokes on black. @param {Stroke[]} strokes */
export function pictureOf(strokes) {
  const canvas = Object.assign(document.createElement('canvas'), { width: PICTURE, height: PICTURE })
  const context = canvas.getContext('2d', { willReadFrequently: true })
  context.fillStyle = '#000'
  context.fillRect(0, 0, PICTURE, PICTURE)
  context.translate(MARGIN, MARGIN)
  drawStrokes(context, PICTURE - 2 * MARGIN, strokes)
  return context.getImageData(0, 0, PICTURE, PICTURE)
}
