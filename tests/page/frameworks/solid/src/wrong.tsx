// What must not compile.
import 'digit-diffusion/solid'

export const right = () => <digit-diffusion prop:loraScale={0.5} lora-scale="0.5" turbo prop:turbo={4} onDone={event => event.detail.seed} />
export const wrong = () => [
  // @ts-expect-error
  <digit-diffusion on:finish={() => {}} />,
  // @ts-expect-error
  <digit-diffusion sampler="plms" />,
  // @ts-expect-error
  <digit-diffusion loraScale="strong" />,
  // @ts-expect-error
  <digit-diffusion turbo={{ steps: 4 }} />,
  // @ts-expect-error
  <digit-diffusion strength={1} />,
  // @ts-expect-error
  <digit-diffusion on:done={event => event.detail.labels} />,
]
