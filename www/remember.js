// What is kept from visit to visit: how fast each device of this machine was. Where nothing can be kept, it is measured again.
// Tests: tests/page/devices.test.mjs
const KEY = 'digit-diffusion'

export function recall() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? undefined
  } catch {
    return undefined // sandboxed, or not ours
  }
}

export function remember(value) {
  try {
    localStorage.setItem(KEY, JSON.stringify(value))
  } catch {
    // Sandboxed, or full.
  }
}
