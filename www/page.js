// The page: a change of the controls makes the runner draw, a recording keeps the steps, the stage shows them.
// Tests: tests/page/page.test.mjs
import { isAbort } from './errors.js'
import { turboOf } from './files.js'
import { AttentionMaps } from './page/attention-maps.js'
import { Bases, namesBase, readManifest } from './page/bases.js'
import { ContactSheet } from './page/contact-sheet.js'
import { Controls } from './page/controls.js'
import { $ } from './page/dom.js'
import { ExportButtons } from './page/export-files.js'
import { receiveFiles } from './page/import-files.js'
import { builtBase, startLanguage, useWords } from './page/language.js'
import { ModelSession } from './page/model-session.js'
import { NetworkSection } from './page/network-section.js'
import { Move } from './page/move.js'
import { hideNotice, showNotice } from './page/notice.js'
import { registerServiceWorker } from './page/register-service-worker.js'
import { openFiles } from './page/open-files.js'
import { Runner } from './page/runner.js'
import { isBase, writeSettings } from './page/settings-text.js'
import { ShareLink } from './page/share-link.js'
import { Stage } from './page/stage.js'
import { StyleChanges } from './page/style-changes.js'
import { TeachSection } from './page/teach-section.js'
import { Tour } from './page/tour.js'
import { live } from './texts/page.js'
import { faceOf, forms, words } from './words.js'

/**
 * @typedef {import('./digit-diffusion.js').DigitDiffusion} DigitDiffusion
 * @typedef {import('./digit-diffusion.js').DigitDiffusionError} DigitDiffusionError
 * @typedef {import('./page/open-files.js').Asked} Asked
 */

const savesData = /** @type {any} */ (navigator).connection?.saveData || matchMedia('(prefers-reduced-data: reduce)').matches

document.documentElement.dataset.started = '' // guard.js can stand down
await startLanguage(translate)

const network = new NetworkSection({ title: name => controls.styles.title(name) })
const attention = new AttentionMaps({ onopen: () => runner.attend() })
const stage = new Stage(attention, network)
const session = new ModelSession({ onprogress: showProgress, onready: adopt, onlost: recover, onsettled: settle })
const controls = new Controls({ onchange: change, onaction: act })
const { state, styles } = controls
const bases = new Bases({ onchange: changeBase })
const sheet = new ContactSheet({ onopen: openCell, onmore: from => drawSheet('digits', from) })
const shareLink = new ShareLink({ compose, onchange: restore })
const exportButtons = new ExportButtons({ link: () => shareLink.link, shown: () => stage.shown, announce, onfail: error => refuse(error, live.failed.keep) })
const changes = new StyleChanges({ title: name => styles.title(name), onshow: (model, name) => network.change(model, name) })
const runner = new Runner({ session, controls, stage, attention, changes, sheet, compose, announce, onsettled: settle, onfail: report, onwithout: () => shareLink.update(), onprogress: showProgress })
const tour = new Tour({ draw: wander, onchange: settle })
const teach = new TeachSection(() => import('./teach.js'), {
  session, words, forms, faceOf, isAbort, announce, onstyles: offerStyles, onuse: drawWith, load: () => session.loading || load(),
  onfail: error => refuse(error, live.failed.part),
})
const move = new Move({ session, bases, controls, runner, sheet, stage, onsettled: settle, onkept: () => (asked = null), onfail: error => report(error, 'load'), refuse })
let spare = true // a model that dies is replaced once
let failed = false // the last run did; a dying device may fail it before the loss is known
/** Of what a link or a picture says, what is still to be answered for. @type {{ base: string | undefined, complaints: string[] } | null} */
let asked = null

/** @param {string} text */
function announce(text) {
  $('announcer').textContent = text
}

function compose() {
  return writeSettings({ ...controls.settings, baseHash: session.model?.baseHash ?? asked?.base, baseName: bases.linked(session.base) })
}

/** @param {import('./page/controls.js').Change} name */
function change(name, moving = false) {
  if (name === 'device') return changeDevice(state.device)
  if (name === 'fullSpeed') return
  if (!['steps', 'sampler', 'guidance'].includes(name)) tour.stop()
  if (name === 'style') {
    controls.lora = true // who chooses a style wants to see it
    controls.describeStyle()
  }
  shareLink.update()
  if (name === 'morph' && session.model) controls.pickAny()
  if (state.digit === undefined) return
  if (['digit', 'seed', 'lora', 'style', 'turbo'].includes(name)) stage.see()
  if (name === 'strength' || controls.turbo.on) runner.follow(moving)
  else runner.draw({ keepBase: state.lora && ['lora', 'style'].includes(name) })
}

/** Nothing moves of its own any more. */
function rest() {
  tour.stop()
  controls.turbo.morph.halt()
}

/** The one button: draws, or stops whatever is under way. */
function act() {
  if (runner.busy || session.loading || tour.running) {
    if (!runner.busy) announce(live.stopped)
    rest()
    session.stop()
    runner.stop()
    return
  }
  if (session.model) controls.pickAny()
  if (state.digit === undefined) return load()
  shareLink.update()
  stage.see()
  runner.draw()
}

/** One stop of a tour. @param {AbortSignal} signal */
async function wander(signal) {
  hideNotice()
  try {
    const loading = session.ready()
    settle()
    await loading
  } catch (error) {
    if (!isAbort(error)) report(error, 'load')
    return
  }
  if (signal.aborted) return // the visitor has chosen something else meanwhile
  controls.roll()
  shareLink.update()
  await runner.draw()
}

/** @param {'digits' | 'seeds'} kind @param {number} [from] */
function drawSheet(kind, from) {
  rest()
  runner.drawSheet(kind, from)
}

/** The styles of the visitor's own have changed. What is drawn with one of them is drawn again. */
function offerStyles() {
  const before = JSON.stringify(styles.strengths)
  controls.offer(session)
  if (!Object.keys(styles.strengths).length) controls.lora = false
  if (JSON.stringify(styles.strengths) !== before) shareLink.update()
  if (state.lora && stage.shown !== undefined) runner.draw({ keepBase: true })
}

/** @param {string} name of a style that has just been made */
function drawWith(name) {
  tour.stop()
  controls.pickAny()
  styles.choose(name)
  change('style')
}

/** @param {import('./page/contact-sheet.js').Cell} cell */
function openCell({ digit, seed }) {
  rest()
  controls.digit = digit
  controls.seed = seed
  shareLink.update()
  runner.draw()
  stage.see()
}

/** Brings the page to what a link or a picture says, and draws it. @param {Asked} asked */
function restore({ settings, complaints }) {
  tour.stop()
  const { address, hash, unknown } = bases.asked(settings.base, session)
  const other = address !== session.base
  const told = controls.restore(settings, { later: other })
  asked = { base: hash, complaints: [...complaints, ...unknown, ...told] }
  if (other && (session.model || session.loading)) return move.to(address)
  session.base = bases.chosen = address
  shareLink.update()
  if (state.digit !== undefined) {
    stage.see()
    runner.draw()
  }
  if (session.model) answer(session.model)
}

/** Says which of the settings could not be restored. @param {DigitDiffusion} model */
function answer({ baseHash }) {
  const { base, complaints } = asked ?? /** @type {NonNullable<typeof asked>} */ ({ complaints: [] })
  asked = null
  const title = complaints.length ? live.restoredPartly : live.otherBaseTitle
  if (base !== undefined && !isBase(base, baseHash)) complaints.push(live.otherBase)
  if (complaints.length) refuse({ message: complaints.join(' ') }, title, { mild: true })
}

/** @param {{ message: string }} error @param {string} title @param {{ mild?: boolean, actions?: import('./page/notice.js').Action[] }} [more] */
function refuse({ message }, title, { mild = false, actions = [] } = {}) {
  showNotice({ title, message, mild, actions: [...actions, { title: live.dismiss, run: () => {} }] })
}

async function load() {
  hideNotice()
  try {
    const loading = session.ready()
    settle()
    await loading
  } catch (error) {
    if (session.loading) return // for another device
    if (isAbort(error)) stage.say(live.loadStopped)
    else report(error, 'load')
  }
}

/** @param {import('./digit-diffusion.js').Device} device */
async function changeDevice(device) {
  runner.stop()
  hideNotice()
  try {
    const loading = session.load(device, session.wanted.base)
    settle()
    await loading
    if (state.digit !== undefined) runner.renew()
  } catch (error) {
    if (session.loading) return // another choice has been made meanwhile
    controls.device = session.device
    bases.chosen = session.base
    if (isAbort(error)) return session.model || stage.say(live.loadStopped)
    if (!session.model) return report(error, 'load')
    refuse(error, live.failed.kept(session.model.backend), { mild: true })
  }
}

/** A model that has died is started anew without a question, and what it was drawing is drawn again; a second time it is told. @param {DigitDiffusionError} error */
function recover(error) {
  if (!spare) return report(error, 'lost')
  spare = false
  announce(live.recovering)
  controls.loaded = false
  if ((runner.busy || failed) && state.digit !== undefined) return runner.draw()
  runner.abandon()
  load()
}

/** @param {string} name */
function changeBase(name) {
  rest()
  return move.to(bases.address(name))
}

/**
 * Says what failed and offers what may help.
 * @param {Error & { code?: string }} error
 * @param {'load' | 'style' | 'run' | 'lost'} doing
 */
function report(error, doing) {
  rest()
  runner.abandon()
  settle()
  failed = doing === 'run'
  stage.say('')
  const retry = { title: live.retry, run: () => (state.digit === undefined ? load() : runner.draw()) }
  const useCpu = {
    title: live.useCpu,
    run: () => {
      controls.device = 'cpu'
      changeDevice('cpu')
    },
  }
  const onGpu = error.code === 'device-lost' || session.device === 'webgpu'
  const actions = error.code === 'unsupported' ? [] : onGpu ? [retry, useCpu] : [retry]
  showNotice({ title: live.failed[session.model ? doing : doing === 'run' ? 'lost' : doing], message: error.message, actions })
  controls.loaded = Boolean(session.model)
}

/** @param {DigitDiffusion} model */
function adopt(model) {
  const { noun, labels, imageSize } = model
  const title = session.base === undefined ? model.title : words.title // the page keeps its name
  bases.chosen = session.base
  network.adopt(session.base)
  const known = { title, noun, labels, image_size: imageSize, adapters: model.catalog }
  useWords(known, translate)
  stage.size = imageSize
  const only = labels.length === 1 && state.digit === undefined
  const complaints = controls.adopt(model, session)
  model.settled.then(() => model === session.model && controls.describeBackend())
  asked?.complaints.push(...complaints)
  answer(model)
  teach.adopt(model)
  registerServiceWorker()
  if (state.digit !== undefined && !only) return shareLink.update()
  stage.say(live.ready)
  announce(live.ready)
}

/** @param {import('./digit-diffusion.js').Progress & { title?: string }} progress */
function showProgress({ title = live.loading, ...progress }) {
  if (progress.phase === 'start') return stage.showProgress({ title: live.starting })
  const { loaded, total, retry } = progress
  const detail = retry ? live.retrying(retry) : live.downloaded(loaded, total)
  if (retry && $('announcer').textContent !== detail) announce(detail)
  stage.showProgress({ title, detail, loaded, total })
}

/** Who saves data is asked before the download begins. */
function invite() {
  if (!savesData || session.model || session.loading || runner.busy) return
  settle()
  stage.showProgress({ title: live.saving, detail: live.savingNote, still: true })
}

/** What the page is of is known before the model is there: by the build, or by the manifest, which is small. `needed`: a link names a base. */
async function meet(needed = false) {
  const built = builtBase()
  if (built?.labels) controls.offerLabels(built.labels)
  $('many-digits').hidden = words.count === 1
  const { base, adapters, bases: others } = await readManifest(needed)
  if (base) bases.offer(base, others)
  if (session.model || !Array.isArray(base?.labels)) return
  controls.offerLabels(base.labels.map(String))
  if (Array.isArray(adapters)) controls.turbo.offer(adapters.map(({ turbo, ...adapter }) => ({ ...adapter, turbo: turboOf(turbo) })))
  await useWords({ ...base, adapters }, translate)
}

/** Called whenever something begins or ends. */
function settle() {
  stage.busy = runner.busy || session.loading
  controls.busy = (runner.busy && !runner.quick) || session.loading || tour.running
  if (runner.busy) failed = false
  exportButtons.ready = stage.shown !== undefined
  if (!session.loading) stage.hideProgress()
}

/** Says what stands on the page in the language that has just been chosen. */
function translate() {
  controls.translate()
  bases.translate()
  stage.translate()
  attention.translate()
  changes.translate()
  network.translate()
  sheet.translate()
  teach.translate()
  $('many-digits').hidden = words.count === 1
  if (stage.shown === undefined && session.model && !runner.busy) stage.say(live.ready)
  invite()
}

for (const kind of /** @type {const} */ (['digits', 'seeds']))
  $(`many-${kind}`).addEventListener('click', () => drawSheet(kind))
receiveFiles((files, dropped) => (dropped && teach.takes(files)) || openFiles(files, { session, controls, stage, restore, change, announce, refuse }))
const linked = shareLink.read()
const named = namesBase(linked?.settings.base)
const met = meet(named)
await Promise.all([teach.restore(), named && met])
if (linked) restore(linked)
if (state.digit === undefined && !savesData) load()
else stage.showProgress({ title: live.loading })
invite()
