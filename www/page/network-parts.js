// The network's parts in the order in which a feature map passes them, read off its configuration (diffusers' UNet2DConditionModel), under
// diffusers' names. What is computed in them is the engine's; here is only what is where, and how large.
// Tests: tests/page/network.test.mjs

/**
 * Maps x side x side.
 * @typedef {{ maps: number, side: number }} Shape
 * @typedef {'time' | 'label' | 'convIn' | 'resnet' | 'attention' | 'down' | 'up' | 'convOut'} Kind
 * @typedef {{ path: string, kind: Kind, place: 'in' | 'down' | 'middle' | 'up' | 'out', level: number, from: Shape, to: Shape,
 *   skip?: number, looks?: 'label' | 'both' }} Part `level` counts from the largest size, 0; `skip`: how many of the maps that come in a skip
 * connection brings; `looks`: whether attention reads the label alone, or the picture too
 * @typedef {{ in_channels: number, out_channels: number, sample_size: number | number[], block_out_channels: number[], layers_per_block: number | number[],
 *   down_block_types: string[], up_block_types: string[], mid_block_type: string | null, only_cross_attention: boolean | boolean[],
 *   cross_attention_dim: number | number[] }} Config
 */

/** Modules beside their part: the norm before the last convolution has no place of its own. @type {Record<string, string>} */
const BESIDE = { conv_norm_out: 'conv_out' }

/** The part that a module of the network is in. @param {Part[]} parts @param {string} path @returns {Part | undefined} */
export const partOf = (parts, path) => {
  const place = BESIDE[path] ?? path
  return parts.find(part => place === part.path || place.startsWith(`${part.path}.`))
}

/** A value for each level, or one for all. @template T @param {T | T[]} value @param {number} level @returns {T} */
const at = (value, level) => (Array.isArray(value) ? value[level] : value)

/** @param {Config} config @returns {Part[]} */
export function partsOf(config) {
  const { block_out_channels: widths, down_block_types: downs, up_block_types: ups } = config
  const levels = widths.length
  /** @type {number[]} */
  const sides = [at(config.sample_size, 0)]
  while (sides.length < levels) sides.push(Math.ceil(sides.at(-1) / 2)) // as a convolution of stride 2 leaves it
  /** @param {number} maps @param {number} level @returns {Shape} */
  const shape = (maps, level) => ({ maps, side: sides[level] })
  /** @type {Part[]} */
  const parts = []
  const looks = (/** @type {number} */ level) => (at(config.only_cross_attention, level) ? 'label' : 'both')
  const input = shape(config.in_channels, 0)
  parts.push({ path: 'time_embedding', kind: 'time', place: 'in', level: 0, from: input, to: input })
  parts.push({ path: 'encoder_hid_proj', kind: 'label', place: 'in', level: 0, from: input, to: input })
  parts.push({ path: 'conv_in', kind: 'convIn', place: 'down', level: 0, from: input, to: shape(widths[0], 0) })

  /** What the way down keeps for the way up. */
  const kept = [widths[0]]
  let now = widths[0]
  for (const [level, width] of widths.entries()) {
    const at_ = /** @type {const} */ ({ place: 'down', level })
    for (let i = 0; i < at(config.layers_per_block, level); i++) {
      parts.push({ path: `down_blocks.${level}.resnets.${i}`, kind: 'resnet', ...at_, from: shape(now, level), to: shape(width, level) })
      if (/Attn/.test(downs[level])) parts.push({ path: `down_blocks.${level}.attentions.${i}`, kind: 'attention', ...at_, from: shape(width, level), to: shape(width, level), looks: looks(level) })
      kept.push((now = width))
    }
    if (level === levels - 1) continue
    parts.push({ path: `down_blocks.${level}.downsamplers.0`, kind: 'down', ...at_, from: shape(width, level), to: shape(width, level + 1) })
    kept.push(width)
  }

  if (config.mid_block_type !== null) {
    const all = /** @type {const} */ ({ place: 'middle', level: levels - 1, from: shape(now, levels - 1), to: shape(now, levels - 1) })
    parts.push({ path: 'mid_block.resnets.0', kind: 'resnet', ...all })
    if (/Attn/.test(config.mid_block_type)) parts.push({ path: 'mid_block.attentions.0', kind: 'attention', ...all, looks: 'both' })
    parts.push({ path: 'mid_block.resnets.1', kind: 'resnet', ...all })
  }

  for (let block = 0; block < levels; block++) {
    const level = levels - 1 - block
    const width = widths[level]
    const at_ = /** @type {const} */ ({ place: 'up', level })
    for (let i = 0; i <= at(config.layers_per_block, level); i++) {
      const skip = kept.pop()
      parts.push({ path: `up_blocks.${block}.resnets.${i}`, kind: 'resnet', ...at_, from: shape(now + skip, level), to: shape(width, level), skip })
      if (/Attn/.test(ups[block])) parts.push({ path: `up_blocks.${block}.attentions.${i}`, kind: 'attention', ...at_, from: shape(width, level), to: shape(width, level), looks: looks(level) })
      now = width
    }
    if (level) parts.push({ path: `up_blocks.${block}.upsamplers.0`, kind: 'up', ...at_, from: shape(width, level), to: shape(width, level - 1) })
  }
  parts.push({ path: 'conv_out', kind: 'convOut', place: 'out', level: 0, from: shape(now, 0), to: shape(config.out_channels, 0) })
  return parts
}
