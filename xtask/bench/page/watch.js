// Before anything else in the page: counts what goes to the GPU and comes back, and finds WebAssembly's memories.
globalThis.counts = { dispatches: 0, reads: 0 }
const memories = new Set()
globalThis.wasmBytes = () => [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0)

const count = (prototype, method, name) => {
  const original = prototype?.[method]
  if (!original) return
  prototype[method] = function (...args) {
    counts[name]++
    return original.apply(this, args)
  }
}
count(globalThis.GPUComputePassEncoder?.prototype, 'dispatchWorkgroups', 'dispatches')
count(globalThis.GPUComputePassEncoder?.prototype, 'dispatchWorkgroupsIndirect', 'dispatches')
count(globalThis.GPUBuffer?.prototype, 'mapAsync', 'reads')

const { Memory } = WebAssembly
WebAssembly.Memory = function (...args) {
  const memory = new Memory(...args)
  memories.add(memory)
  return memory
}
WebAssembly.Memory.prototype = Memory.prototype
for (const method of ['instantiate', 'instantiateStreaming']) {
  const original = WebAssembly[method]
  WebAssembly[method] = async (...args) => {
    const result = await original.apply(WebAssembly, args)
    for (const value of Object.values((result.instance ?? result).exports)) if (value instanceof Memory) memories.add(value)
    return result
  }
}
