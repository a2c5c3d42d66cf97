//! Whole trajectories against diffusers: x_t after every step, and the predicted x_0 of every step.

use diffusion::guidance::guide;
use diffusion::schedule::{NoiseSchedule, ScheduleConfig};
use diffusion::state::{HostTensor, StateDict};
use diffusion::{Backend, Base, Model, Request, SamplerKind};
use serde_json::Value;

use crate::support::*;

/// Starts at sigma 20,291, where one f32 step is 2e-3: there 1e-3 is meant relative to x (see the fixtures' README).
const RELATIVE: &str = "euler_v_guided";

struct Case {
    name: String,
    sampler: SamplerKind,
    schedule: ScheduleConfig,
    steps: usize,
    guidance_scale: f32,
    eta: f32,
    max_abs_x_t: Vec<f32>,
    max_abs_x0: Vec<f32>,
    /// How far a run drifts, relative to its largest value, when every output of the network is off by 1e-6.
    drift: f32,
}

fn cases() -> (Vec<usize>, Vec<Case>) {
    let listing = json("trajectories/trajectories.json");
    let number = |value: &Value| value.as_f64().unwrap() as f32;
    let make = |(name, entry): (&String, &Value)| {
        let mut schedule = entry["schedule"].clone();
        schedule["prediction_type"] = entry["prediction_type"].clone();
        Case {
            name: name.clone(),
            sampler: SamplerKind::from_name(entry["sampler"].as_str().unwrap()).unwrap(),
            schedule: ScheduleConfig::from_json(&schedule.to_string()).unwrap(),
            steps: entry["num_inference_steps"].as_u64().unwrap() as usize,
            guidance_scale: number(&entry["guidance_scale"]),
            eta: number(&entry["eta"]),
            max_abs_x_t: entry["max_abs_x_t"].as_array().unwrap().iter().map(number).collect(),
            max_abs_x0: entry["max_abs_x0"].as_array().unwrap().iter().map(number).collect(),
            drift: number(&entry["drift_at_1e-6"]),
        }
    };
    let cases: Vec<Case> = listing["cases"].as_object().unwrap().iter().map(make).collect();
    assert_eq!(cases.len(), 17);
    (serde_json::from_value(listing["labels"].clone()).unwrap(), cases)
}

impl Case {
    /// What a network that is off by 3e-5 may cause, and never more than 1e-3.
    fn tolerance(&self, largest: f32) -> f32 {
        let largest = largest.max(1.0);
        let unit = if self.name == RELATIVE { largest } else { 1.0 };
        (30.0 * self.drift * largest).clamp(1e-4 * unit, 1e-3 * unit)
    }

    /// The largest differences of x_t and x_0 (for the relative case, per unit of the largest value).
    fn compare(&self, file: &StateDict, step: usize, x_t: &[f32], x_0: &[f32]) -> [f32; 2] {
        let of = |kind: &str, got: &[f32], largest: f32| {
            let all = &file[&format!("{}.{kind}", self.name)].values;
            let want = &all[step * got.len()..(step + 1) * got.len()];
            let what = format!("{} step {step} {kind}", self.name);
            let off = assert_close(&what, got, want, self.tolerance(largest));
            if self.name == RELATIVE { off / largest.max(1.0) } else { off }
        };
        [of("x_t", x_t, self.max_abs_x_t[step]), of("pred_original_sample", x_0, self.max_abs_x0[step])]
    }
}

fn larger(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0].max(b[0]), a[1].max(b[1])]
}

/// Every case, with the noise of the fixture also inside the run.
fn drive(backend: &Backend) -> Vec<(String, [f32; 2])> {
    let file = tensors("trajectories/trajectories.safetensors");
    let base = base("tiny");
    let model = Model::new(base.clone(), backend.clone()).unwrap();
    let (labels, cases) = cases();
    let null = vec![base.info.null_class(); labels.len()];
    let (guided, plain) = ([null, labels.clone()].concat(), labels);

    let run = |case: &Case| {
        let schedule = NoiseSchedule::new(case.schedule.clone());
        let mut sampler = case.sampler.start(&schedule, case.steps, 4 * 14 * 14, case.eta).unwrap();
        let (noise, step_noise) = (&file["noise"], &file["step_noise"].values);
        let len = noise.values.len();
        let mut x: Vec<f32> = noise.values.iter().map(|z| z * sampler.init_noise_sigma()).collect();
        let mut worst = [0.0; 2];
        for step in 0..case.steps {
            let scale = sampler.input_scale(step);
            let input: Vec<f32> = x.iter().map(|x| x * scale).collect();
            let doubled = case.guidance_scale != 1.0;
            let (input, rows, labels) =
                if doubled { ([&input[..], &input].concat(), 4, &guided) } else { (input, 2, &plain) };
            let input = HostTensor { shape: vec![rows, 4, 14, 14], values: input };
            let timesteps = vec![sampler.timesteps()[step]; rows];
            let mut output = model.predict(&input, &timesteps, labels).unwrap();
            if doubled {
                output = guide(&output[..len], &output[len..], case.guidance_scale);
            }
            let fresh = if sampler.needs_noise(step) { &step_noise[step * len..(step + 1) * len] } else { &[] };
            let x_0 = sampler.step(step, &output, &mut x, fresh);
            worst = larger(worst, case.compare(&file, step, &x, &x_0));
        }
        (case.name.clone(), worst)
    };
    cases.iter().map(run).collect()
}

#[test]
fn trajectories_are_those_of_diffusers() {
    for (device_name, backend) in backends() {
        for (name, [x_t, x_0]) in drive(&backend) {
            println!("{name} on {device_name}: x_t {x_t:e}, x_0 {x_0:e}");
        }
    }
}

/// The same through the front door, for the cases that draw no noise of their own.
#[test]
fn model_generate_walks_the_same_trajectories() {
    let file = tensors("trajectories/trajectories.safetensors");
    let (labels, cases) = cases();
    for case in cases.iter().filter(|case| case.sampler != SamplerKind::Ddpm && case.eta == 0.0) {
        let base = Base { schedule: case.schedule.clone(), ..base("tiny") };
        let request = Request {
            labels: labels.clone(),
            seeds: vec![0, 1],
            num_inference_steps: case.steps,
            sampler: case.sampler,
            timestep_spacing: None,
            guidance_scale: case.guidance_scale,
            guidance_start: 0.0,
            guidance_stop: 1.0,
            guidance_eta: 1.0,
            eta: case.eta,
            latents: Some(file["noise"].values.clone()),
            attention: false,
        };
        let mut worst = [0.0; 2];
        let mut steps = 0;
        for (index, step) in Model::new(base, Backend::Cpu).unwrap().generate(request).unwrap().enumerate() {
            let step = step.unwrap();
            assert_eq!((step.step, step.total), (index + 1, case.steps));
            worst = larger(worst, case.compare(&file, index, &step.sample, &step.pred_original_sample));
            steps += 1;
        }
        assert_eq!(steps, case.steps);
        println!("{} through generate: x_t {:e}, x_0 {:e}", case.name, worst[0], worst[1]);
    }
}

/// The fixtures have every sampler, with and without guidance, and both predictions.
#[test]
fn the_cases_cover_what_there_is() {
    let (_, cases) = cases();
    for kind in SamplerKind::ALL {
        for guided in [false, true] {
            let has = |case: &Case| case.sampler == kind && (case.guidance_scale != 1.0) == guided;
            assert!(cases.iter().any(has), "{} guided: {guided}", kind.name());
        }
        for prediction in ["epsilon", "v_prediction"] {
            let has = |case: &Case| case.sampler == kind && case.schedule.prediction_type.name() == prediction;
            assert!(cases.iter().any(has), "{} {prediction}", kind.name());
        }
    }
}
