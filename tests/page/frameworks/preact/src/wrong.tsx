// What must not compile.
import 'digit-diffusion/preact'

export const right = <digit-diffusion turbo ondone={event => event.detail.seed} onError={event => event.message} onTrained={event => event.detail.name} lora-scale="0.5" />
export const wrong = [
  // @ts-expect-error
  <digit-diffusion onFinish={() => {}} />,
  // @ts-expect-error
  <digit-diffusion sampler="plms" />,
  // @ts-expect-error
  <digit-diffusion loraScale="strong" />,
  // @ts-expect-error
  <digit-diffusion turbo={{ steps: 4 }} />,
  // @ts-expect-error
  <digit-diffusion strength={1} />,
  // @ts-expect-error
  <digit-diffusion onDone={event => event.detail.labels} />,
]
