// WebGPU devices can be lost at any time (driver reset, sleep, another tab); the engine itself does not hear of it.
// Tests: tests/page/devices.test.mjs

/** Why WebGPU cannot be had, or undefined if it can: known before anything heavy is loaded. */
export async function whyNoWebGpu() {
  if (!navigator.gpu) return isSecureContext ? 'browser' : 'insecure'
  const adapter = await navigator.gpu.requestAdapter().catch(() => null)
  return adapter ? undefined : 'machine'
}

/** What the browser tells of the GPU, to know it again; null where there is none. */
export async function describeGpu() {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null)
  if (!adapter) return null
  const { vendor, architecture, device, description } = adapter.info ?? {}
  return [vendor, architecture, device, description]
}

/** Calls `onlost` for every device that this worker loses. To be installed before the engine asks for its device. */
export function watchDevices(onlost) {
  const prototype = globalThis.GPUAdapter?.prototype
  if (!prototype) return
  const { requestDevice } = prototype
  prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args)
    device.lost.then(onlost)
    return device
  }
}
