// WebGPU devices can be lost at any time (driver reset, sleep, another tab); the engine itself does not hear of it.

/** Is there an adapter at all? Answers before anything heavy is loaded. */
export async function hasWebGpu() {
  try {
    return Boolean(await navigator.gpu?.requestAdapter())
  } catch {
    return false
  }
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
