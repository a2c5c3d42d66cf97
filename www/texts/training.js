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
  // Training.
  'training-lost': ({ message }) => message,
  'training-setting': ({ name, accepted }) => `${name} must be ${accepted}`,
  'training-autoencoder': () => 'the base works behind an autoencoder, and a hand cannot be taught to such a base here yet; teach a base of pixels',
  'training-no-pictures': () => 'there are no pictures to train on',
  'training-pictures': ({ pictures, size, values }) =>
    `${pictures} pictures of ${size} x ${size}, which the model draws, are not ${values} values`,
  'training-kind': ({ path, kind }) => `${path} is changed by ${kind}, which is not trained on as it is; convert it to plain LoRA`,
  'training-length': ({ found, expected }) => `${found} values came for ${expected} parameters`,
  'training-results': ({ found, expected }) => `${found} results came of ${expected} jobs`,
  'training-job': ({ found }) => `${found} numbers are not a training job’s`,
  'training-diverged': ({ step }) => `the loss is no number any more at step ${step}, so training stopped; lower the learning rate`,
  'training-parameter': ({ tensor }) => `it does not fit this model: ${tensor} is missing, has another shape, or is not trained here`,
  'training-no-checkpoint': ({ missing }) => `this is not the checkpoint of a training: ${missing} is missing`,
  'training-other-base': () => 'the checkpoint is of a training on another base',
  'training-other-pictures': () => 'the checkpoint is of a training on other pictures',
}
