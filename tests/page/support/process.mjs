// Programs that a test starts and ends: browsers, their drivers, a display.
import { spawn } from 'node:child_process'

/**
 * Starts a program; `stop` ends it.
 * @param {string} command @param {string[]} args @param {import('node:child_process').SpawnOptions} options
 */
export function start(command, args, options) {
  const child = spawn(command, args, options)
  const ended = new Promise(resolve => child.once('exit', resolve))
  const failed = new Promise((_, reject) => {
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`${command} ended (${code}) before it was ready`)))
  })
  failed.catch(() => {})
  const stop = async () => {
    child.kill()
    await ended
  }
  /** The first match in what it prints on `stream`. @param {import('node:stream').Readable} stream @param {RegExp} pattern */
  const says = (stream, pattern) =>
    Promise.race([
      failed,
      new Promise(resolve => {
        let text = ''
        stream.on('data', chunk => {
          text += chunk
          const match = pattern.exec(text)
          if (match) resolve(match[1])
        })
      }),
    ])
  return { child, failed, says, stop }
}
