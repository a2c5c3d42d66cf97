// A base's files as one worker hands them to another: the weights as Blobs, of which many may have one copy.
// Tests: tests/page/train.test.mjs

/** @typedef {{ info: string, unetConfig: string, schedulerConfig: string, weights: Blob[], vaeConfig?: string, vaeWeights?: Uint8Array }} BaseFiles */

/** @param {Blob} blob */
export const bytesOf = async blob => new Uint8Array(await blob.arrayBuffer())

/** What the module reads a base from. @param {BaseFiles} files */
export const readBase = async files => ({ ...files, weights: await Promise.all(files.weights.map(bytesOf)) })
