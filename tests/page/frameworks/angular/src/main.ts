import { Component, CUSTOM_ELEMENTS_SCHEMA, signal } from '@angular/core'
import { bootstrapApplication } from '@angular/platform-browser'
import { DigitDiffusion, type DigitDiffusionElementEventMap } from 'digit-diffusion'

@Component({
  selector: 'app-root',
  schemas: [CUSTOM_ELEMENTS_SCHEMA],
  template: `
    @if (shown()) {
      <digit-diffusion
        base="/models/base/" label="7" seed="42" [steps]="2" lora="outline" [loraScale]="scale()" device="cpu" class="picture"
        (load)="loaded($event)" (done)="finished($event)"></digit-diffusion>
    }
    <output id="done">{{ done() }}</output>
    <button id="scale" (click)="scale.set(0.4)">Less</button>
    <button id="toggle" (click)="shown.set(!shown())">Away, and back</button>
    <button id="sample" (click)="sample()">Another</button>
    <output id="sampled">{{ sampled() }}</output>
  `,
})
class App {
  readonly model = signal<DigitDiffusion | undefined>(undefined)
  readonly scale = signal(0.8)
  readonly shown = signal(true)
  readonly done = signal(0)
  readonly sampled = signal('')

  loaded(event: DigitDiffusionElementEventMap['load']) {
    if (event.detail.model instanceof DigitDiffusion) this.model.set(event.detail.model)
  }

  finished(event: DigitDiffusionElementEventMap['done']) {
    this.done.update(done => done + Number(event.detail.seed === 42))
  }

  async sample() {
    const model = this.model()
    if (!model) return
    let steps = 0
    for await (const { total } of model.sample({ label: 3, seed: 1, steps: 2 })) steps = total
    this.sampled.set(`${model.backend} ${steps}`)
  }
}

void bootstrapApplication(App)
