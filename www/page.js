// The page: a change of the controls draws, a film remembers, the stage shows.
import { isAbort } from './errors.js'
import { Address } from './page/address.js'
import { Attention } from './page/attention.js'
import { Changes } from './page/changes.js'
import { Controls } from './page/controls.js'
import { receiveFiles, recognise } from './page/files.js'
import { Keep } from './page/keep.js'
import { startLanguage } from './page/language.js'
import { hideNotice, showNotice } from './page/notice.js'
import { keepOffline } from './page/offline.js'
import { Session } from './page/session.js'
import { isBase, readSettings, writeSettings } from './page/settings.js'
import { Sheet } from './page/sheet.js'
import { Stage } from './page/stage.js'
import { Studio } from './page/studio.js'
import { Tour } from './page/tour.js'
import { live } from './texts/page.js'

const calm = matchMedia('(prefers-reduced-motion: reduce)')
const $ = id => document.getElementById(id)

document.documentElement.dataset.started = '' // guard.js can stand down
await startLanguage(translate)

const attention = new Attention({ onopen: () => studio.attend() })
const stage = new Stage(attention)
const session = new Session({ onprogress: showProgress, onready: adopt, onlost: recover, onsettled: settle })
const controls = new Controls({ onchange: change, onaction: act })
const { state, styles } = controls
const sheet = new Sheet({ onopen: openCell })
const address = new Address({ compose, onchange: restore })
const keep = new Keep({ link: () => address.link, shown: () => stage.shown, announce, onfail: error => refuse(error, live.failed.keep) })
const changes = new Changes({ title: name => styles.title(name) })
const studio = new Studio({ session, controls, stage, attention, changes, sheet, compose, announce, onsettled: settle, onfail: report, onprogress: showProgress })
const tour = new Tour({ draw: wander, onchange: settle })
let spare = true // a model that dies is replaced once
let failed = false // the last run did; a dying device may fail it before the loss is known
let asked = null // of what a link or a picture says, what is still to be answered for

function announce(text) {
  $('announcer').textContent = text
}

function compose() {
  return writeSettings({ ...state, styles: controls.strengths, baseHash: session.model?.baseHash ?? asked?.base })
}

function change(name, moving = false) {
  if (name === 'device') return changeDevice(state.device)
  if (name === 'fullSpeed') return
  if (!['steps', 'sampler', 'guidance'].includes(name)) tour.stop()
  if (name === 'style') {
    controls.lora = true // who chooses a style wants to see it
    controls.describeStyle()
  }
  address.update()
  if (state.digit === undefined) return
  if (name === 'strength') studio.tune(moving)
  else studio.draw({ keepBase: state.lora && ['lora', 'style'].includes(name) })
}

/** The one button: draws, or stops whatever is under way. */
function act() {
  if (studio.busy || session.loading || tour.running) {
    if (!studio.busy) announce(live.stopped)
    tour.stop()
    session.stop()
    studio.stop()
    return
  }
  if (session.model) controls.pickAny()
  if (state.digit === undefined) return load()
  address.update()
  studio.draw()
}

/** One stop of a tour. */
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
  address.update()
  await studio.draw()
}

function openCell({ digit, seed }) {
  tour.stop()
  controls.digit = digit
  controls.seed = seed
  address.update()
  studio.draw()
  $('stage').scrollIntoView({ block: 'nearest', behavior: calm.matches ? 'auto' : 'smooth' })
}

/** Files that were dropped or picked: a picture's settings come back, an adapter becomes a style. */
async function openFiles(files) {
  try {
    const { settings, adapter } = await recognise(files)
    if (adapter) return await addOwn(adapter)
    const read = readSettings(settings)
    if (!read) throw new Error(live.files.foreign)
    restore(read)
    announce(live.restored(files[0].name))
  } catch (error) {
    if (!isAbort(error)) refuse(error, live.failed.file(files[0].name))
  }
}

async function addOwn({ base, ...adapter }) {
  const model = await session.ready()
  const { name, title } = await session.addOwn(adapter)
  controls.offer(session.styles)
  styles.choose(name)
  change('style')
  announce(live.added(title))
  if (base && !isBase(base, model.baseHash)) refuse({ message: live.otherBaseStyle(title) }, live.otherBaseTitle, { mild: true })
  else if (state.digit === undefined) stage.say(live.added(title))
}

/** Brings the page to what a link or a picture says, and draws it. */
function restore({ settings, complaints }) {
  tour.stop()
  asked = { base: settings.base, complaints: [...complaints, ...controls.restore(settings)] }
  address.update()
  if (state.digit !== undefined) studio.draw()
  if (session.model) answer(session.model)
}

/** Says what of it could not be had. */
function answer({ baseHash }) {
  const { base, complaints } = asked ?? { complaints: [] }
  asked = null
  const title = complaints.length ? live.restoredPartly : live.otherBaseTitle
  if (base !== undefined && !isBase(base, baseHash)) complaints.push(live.otherBase)
  if (complaints.length) refuse({ message: complaints.join(' ') }, title, { mild: true })
}

function refuse({ message }, title, { mild = false } = {}) {
  showNotice({ title, message, mild, actions: [{ title: live.dismiss, run: () => {} }] })
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

async function changeDevice(device) {
  studio.stop()
  hideNotice()
  try {
    const loading = session.load(device)
    settle()
    await loading
    if (state.digit !== undefined) studio.renew()
  } catch (error) {
    if (session.loading) return // another choice has been made meanwhile
    controls.device = session.device
    if (isAbort(error)) return session.model || stage.say(live.loadStopped)
    if (!session.model) return report(error, 'load')
    refuse(error, live.failed.kept(session.model.backend), { mild: true })
  }
}

/** A model that has died is started anew without a question, and what it was drawing is drawn again; a second time it is told. */
function recover(error) {
  if (!spare) return report(error, 'lost')
  spare = false
  announce(live.recovering)
  controls.loaded = false
  if ((studio.busy || failed) && state.digit !== undefined) return studio.draw()
  studio.abandon()
  load()
}

/**
 * Says what failed and offers what may help.
 * @param {'load' | 'style' | 'run' | 'lost'} doing
 */
function report(error, doing) {
  tour.stop()
  studio.abandon()
  settle()
  failed = doing === 'run'
  stage.say('')
  const retry = { title: live.retry, run: () => (state.digit === undefined ? load() : studio.draw()) }
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

function adopt(model) {
  const complaints = controls.adopt(model, session.styles)
  model.settled.then(() => model === session.model && controls.describeBackend())
  asked?.complaints.push(...complaints)
  answer(model)
  keepOffline()
  if (state.digit !== undefined) return address.update()
  stage.say(live.ready)
  announce(live.ready)
}

function showProgress({ phase, loaded, total, retry, title = live.loading }) {
  if (phase === 'start') return stage.showProgress({ title: live.starting })
  const detail = retry ? live.retrying(retry) : live.downloaded(loaded, total)
  if (retry && $('announcer').textContent !== detail) announce(detail)
  stage.showProgress({ title, detail, loaded, total })
}

/** Called whenever something begins or ends. */
function settle() {
  stage.busy = studio.busy || session.loading
  controls.busy = studio.busy || session.loading || tour.running
  if (studio.busy) failed = false
  keep.ready = stage.shown !== undefined
  if (!session.loading) stage.hideProgress()
}

/** Says what stands on the page in the language that has just been chosen. */
function translate() {
  controls.translate()
  stage.translate()
  attention.translate()
  changes.translate()
  sheet.translate()
  if (stage.shown === undefined && session.model && !studio.busy) stage.say(live.ready)
}

for (const kind of ['digits', 'seeds']) $(`many-${kind}`).addEventListener('click', () => (tour.stop(), studio.drawSheet(kind)))
receiveFiles(openFiles)
stage.showProgress({ title: live.loading })
const linked = address.read()
if (linked) restore(linked)
if (state.digit === undefined) load()
