// The page: a change of the controls draws, a film remembers, the stage shows.
import { isAbort } from './errors.js'
import { Controls } from './page/controls.js'
import { Film, lockstep } from './page/film.js'
import { hideNotice, showNotice } from './page/notice.js'
import { Session } from './page/session.js'
import { Stage } from './page/stage.js'
import { live } from './texts/page.js'

const MOMENT = 90 // milliseconds that a step stays for, so that the eye can follow
const calm = matchMedia('(prefers-reduced-motion: reduce)')

document.documentElement.dataset.started = '' // guard.js can stand down

const stage = new Stage()
const session = new Session({ onprogress: showProgress, onready: adopt, onlost: error => report(error, 'lost'), onsettled: settle })
const controls = new Controls({ onchange: change, onaction: act })
const { state } = controls
let film = null
let run = null // the AbortController of the drawing under way

const announce = text => {
  document.getElementById('announcer').textContent = text
}
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

function change(name) {
  if (name === 'device') return changeDevice(state.device)
  if (name === 'fullSpeed') return
  if (name === 'style') {
    controls.lora = true // who chooses a style wants to see it
    controls.describeStyle()
  }
  if (state.digit === undefined) return
  draw({ keepBase: state.lora && ['lora', 'style', 'strength'].includes(name) })
}

/** The one button: draws, or stops whatever is under way. */
function act() {
  if (run || session.loading) {
    session.stop()
    run?.abort()
    return
  }
  if (state.digit === undefined && session.model) {
    const { labels } = session.model
    controls.digit = labels[Math.floor(Math.random() * labels.length)]
  }
  if (state.digit === undefined) load()
  else draw()
}

/**
 * Draws the digit: by the base alone, or in lockstep by the base and the styled model from the same noise.
 * `keepBase` replays the base's steps when they are there already and nothing that they depend on has changed.
 */
async function draw({ keepBase = false } = {}) {
  run?.abort()
  const mine = (run = new AbortController())
  const { signal } = mine
  let doing = 'load'
  hideNotice()
  settle()
  try {
    if (!session.model) stage.say(live.waiting(state.digit))
    const model = await session.ready()
    signal.throwIfAborted()
    stage.say('')
    const { digit, seed, steps, sampler, guidance, lora, style, strength } = state // a change begins another draw()
    doing = 'style'
    const adapter = lora && (await addStyle(signal))
    doing = 'run'
    announce(live.drawing(digit, lora))

    const key = JSON.stringify([digit, seed, steps, sampler, guidance, model.baseHash, model.backend])
    const kept = keepBase && film?.key === key && film.tracks.base.length === film.total
    const tracks = { base: kept ? film.tracks.base : [], ...(lora && { lora: [] }) }
    film = new Film({ key, digit, total: steps, tracks })
    stage.open(film)
    if (adapter) controls.describeStyle(adapter)

    const sample = adapters => model.sample({ label: digit, seed, steps, sampler, guidanceScale: guidance, adapters, signal })
    const runs = { ...(!kept && { base: sample({}) }), ...(lora && { lora: sample({ [style]: strength }) }) }
    for await (const fresh of lockstep(runs)) {
      for (const [track, step] of Object.entries(fresh)) tracks[track].push(step)
      stage.update({ follow: !calm.matches || film.complete })
      const spent = Object.values(fresh).reduce((sum, { ms }) => sum + ms, 0)
      if (!film.complete && !state.fullSpeed) await pause(MOMENT - spent)
    }
    announce(live.done(digit, steps))
  } catch (error) {
    if (signal.aborted && run === mine) stopped()
    else if (!isAbort(error) && run === mine) report(error, doing)
  } finally {
    if (run === mine) run = null
    settle()
  }
}

function stopped() {
  stage.update() // where a reduced-motion run has not shown its steps yet
  if (!film?.length) stage.say(session.model ? live.stopped : live.loadStopped)
  announce(live.stopped)
}

async function addStyle(signal) {
  const onprogress = progress => showProgress({ ...progress, title: live.fetchingStyle(controls.title) })
  try {
    return await session.addStyle(state.style, { signal, onprogress })
  } finally {
    settle()
  }
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
  run?.abort()
  hideNotice()
  try {
    const loading = session.load(device)
    settle()
    await loading
    if (state.digit !== undefined) draw()
  } catch (error) {
    if (session.loading) return // another choice has been made meanwhile
    controls.device = session.device
    if (isAbort(error)) return
    if (!session.model) return report(error, 'load')
    showNotice({
      title: live.failed.kept(session.model.backend),
      message: error.message,
      mild: true,
      actions: [{ title: live.dismiss, run: () => {} }],
    })
  }
}

/**
 * Says what failed and offers what may help.
 * @param {'load' | 'style' | 'run' | 'lost'} doing
 */
function report(error, doing) {
  run?.abort()
  run = null
  settle()
  stage.say('')
  const retry = { title: live.retry, run: () => (state.digit === undefined ? load() : draw()) }
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
  controls.adopt(model)
  if (state.digit === undefined) {
    stage.say(live.ready)
    announce(live.ready)
  }
}

function showProgress({ phase, loaded, total, title = live.loading }) {
  if (phase === 'start') stage.showProgress({ title: live.starting })
  else stage.showProgress({ title, detail: live.downloaded(loaded, total), loaded, total })
}

/** Called whenever something begins or ends. */
function settle() {
  stage.busy = controls.busy = Boolean(run) || session.loading
  if (!session.loading) stage.hideProgress()
}

stage.showProgress({ title: live.loading })
load()
