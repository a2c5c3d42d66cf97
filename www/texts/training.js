// What the training module refuses, in English; training-zh.js has it in Chinese. Only the worker that teaches loads it.
// Tests: tests/page/texts.test.mjs, prepare-drawing.test.mjs

/** By the error's `kind`: beginnings of sentences. */
export const refusals = {
  // Pictures.
  'picture-file': ({ name, type }) =>
    `${name ? `the file ${name}` : 'the file'} is no picture that this browser reads${type ? ` (${type})` : ''}; save it as PNG or JPEG`,
  'no-ink': () => 'there is no ink in the picture that can be told from the ground; draw it stronger, or choose the part of the photograph that shows it',
  'picture-size': ({ width, height, size }) => `the picture has ${width} x ${height} pixels, the network takes ${size} x ${size}; choose another fit than 'none'`,
  'picture-too-large': ({ width, height, most }) => `the picture has ${width} x ${height} pixels, more than ${most} million; make it smaller first`,
  'picture-shape': ({ width, height, pixels }) => `${pixels} bytes are not the pixels of a picture of ${width} x ${height}`,
  'network-size': ({ size }) => `no picture can be prepared for a network of ${size} x ${size} pixels`,
}
