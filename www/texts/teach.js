// What the section says in which visitors teach the model their hand, in English; teach-zh.js has it in Chinese. Loaded with teach.js.
// Tests: tests/page/texts.test.mjs, teach-pad.test.mjs

const plural = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`
/** @param {number} seconds */
const duration = seconds => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`)

/** @param {import('../words.js').Words} words @param {typeof import('../words.js').forms} forms */
export function teachOf({ one, many, count }, { an, isolate, quote }) {
  const alone = count === 1
  const digits = one === 'digit'
  const named = label => (alone ? one : `${one} ${quote(label)}`)
  const drawn = label => (alone ? an(one) : digits ? an(quote(label)) : `the ${named(label)}`)
  const capital = text => text.charAt(0).toUpperCase() + text.slice(1)
  const texts = {
    styleTitle: 'My hand',
    // The pad.
    ask: label => `Draw ${drawn(label)}`,
    which: `Which ${one} to draw`,
    pad: label => `Pad: draw ${drawn(label)} here`,
    padHint: 'With a finger, a pen or the mouse, as you write it, about as large as the dashed square.',
    padKeyboard: `By keyboard: the arrow keys move the pen, the space bar sets it down and lifts it, Backspace takes a stroke back, Delete clears, Enter is done${alone ? '' : `, and a typed ${one === 'picture' ? 'name' : one} asks for that one`}.`,
    undo: 'Undo',
    clear: 'Clear',
    next: 'Next',
    auto: 'Go on by itself after a pause',
    penDown: 'Pen down.',
    penUp: 'Pen up.',
    taken: (label, n) => `${capital(named(label))}: ${plural(n, 'drawing')}.`,
    back: 'The last drawing is back on the pad.',
    notPrepared: reason => `This drawing could not be taken, and is back on the pad. ${reason}`,
    // Photographs.
    photos: 'Add photographs',
    photosHint: `Of ${many} on paper or on a screen; several on one picture are found one by one. Or drop them on this page.`,
    reading: file => `Looking at ${file}`,
    photosFound: (n, files) => `${plural(n, one, many)} found in ${plural(files, 'picture')}.`,
    photoFailed: (file, reason) => `${file}: ${reason}`,
    unsure: file => `${file}: the ink is faint, so have a close look at what was found.`,
    unnamed: n => (n === 1 ? `Which ${one} is this?` : `Which ${many} are these?`),
    unnamedHint: `Type below each what it is: what is typed or pasted runs on from picture to picture. Those left empty can be thrown away.`,
    nameOf: (i, n) => `Picture ${i} of ${n}`,
    noSuchClass: typed => `This model has no class “${isolate(typed)}”.`,
    take: n => `Take ${plural(n, 'picture')}`,
    drop: 'Throw the rest away',
    // The drawings.
    grid: 'Your drawings',
    gridHint: 'This is what the model will see. Choose one to take it out.',
    total: (n, classes) => (alone ? plural(n, 'drawing') : `${plural(n, 'drawing')} · ${classes} of ${plural(count, one, many)}`),
    none: 'none yet',
    ofClass: (label, n) => `Draw ${drawn(label)}: ${n ? plural(n, 'drawing') : 'none yet'}`,
    drawing: (label, i, n) => `Take out: ${named(label)}, drawing ${i} of ${n}`,
    removed: label => `Taken out: ${named(label)}.`,
    putBack: 'Put it back',
    notKept: 'This browser lets the page keep nothing: your drawings are here until you leave. Save what you have taught as a file before that.',
    keptHere: 'Your drawings and what you teach stay in this browser, and leave it only as files that you save.',
    storeFailed: reason => `The browser could not keep this for your next visit (${reason}). All is still here until you leave: save what you have taught as a file.`,
    otherSize: n => `${plural(n, 'drawing')} kept from before do not fit this model, and are left out.`,
    deleteAll: 'Delete everything',
    deleteAllSure: 'Delete all drawings and the style that was taught? This cannot be taken back.',
    deleteYes: 'Delete',
    deleteNo: 'Keep',
    deletedAll: 'Everything was deleted.',
    // Teaching.
    teach: 'Teach',
    teachOn: 'Teach on',
    teachAnew: 'Teach anew',
    few: n => `Draw ${n === 1 ? 'one more' : `${n} more`} to teach.`,
    ready: missing => [missing && `${missing === 1 ? `One ${one} has` : `${missing} ${many} have`} no drawing: there the model learns from what it draws itself, and keeps closer to its own hand.`, 'Twenty drawings or more teach best.'].filter(Boolean).join(' '),
    starting: 'Getting ready to teach',
    started: n => `Teaching with ${plural(n, 'drawing')}.`,
    progress: ({ step, total, rate, left }) =>
      [`Step ${step.toLocaleString('en')} of ${total.toLocaleString('en')}`, rate && `${Math.round(rate).toLocaleString('en')} pictures per second`, left !== undefined && `about ${duration(left)} left`].filter(Boolean).join(' · '),
    progressOf: 'Progress of teaching',
    paused: 'Paused.',
    wentOn: 'Teaching goes on.',
    finishing: 'Keeping what was learnt',
    pause: 'Pause',
    goOn: 'Go on',
    stopAndKeep: 'Stop and keep',
    throwAway: 'Throw away',
    thrownAway: 'What was being taught was thrown away. The drawings are still here.',
    loss: 'Loss',
    lossText: 'How far the model’s guesses are from your drawings: lower is better. The line is of those that it learns from; dots, where there are enough drawings, are of a few that are held back.',
    lossOf: ({ first, last }) => `Loss, from ${first.toFixed(3)} at the start to ${last.toFixed(3)} now`,
    base: 'Base model',
    mine: 'Your hand',
    preview: (label, model) => `${capital(named(label))}, ${model}`,
    failed: 'Teaching stopped',
    checkpointKept: 'The last checkpoint is here: you can go on from it.',
    brokeOff: ({ step, total }) => `Teaching broke off at step ${step} of ${total}.`,
    // What was taught.
    result: 'Your style',
    resultText: 'It stands among the styles above, with a strength, and can be mixed with the others.',
    learnt: ({ step }) => `Learnt in ${plural(step, 'step')}.`,
    done: title => `Done: “${title}” is one of the styles now.`,
    title: 'Its name',
    drawWith: `Draw with it`,
    savePeft: 'Save the LoRA',
    saveConfig: 'Its configuration',
    saveText: 'The LoRA is a .safetensors file for diffusers, the trainer, and this page, which opens it again. PEFT itself wants it as adapter_model.safetensors in a folder with its configuration, adapter_config.json.',
    saveKohya: 'Save for kohya',
    saveFailed: 'It could not be saved',
    deleteStyle: 'Delete the style',
    deletedStyle: title => `The style “${title}” was deleted.`,
    otherBase: 'It was taught to another base model than the one here, and may draw nonsense.',
  }
  return texts
}
