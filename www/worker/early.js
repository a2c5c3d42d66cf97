// The worker's end of downloads that the page has begun (early-downloads.js): each is a response like any other.
// Tests: tests/page/first-visit.test.mjs, download-resume.test.mjs

/** By address; undefined where the download failed. @type {Map<string, Promise<{ response: Response, stop: (reason: unknown) => void } | undefined>>} */
const begun = new Map()

/** @param {{ url: string, port: MessagePort }[]} early */
export function expectEarly(early) {
  for (const { url, port } of early) begun.set(url, open(port))
}

/**
 * The response that has begun for `url`, once.
 * @param {URL} url @param {AbortSignal} [signal]
 */
export async function takeEarly(url, signal) {
  const promise = begun.get(url.href)
  begun.delete(url.href)
  const given = await promise
  const stop = () => given.stop(signal.reason)
  if (signal?.aborted) given?.stop(signal.reason)
  else if (given) signal?.addEventListener('abort', stop, { once: true })
  return given?.response
}

/** @param {MessagePort} port */
function open(port) {
  return new Promise(resolve => {
    /** @type {ReadableStreamDefaultController} */
    let controller
    const close = () => port.close()
    const body = new ReadableStream({
      start: it => void (controller = it),
      cancel() {
        port.postMessage('cancel')
        close()
      },
    })
    const stop = reason => {
      port.postMessage('cancel')
      close()
      controller.error(reason)
    }
    port.onmessage = ({ data: { headers, type, chunk, done, failed } }) => {
      if (headers) {
        const response = new Response(body, { headers })
        Object.defineProperty(response, 'type', { value: type }) // whether parts of it may be asked for depends on that
        resolve({ response, stop })
      } else if (chunk) controller.enqueue(chunk)
      else if (done) {
        controller.close()
        close()
      } else if (failed) {
        resolve(undefined)
        controller.error(new TypeError('the connection broke off'))
        close()
      }
    }
  })
}
