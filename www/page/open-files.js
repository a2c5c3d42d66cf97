// What becomes of files that a visitor opens: a picture's settings come back, an adapter becomes a style. One that does not fit as a whole
// is refused; if something of it fits, that is offered.
// Tests: tests/page/files.test.mjs, own-adapters.test.mjs
import { isAbort } from '../errors.js'
import { live } from '../texts/page.js'
import { recognise } from './import-files.js'
import { isBase, readSettings } from './settings-text.js'

/**
 * @typedef {NonNullable<ReturnType<typeof readSettings>>} Asked
 * @typedef {{ title: string, run: () => void }} Action
 * @typedef {object} Page
 * @property {import('./model-session.js').ModelSession} session
 * @property {import('./controls.js').Controls} controls
 * @property {import('./stage.js').Stage} stage
 * @property {(asked: Asked) => void} restore
 * @property {(name: 'style' | 'turbo') => void} change
 * @property {(text: string) => void} announce
 * @property {(error: { message: string }, title: string, more?: { mild?: boolean, actions?: Action[] }) => void} refuse
 */

/** The codes of adapters of which a part may fit. */
const MISFITS = ['misfit', 'adapter']

/** @param {File[]} files @param {Page} page @param {boolean} [partial] whether what fits of an adapter will do */
export async function openFiles(files, page, partial = false) {
  const { session, restore, announce, refuse } = page
  const [{ name }] = files
  let own
  try {
    const { settings, adapter } = await recognise(files)
    own = adapter
    if (own) return await addOwn({ ...own, partial }, page)
    const read = readSettings(settings)
    if (!read) throw new Error(live.files.foreign)
    restore(read)
    announce(live.restored(name))
  } catch (error) {
    if (isAbort(error)) return
    const offer = own && !partial && MISFITS.includes(error.code) && (await session.fitsPartly(own))
    refuse(error, live.failed.file(name), { actions: offer ? [{ title: live.useFits, run: () => openFiles(files, page, true) }] : [] })
  }
}

/** @param {import('./import-files.js').OwnAdapter & { partial: boolean }} own @param {Page} page */
async function addOwn({ base, ...own }, { session, controls, stage, change, announce, refuse }) {
  const model = await session.ready()
  const { title, adapter } = await session.addOwn(own)
  controls.offer(session)
  const kind = adapter.turbo ? 'turbo' : 'style'
  if (adapter.turbo) controls.turbo.choose(adapter.name)
  else controls.styles.choose(adapter.name)
  change(kind)
  const told = live.added(title, adapter)
  announce(told)
  if (controls.state.digit === undefined) stage.say(told)
  const other = base && !isBase(base, model.baseHash) && live.otherBaseStyle(title)
  const message = [adapter.unused && live.partly({ ...adapter, unused: byReason(adapter.unused) }), other].filter(Boolean).join(' ')
  if (message) refuse({ message }, adapter.unused ? live.addedPartly(title) : live.otherBaseTitle, { mild: true })
}

/**
 * What of an adapter is not used, by its reasons: the first tensors of each, and the sentence about the first.
 * @param {NonNullable<import('../digit-diffusion.js').Adapter['unused']>} unused
 */
function byReason(unused) {
  return [...Map.groupBy(unused, ({ kind }) => kind).values()].map(([{ tensor, reason }, ...others]) => ({
    tensors: [tensor, ...others.slice(0, 2).map(({ tensor }) => tensor)],
    more: others.length > 2,
    reason,
  }))
}
