// What must not compile.
import 'digit-diffusion/react'

export const right = <digit-diffusion turbo="turbo-2" ontrain={event => event.detail.loss} ontrained={event => event.detail.model.labels} />
export const wrong = [
  // @ts-expect-error: React would listen to an event called Done
  <digit-diffusion onDone={() => {}} />,
  // @ts-expect-error
  <digit-diffusion sampler="plms" />,
  // @ts-expect-error
  <digit-diffusion loraScale="strong" />,
  // @ts-expect-error
  <digit-diffusion turbo={{ steps: 4 }} />,
  // @ts-expect-error
  <digit-diffusion strength={1} />,
  // @ts-expect-error
  <digit-diffusion ondone={(event: MouseEvent) => event} />,
  // @ts-expect-error
  <digit-diffusion ondone={event => event.detail.labels} />,
  // @ts-expect-error
  <digit-diffusion ontrained={event => event.detail.loss} />,
]
