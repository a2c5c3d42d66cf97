// The page's end of the workers that help a model's own: starts them, gives each a line to the one that it helps, and ends them.
// Tests: tests/page/helpers.test.mjs
import { RELEASE } from './release.js'
import { startWorker } from './start-worker.js'

export class HelperWorkers {
  /** What ends each. @type {Map<number, () => void>} */
  #ends = new Map()
  #address
  #tell

  /** @param {() => URL} address of their script, which is that of the worker that they help
   * @param {(message: object, transfer: Transferable[]) => void} tell tells the worker that is helped: `port`, its line to helper `id`; without one, that it is lost */
  constructor(address, tell) {
    this.#address = address
    this.#tell = tell
  }

  /** What the worker asks for. @param {{ start?: number[], end?: number[] }} asked */
  change({ start = [], end = [] }) {
    end.forEach(id => this.#end(id))
    start.forEach(id => this.#start(id))
  }

  /** Ends all. */
  end() {
    for (const id of this.#ends.keys()) this.#end(id)
  }

  /** @param {number} id */
  #start(id) {
    /** @type {Worker | undefined} */
    let worker
    let ready = false
    const lose = () => {
      if (this.#end(id)) this.#tell({ helper: { id } }, [])
    }
    this.#ends.set(id, () => {
      worker?.terminate()
      starting?.end()
    })
    const starting = startWorker(this.#address(), {
      onstart: started => {
        worker = started
        if (!this.#ends.has(id)) return worker.terminate()
        worker.onmessage = ({ data }) => {
          if (data.ready !== RELEASE) return lose() // of another release, or it has died
          ready = true
          starting.end()
          const { port1, port2 } = new MessageChannel()
          worker.postMessage({ helps: port1 }, [port1])
          this.#tell({ helper: { id, port: port2 } }, [port2])
        }
        worker.onerror = event => {
          event.preventDefault()
          if (ready) return lose()
          worker.terminate()
          starting.next()
        }
      },
      onfail: lose,
    })
  }

  /** @param {number} id */
  #end(id) {
    const end = this.#ends.get(id)
    this.#ends.delete(id)
    end?.()
    return Boolean(end)
  }
}
