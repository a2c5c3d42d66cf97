// What the page says of the network's parts, in English; network-zh.js has it in Chinese. Loaded with the diagram.
// Tests: tests/page/texts.test.mjs, network.test.mjs
import { an } from '../words.js'

const size = ({ maps, side }) => `${maps} × ${side} × ${side}`
const share = (beside, of) => (beside < 1 ? `${(beside * 100).toFixed(0)}% of ${of}` : `${beside.toFixed(1)} times ${of}`)

/** @param {import('../words.js').Words} words */
export function networkOf({ one, count }) {
  const alone = count === 1
  const network = {
    parts: 'Parts of the network',
    size,
    names: {
      time: 'Timestep',
      label: 'Label',
      convIn: 'Convolution',
      resnet: 'ResNet',
      attention: 'Attention',
      down: 'Halve',
      up: 'Double',
      convOut: 'Convolution',
    },
    places: { in: 'comes in', down: 'way down', middle: 'middle', up: 'way up', out: 'comes out' },
    nameOf: ({ name, place, to }) => `${name}, ${place}, ${size(to)}`,
    title: ({ name, place }) => `${name}, ${place}`,
    shapes: ({ from, to }) => `${size(from)} → ${size(to)}`,
    same: shape => size(shape),
    about: {
      time: () => 'How noisy the picture is: t runs from 999, pure noise, to 0, clean. As waves of many lengths and two small layers it reaches every ResNet block, marked t.',
      label: ({ tokens, width }) => `${alone ? 'The one label' : `The ${one} you picked`}, as ${tokens} learned tokens of ${width} numbers, as a prompt is tokens for Stable Diffusion. Every attention block reads them. Guidance runs the network once more without them, and exaggerates the difference.`,
      convIn: ({ latents, patch, pixels, to }) => `${latents ? `An autoencoder stands before the network: ${latents} numbers, latents, are what it makes of each square of ${patch} × ${patch} pixels,` : `The picture comes in as squares of ${patch} × ${patch} pixels,`} so that ${pixels} × ${pixels} pixels are ${to.side} × ${to.side} places. A 3 × 3 convolution makes ${to.maps} feature maps of them.`,
      resnet: ({ skip, from }) =>
        `Two 3 × 3 convolutions and a shortcut around them: each place looks at its neighbours. Between the two the timestep comes in.${
          skip ? ` Of the ${from.maps} maps that it is given, ${skip} come straight across from the way down: a skip connection, so that fine strokes need not pass through the middle.` : ''
        }`,
      attention: ({ looks, places, tokens }) =>
        `${
          looks === 'both' ? `Each of the ${places} places looks at all others, then at the ${tokens} tokens of the label.` : `Each of the ${places} places looks at the ${tokens} tokens of the label, twice; at this size places do not look at each other.`
        } A small layer for each place by itself follows. Here the picture learns ${alone ? 'what' : `which ${one}`} it is to become.`,
      down: () => `A convolution that steps by two places: half as wide, half as high. What follows sees more of the ${one} at once.`,
      up: () => 'Every place becomes four, and a convolution smooths them: twice as wide, twice as high.',
      convOut: ({ to }) => `A 3 × 3 convolution makes ${to.maps} maps again, as many as came in. They are the network’s prediction, out of which the sampler works out the clean picture.`,
    },
    loraOff: 'Switch LoRA on above to see what a style changes here.',
    loraNone: title => `${title} changes nothing here.`,
    loraSome: ({ title, layers, kinds, largest, change }) => {
      const plain = kinds.every(kind => kind === 'LoRA')
      const what = plain ? (layers === 1 ? '1 matrix' : `${layers} matrices`) : layers === 1 ? '1 layer' : `${layers} layers`
      return `${title} changes ${what} here${plain ? ': W becomes W + s·BA' : `, by ${kinds.join(', ')}`}. The largest change is ${share(largest, change === 'bias' ? 'the bias' : 'W')}.`
    },
    data: ({ step, total }) => `Step ${step} of ${total}, in pictures`,
    dataIdle: `A step, in pictures: draw ${an(one)} to see them.`,
    dataIn: t => `comes in, t\u00a0=\u00a0${t}`,
    dataNoise: 'pure noise from the seed',
    dataGuess: `guess of the clean ${one}`,
    dataOut: t => (t === undefined ? 'goes on' : t === 0 ? 'done, t\u00a0=\u00a00' : `goes on, t\u00a0=\u00a0${t}`),
    byNetwork: 'network',
    bySampler: 'sampler',
  }
  return network
}
